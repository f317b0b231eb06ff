//! What becomes of a job: pure steps from one state to the next.

use std::time::Duration;

use super::{Job, Missed};
use crate::{
    clock::Timestamp,
    delivery::{Outcome, Retry},
    random::Random,
};

/// A run that begins within this time is not late.
pub const GRACE: Duration = Duration::from_secs(60);
/// How many late runs follow each other at the most, before the newest is next.
pub const MAX_CATCH_UP: u32 = 1000;

/// A job and how far it is, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) job: Job,
    /// When it was scheduled.
    pub(super) since: Timestamp,
    pub(super) runs: u64,
    pub(super) last: Option<Timestamp>,
    /// When the present run is due. It only grows, whatever the clock does: nothing is due twice.
    pub(super) due: Timestamp,
    /// Attempts at it that have begun.
    pub(super) attempts: u32,
    /// Late runs in a row.
    pub(super) late: u32,
    /// When the run may be taken: when it is due, is to be tried again, or its lease ends.
    pub(super) ready: Timestamp,
    /// The process that has leased it.
    pub(super) owner: Option<u64>,
}

/// What became of the run that was ready.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Began {
    /// It runs.
    Attempt(State),
    /// It does not; the job goes on.
    Passed(State),
    /// It does not, and there is no other.
    Over,
}

impl State {
    /// A job that is scheduled now; `None` if it is never due.
    pub(super) fn new(job: Job, now: Timestamp) -> Option<Self> {
        let due = job.schedule.first(now)?;
        let state =
            Self { job, since: now, runs: 0, last: None, due, attempts: 0, late: 0, ready: due, owner: None };
        // A first time in the past is no run that was missed: the job was not there.
        state.may(due).then_some(state)
    }

    /// Begins an attempt, or finds that the run is not to be made.
    pub(super) fn begin(mut self, now: Timestamp, lease: Duration, owner: u64, retry: &Retry) -> Began {
        if self.attempts == 0 {
            if self.catches_up(now) {
                return passed(self.next());
            }
        } else if self.owner.is_some() && retry.max_attempts.is_some_and(|max| self.attempts >= max) {
            // Its last attempt never settled: perhaps it is what stops the process each time.
            return passed(self.finish());
        }
        self.attempts = self.attempts.saturating_add(1);
        self.ready = now + lease;
        self.owner = Some(owner);
        Began::Attempt(self)
    }

    /// Ends an attempt. `None`: the job is over. The second says whether it is to be tried again.
    pub(super) fn settle(
        mut self,
        outcome: &Outcome,
        now: Timestamp,
        retry: &Retry,
        random: &dyn Random,
    ) -> (Option<Self>, bool) {
        let again = match outcome {
            Outcome::Done | Outcome::Reject { .. } => None,
            Outcome::Retry { after, .. } => retry.next(self.attempts, self.due, now, *after, random),
            Outcome::Returned => {
                self.attempts = self.attempts.saturating_sub(1);
                Some(self.due)
            }
        };
        match again {
            Some(at) => {
                self.ready = at;
                self.owner = None;
                (Some(self), true)
            }
            None => (self.finish(), false),
        }
    }

    /// Gives up a lease that another process had.
    pub(super) fn void(mut self, now: Timestamp) -> Self {
        self.ready = now.min(self.ready);
        // The owner stays: it says that the attempt never settled.
        self
    }

    /// Applies the policy for what was missed to a run that is about to begin. Gives whether there is none to begin.
    fn catches_up(&mut self, now: Timestamp) -> bool {
        let newest = self.newest(now);
        match self.job.missed {
            Missed::RunOnce => self.due = newest,
            Missed::Skip => {
                self.due = newest;
                return now.since(newest) > GRACE && self.is_repeated();
            }
            Missed::RunAll if newest == self.due => self.late = 0,
            Missed::RunAll if self.late >= MAX_CATCH_UP => (self.due, self.late) = (newest, 0),
            Missed::RunAll => self.late += 1,
        }
        false
    }

    /// A job that is due once was not missed by being asked for late, if that was in its past from the beginning.
    fn is_repeated(&self) -> bool {
        self.due > self.since
    }

    fn newest(&self, now: Timestamp) -> Timestamp {
        let now = self.job.until.map_or(now, |until| until.min(now)).max(self.due);
        self.job.schedule.newest(self.since, self.due, now)
    }

    fn finish(mut self) -> Option<Self> {
        self.runs += 1;
        self.last = Some(self.due);
        match self.job.max_runs.is_some_and(|max| self.runs >= max.into()) {
            true => None,
            false => self.next(),
        }
    }

    fn next(mut self) -> Option<Self> {
        let next = self.job.schedule.next_after(self.since, self.due).filter(|next| self.may(*next))?;
        (self.due, self.ready, self.attempts, self.owner) = (next, next, 0, None);
        Some(self)
    }

    fn may(&self, due: Timestamp) -> bool {
        self.job.until.is_none_or(|until| due <= until)
    }
}

fn passed(next: Option<State>) -> Began {
    next.map_or(Began::Over, Began::Passed)
}
