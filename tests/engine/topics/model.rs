//! What a topic is, as lists: every event, every group's entries, the letters.

use std::{collections::BTreeMap, time::Duration};

use mecha_primitives::{
    clock::Timestamp,
    commit::Stamp,
    delivery::{Outcome, Retry, Settled},
    pubsub::begin::Start,
};

/// A model that is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    Delay,
    Order,
    /// A lease that ran out does not count.
    Attempt,
}

pub(super) const GROUPS: [&str; 2] = ["ordered", "loose"];
pub(super) const LEASE: Duration = Duration::from_secs(5);
pub(super) const WINDOW: Duration = Duration::from_secs(8);
pub(super) const RETRY: Retry = Retry {
    max_attempts: Some(3),
    max_age: Some(Duration::from_secs(20)),
    min: Duration::from_secs(1),
    max: Duration::from_secs(4),
};
const TICK: Duration = Duration::from_millis(1);

/// What is published.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// In the event's data: no two publications share it.
    pub(super) serial: u64,
    pub(super) kind: &'static str,
    /// By which it is recognized.
    pub(super) id: Option<String>,
    pub(super) key: Option<&'static str>,
    pub(super) delay: Option<Duration>,
    pub(super) ttl: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) draft: Draft,
    pub(super) stamp: Stamp,
    published: Timestamp,
    /// The topic has it until then.
    ends: Option<Timestamp>,
    is_kept: bool,
    /// Groups that have yet to settle it, of those that it was published to.
    holders: usize,
}

impl Event {
    pub(super) fn is_there(&self, now: Timestamp) -> bool {
        (self.is_kept || self.holders > 0) && self.ends.is_none_or(|at| at > now)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// From then on.
    Due(Timestamp),
    /// By the lease of this number.
    Leased(Timestamp, u64),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) event: usize,
    key: Option<&'static str>,
    pub(super) attempts: u32,
    first_due: Timestamp,
    ends: Option<Timestamp>,
    pub(super) place: Place,
    /// The event is there for it.
    holds: bool,
}

/// A dead letter: by whom, and after how many attempts.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) group: usize,
    pub(super) event: Event,
    pub(super) attempts: u32,
}

impl Entry {
    pub(super) fn is_leased(&self) -> bool {
        matches!(self.place, Place::Leased(..))
    }
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) bug: Option<Bug>,
    pub(super) keep: Option<Duration>,
    pub(super) events: Vec<Event>,
    /// In the order of their events.
    pub(super) entries: [Vec<Entry>; 2],
    pub(super) letters: Vec<Letter>,
    seen: BTreeMap<String, Timestamp>,
    leases: u64,
    pub(super) expired: u64,
}

/// Whether the group has a part in such an event.
pub(super) fn wants(group: usize, kind: &str) -> bool {
    [["both", "ordered"], ["both", "loose"]][group].contains(&kind)
}

impl Model {
    pub(super) fn new(bug: Option<Bug>, keep: Option<Duration>) -> Self {
        Self { bug, keep, ..Self::default() }
    }

    /// Publishes, and says which of these the topic has now: repetitions it has not, nor what nobody wants.
    pub(super) fn publish(&mut self, drafts: &[Draft], now: Timestamp) -> Vec<usize> {
        let mut made = vec![];
        for draft in drafts {
            if let Some(id) = &draft.id {
                if self.seen.get(id).is_some_and(|until| *until > now) {
                    continue;
                }
                self.seen.insert(id.clone(), now + WINDOW);
            }
            let wanted: Vec<_> = (0..GROUPS.len()).filter(|group| wants(*group, draft.kind)).collect();
            if wanted.is_empty() && self.keep.is_none() {
                continue;
            }
            let (event, ttl) = (self.events.len(), draft.ttl.map(|ttl| now + ttl));
            let delay = draft.delay.filter(|_| self.bug != Some(Bug::Delay));
            let first_due = now + delay.unwrap_or_default();
            for group in &wanted {
                let holds = self.keep.is_none();
                self.enter(*group, event, draft.key, (first_due, ttl), holds);
            }
            let ends = ttl.into_iter().chain(self.keep.map(|keep| now + keep)).min();
            let (is_kept, stamp) = (self.keep.is_some(), Stamp::default());
            let holders = if is_kept { 0 } else { wanted.len() };
            self.events.push(Event { draft: draft.clone(), stamp, published: now, ends, is_kept, holders });
            made.push(event);
        }
        made
    }

    fn enter(
        &mut self,
        group: usize,
        event: usize,
        key: Option<&'static str>,
        (first_due, ends): (Timestamp, Option<Timestamp>),
        holds: bool,
    ) {
        let key = key.filter(|_| group == 0);
        let place = Place::Due(first_due);
        self.entries[group].push(Entry { event, key, attempts: 0, first_due, ends, place, holds });
    }

    /// Forgets the group, and begins it anew.
    pub(super) fn begin(&mut self, group: usize, start: Start, now: Timestamp) {
        self.pass(now);
        while !self.entries[group].is_empty() {
            self.release(group, 0);
        }
        let from = match start {
            Start::New => return,
            Start::Earliest => Timestamp(0),
            Start::At(time) => time,
        };
        for index in 0..self.events.len() {
            let Event { published, ends, draft, .. } = &self.events[index];
            let (published, ends, key) = (*published, *ends, draft.key);
            if self.events[index].is_there(now) && published >= from && wants(group, draft.kind) {
                self.enter(group, index, key, (published, ends), false);
            }
        }
    }

    pub(super) fn replay(&mut self, letter: usize, now: Timestamp) {
        let Letter { group, event, .. } = self.letters.remove(letter);
        let index = self.events.len();
        self.enter(group, index, event.draft.key, (now, None), true);
        self.events.push(Event { ends: None, is_kept: false, holders: 1, ..event });
    }

    /// The letter is published when it is one.
    fn bury(&mut self, group: usize, event: Event, attempts: u32) {
        self.letters.push(Letter { group, event, attempts });
    }

    /// What expired is gone.
    pub(super) fn pass(&mut self, now: Timestamp) {
        for entries in &mut self.entries {
            let before = entries.len();
            entries.retain(|entry| entry.is_leased() || entry.ends.is_none_or(|at| at > now));
            self.expired += (before - entries.len()) as u64;
        }
    }

    fn release(&mut self, group: usize, entry: usize) {
        let entry = self.entries[group].remove(entry);
        if entry.holds {
            self.events[entry.event].holders -= 1;
        }
    }

    /// Who takes looks for leases that ran out, and drops what is due and of which the event is gone.
    pub(super) fn tidy(&mut self, group: usize, now: Timestamp) {
        self.fail(group, now, false);
        while let Some(index) = self.heads(group, now).into_iter().find(|index| {
            let entry = &self.entries[group][*index];
            !self.events[entry.event].is_there(now)
        }) {
            self.release(group, index);
        }
    }

    /// Ends leases that ran out, or all.
    pub(super) fn fail(&mut self, group: usize, now: Timestamp, is_all: bool) {
        self.pass(now);
        loop {
            let is_over =
                |entry: &Entry| matches!(entry.place, Place::Leased(until, _) if until <= now || is_all);
            let Some(index) = self.entries[group].iter().position(is_over) else { break };
            let entry = &mut self.entries[group][index];
            if self.bug == Some(Bug::Attempt) {
                entry.attempts -= 1;
            }
            let attempts = entry.attempts;
            let is_old = now.since(entry.first_due) > RETRY.max_age.unwrap();
            if attempts >= RETRY.max_attempts.unwrap() || is_old {
                let event = self.events[entry.event].clone();
                // Nobody has the event any more if the topic has not.
                if event.is_there(now) {
                    self.bury(group, event, attempts);
                }
                self.release(group, index);
            } else {
                entry.place = Place::Due(now + TICK);
            }
        }
        self.pass(now);
    }

    /// Entries that are due and not behind another of their key.
    pub(super) fn heads(&self, group: usize, now: Timestamp) -> Vec<usize> {
        let entries = &self.entries[group];
        let is_behind = |index: usize| {
            let key = entries[index].key.filter(|_| self.bug != Some(Bug::Order));
            key.is_some() && entries[..index].iter().any(|other| other.key == key)
        };
        let is_due = |index: usize| matches!(entries[index].place, Place::Due(at) if at <= now);
        (0..entries.len()).filter(|index| is_due(*index) && !is_behind(*index)).collect()
    }

    pub(super) fn lease(&mut self, group: usize, entry: usize, now: Timestamp) -> u64 {
        self.leases += 1;
        let entry = &mut self.entries[group][entry];
        entry.attempts += 1;
        entry.place = Place::Leased(now + LEASE, self.leases);
        self.leases
    }

    /// Settles as was told, if that may be.
    pub(super) fn settle(
        &mut self,
        (group, lease, event): (usize, u64, &Event),
        outcome: &Outcome,
        told: &Settled,
        now: Timestamp,
    ) -> Result<(), String> {
        self.pass(now);
        let is_mine = |entry: &Entry| matches!(entry.place, Place::Leased(_, by) if by == lease);
        let Some(index) = self.entries[group].iter().position(is_mine) else {
            return (*told == Settled::Stale).then_some(()).ok_or(format!("stale, not {told:?}"));
        };
        let entry = &mut self.entries[group][index];
        let (attempts, first_due) = (entry.attempts, entry.first_due);
        let (may_be, is_dead) = match outcome {
            Outcome::Done => (None, false),
            Outcome::Reject { .. } => (None, true),
            Outcome::Returned => (Some((now, now)), false),
            Outcome::Retry { .. } if attempts >= RETRY.max_attempts.unwrap() => (None, true),
            Outcome::Retry { after, .. } => {
                let backoff = RETRY.min.saturating_mul(1 << (attempts - 1)).min(RETRY.max);
                let (least, most) = after.map_or((backoff / 2, backoff), |after| (after, after));
                let is_old = |at: Timestamp| at.since(first_due) > RETRY.max_age.unwrap();
                let may_be = (!is_old(now + least)).then_some((now + least, now + most));
                (may_be, is_old(now + most))
            }
        };
        match told {
            Settled::Later(at)
                if may_be
                    .is_some_and(|(from, to)| from.max(now + TICK) <= *at && *at <= to.max(now + TICK)) =>
            {
                if *outcome == Outcome::Returned {
                    entry.attempts -= 1;
                }
                entry.place = Place::Due(*at);
                Ok(())
            }
            Settled::Dead if is_dead => {
                self.bury(group, event.clone(), attempts);
                self.release(group, index);
                Ok(())
            }
            Settled::Done if *outcome == Outcome::Done => {
                self.release(group, index);
                Ok(())
            }
            other => Err(format!(
                "{other:?} of attempt {attempts}, where later is {may_be:?} and dead is {is_dead}"
            )),
        }
    }

    /// The first moment before `end` at which time alone gives something to who takes.
    pub(super) fn next(&self, group: usize, now: Timestamp, end: Timestamp) -> Option<Timestamp> {
        let times = self.entries[group].iter().flat_map(|entry| match entry.place {
            Place::Due(at) => [Some(at), entry.ends],
            Place::Leased(until, _) => [Some(until), None],
        });
        let mut times: Vec<_> = times.flatten().filter(|at| now < *at && *at < end).collect();
        times.sort_unstable();
        times.into_iter().find(|at| {
            let mut then = Self { entries: self.entries.clone(), ..Self::default() };
            then.pass(*at);
            let is_over = |entry: &Entry| matches!(entry.place, Place::Leased(until, _) if until <= *at);
            !then.heads(group, *at).is_empty() || then.entries[group].iter().any(is_over)
        })
    }
}
