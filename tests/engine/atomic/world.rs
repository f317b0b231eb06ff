//! What was done, told and acknowledged: it outlives every crash, and is what the judges go by.

use std::collections::{BTreeMap, BTreeSet};

use mecha_primitives::delivery::Settled;
use rand::{SeedableRng as _, rngs::StdRng};

use super::history::{History, Step};

/// What became of a run, as far as the host was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has not come to its commit.
    Running,
    /// Its commit was asked for; it may be there.
    Committing,
    Committed,
    /// Nothing of it may be there.
    Aborted,
}

/// One run of an atomic call.
#[derive(Debug)]
pub(super) struct Run {
    /// What it was for; empty for calls that may come as often as they like.
    pub(super) triggers: Vec<String>,
    pub(super) fate: Fate,
    begun: u64,
    steps: Vec<Step>,
    /// Topic and id.
    pub(super) published: Vec<(usize, String)>,
    /// The jobs that it scheduled, and those that it took away, by what is in them.
    pub(super) scheduled: Vec<u64>,
    pub(super) cancelled: Vec<u64>,
    /// How many of these there were when the nested calls began.
    nested: Vec<[usize; 3]>,
}

/// An event's id, as one group has it.
pub(super) type Mine = (usize, String);

pub(super) struct World {
    pub(super) rng: StdRng,
    pub(super) history: History,
    pub(super) runs: BTreeMap<u64, Run>,
    /// Operations and calls that are under way.
    pub(super) open: usize,
    /// Nothing goes wrong on purpose any more.
    pub(super) is_calm: bool,
    pub(super) wrong: Option<String>,
    pub(super) trace: Vec<String>,
    /// Published outside of transactions: whether it was acknowledged.
    pub(super) published: BTreeMap<(usize, String), bool>,
    /// Done by plain groups.
    pub(super) worked: BTreeSet<Mine>,
    /// How the leased were settled, as the pump was told: events and runs of jobs.
    pub(super) told: BTreeMap<String, Settled>,
    /// Which attempt that was.
    told_of: BTreeMap<String, u32>,
    /// Whose last attempt has begun.
    pub(super) last_attempts: BTreeSet<String>,
    /// The events that attempts have seen.
    pub(super) seen: BTreeSet<(usize, String)>,
    /// What clients were answered: the run, by their key.
    pub(super) answers: BTreeMap<String, u64>,
    pub(super) totals: Totals,
    numbers: u64,
}

/// What happened in a life.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) committed: u64,
    pub(super) aborted: u64,
    pub(super) conflicts: u64,
    pub(super) unknown: u64,
    pub(super) nested_undone: u64,
    pub(super) attempts: u64,
    pub(super) stale: u64,
    pub(super) full: u64,
    pub(super) replayed: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            history: History::default(),
            runs: BTreeMap::new(),
            open: 0,
            is_calm: false,
            wrong: None,
            trace: vec![],
            published: BTreeMap::new(),
            worked: BTreeSet::new(),
            told: BTreeMap::new(),
            told_of: BTreeMap::new(),
            last_attempts: BTreeSet::new(),
            seen: BTreeSet::new(),
            answers: BTreeMap::new(),
            totals: Totals::default(),
            numbers: 0,
        }
    }

    pub(super) fn wrong(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }

    /// A number that nobody else is given.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn begin_run(&mut self, triggers: &[String]) -> u64 {
        let token = self.number();
        self.trace.push(format!("run {token} for {triggers:?}"));
        let run = Run {
            triggers: triggers.to_vec(),
            fate: Fate::Running,
            begun: self.history.tick(),
            steps: vec![],
            published: vec![],
            scheduled: vec![],
            cancelled: vec![],
            nested: vec![],
        };
        self.runs.insert(token, run);
        token
    }

    pub(super) fn run(&mut self, token: u64) -> &mut Run {
        self.runs.get_mut(&token).expect("a token is of a run")
    }

    pub(super) fn step(&mut self, token: u64, step: Step) {
        self.run(token).steps.push(step);
    }

    pub(super) fn nest(&mut self, token: u64) {
        let run = self.run(token);
        run.steps.push(Step::Begin);
        run.nested.push([run.published.len(), run.scheduled.len(), run.cancelled.len()]);
    }

    /// A nested call has ended.
    pub(super) fn unnest(&mut self, token: u64, is_kept: bool) {
        let run = self.run(token);
        let [published, scheduled, cancelled] = run.nested.pop().unwrap_or_default();
        if is_kept {
            run.steps.push(Step::Keep);
            return;
        }
        run.steps.push(Step::Undo);
        run.published.truncate(published);
        run.scheduled.truncate(scheduled);
        run.cancelled.truncate(cancelled);
        self.totals.nested_undone += 1;
    }

    /// A run has come to its end, in this way.
    pub(super) fn ended(&mut self, token: u64, fate: Fate) {
        self.trace.push(format!("run {token} {fate:?}"));
        let run = self.run(token);
        run.fate = fate;
        match fate {
            Fate::Committed => self.totals.committed += 1,
            Fate::Aborted => self.totals.aborted += 1,
            Fate::Running | Fate::Committing => return,
        }
        self.remember(token, fate == Fate::Committed);
    }

    /// Puts a run into the history.
    fn remember(&mut self, token: u64, is_kept: bool) {
        let run = self.run(token);
        let (begun, steps) = (run.begun, std::mem::take(&mut run.steps));
        self.history.happened(begun, steps, is_kept);
    }

    /// The runs of which nobody knows whether they have happened.
    pub(super) fn unknown(&self) -> Vec<u64> {
        let unknown = self.runs.iter().filter(|(_, run)| run.fate == Fate::Committing);
        unknown.map(|(token, _)| *token).collect()
    }

    /// Storage tells of a run that nobody knew of.
    pub(super) fn told_by_storage(&mut self, token: u64, is_there: bool) {
        self.totals.unknown += 1;
        self.ended(token, if is_there { Fate::Committed } else { Fate::Aborted });
    }

    /// An attempt begins at something leased.
    pub(super) fn begins(&mut self, trigger: &str, is_last: bool) {
        self.totals.attempts += 1;
        self.trace.push(format!("attempt at {trigger}"));
        if is_last {
            self.last_attempts.insert(trigger.to_owned());
        }
        if let Some(settled @ (Settled::Done | Settled::Dead)) = self.told.get(trigger) {
            let why = format!("{trigger} comes again, and was {settled:?}");
            self.wrong(why);
        }
    }

    /// It was settled, as the pump was told.
    pub(super) fn settled(&mut self, trigger: &str, attempt: u32, settled: &Settled) {
        self.trace.push(format!("{trigger} is {settled:?}"));
        if *settled == Settled::Stale {
            self.totals.stale += 1;
            return;
        }
        if let Some(before @ (Settled::Done | Settled::Dead)) = self.told.get(trigger).cloned() {
            // Of a settlement that may have happened it is told late that it had; a later attempt was faster.
            let is_late = matches!(settled, Settled::Later(_)) && attempt <= self.told_of[trigger];
            if !is_late {
                self.wrong(format!("{trigger} was settled twice: {before:?}, {settled:?}"));
            }
            return;
        }
        self.told.insert(trigger.to_owned(), settled.clone());
        self.told_of.insert(trigger.to_owned(), attempt);
    }

    /// A client has an answer.
    pub(super) fn answered(&mut self, key: &str, token: u64) {
        self.trace.push(format!("{key} was answered by {token}"));
        match self.answers.insert(key.to_owned(), token) {
            Some(before) if before != token => {
                self.wrong(format!("{key} was answered by run {before}, and then by {token}"));
            }
            _ => {}
        }
    }
}
