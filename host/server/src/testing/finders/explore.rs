//! Every order in which processes can go on, each found by running all of them once more.
//!
//! A run is directed by a [`Schedule`]: it says at each point which of the processes that wait goes on. Behind its
//! given beginning it lets the one go on that went last, and notes what else could have been chosen: these are the
//! runs that come later. Those with few switches come first, so the first one that shows something is the easiest to
//! read. Orders that differ only in moves that do not depend on each other are run once: a process that was tried first
//! *sleeps* in the branches beside it, until a move is made that its own depends on.
//! (P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996: sleep sets)
//!
//! Knows nothing of what moves are and how they are made.

use std::{collections::BTreeMap, sync::Arc};

/// What a process does when it goes on.
pub trait Move: Clone {
    /// Whether it matters which of the two comes first. Symmetric; of moves of two processes that wait at one point.
    fn depends_on(&self, other: &Self) -> bool;
}

/// A process, by the order in which they came up.
pub type Process = usize;

/// Which orders are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// How often a process may be made to wait that could go on; `None`: without a bound. With 0, only those orders in
    /// which each process goes on for as long as it can.
    pub preemptions: Option<u32>,
    /// Whether orders that differ only in independent moves are run once.
    pub reduces: bool,
    /// Runs at the most.
    pub runs: usize,
}

/// What is still to be run.
#[derive(Debug)]
pub struct Explorer<M> {
    rule: Rule,
    /// By their preemptions, and then by the order in which they were found.
    frontier: BTreeMap<(u32, u64), Branch<M>>,
    found: u64,
    runs: usize,
    /// Branches that were found and can never be run, since there are too many.
    dropped: usize,
}

/// An order that begins as a run did, and goes on in another way.
#[derive(Debug)]
struct Branch<M> {
    run: Arc<[Process]>,
    at: usize,
    choice: Option<Process>,
    asleep: Vec<(Process, M)>,
}

/// Directs one run.
#[derive(Debug)]
pub struct Schedule<M> {
    rule: Rule,
    given: Vec<Process>,
    /// Those that need not be chosen where the given part ends.
    asleep: Vec<(Process, M)>,
    preemptions: u32,
    chosen: Vec<Process>,
    others: Vec<Other<M>>,
    is_redundant: bool,
}

/// What could have been chosen.
#[derive(Debug)]
struct Other<M> {
    at: usize,
    choice: Process,
    preemptions: u32,
    asleep: Vec<(Process, M)>,
}

impl<M: Move> Explorer<M> {
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        let root = Branch { run: Arc::default(), at: 0, choice: None, asleep: vec![] };
        Self { rule, frontier: BTreeMap::from([((0, 0), root)]), found: 1, runs: 0, dropped: 0 }
    }

    /// What to run next; `None` if all has been run, or as much as may be.
    pub fn next(&mut self) -> Option<Schedule<M>> {
        if self.runs >= self.rule.runs {
            return None;
        }
        let ((preemptions, _), branch) = self.frontier.pop_first()?;
        self.runs += 1;
        let given = branch.run[..branch.at].iter().copied().chain(branch.choice).collect();
        Some(Schedule { asleep: branch.asleep, preemptions, ..Schedule::of(self.rule, given) })
    }

    /// Takes up what a run has shown.
    pub fn learn(&mut self, schedule: Schedule<M>) {
        let run: Arc<[Process]> = schedule.chosen.into();
        for Other { at, choice, preemptions, asleep } in schedule.others {
            let branch = Branch { run: run.clone(), at, choice: Some(choice), asleep };
            self.frontier.insert((preemptions, self.found), branch);
            self.found += 1;
        }
        // More than this can never be run.
        while self.frontier.len() > self.rule.runs {
            self.frontier.pop_last();
            self.dropped += 1;
        }
    }

    /// Beginnings of orders that have not been run.
    #[must_use]
    pub fn left(&self) -> usize {
        self.frontier.len() + self.dropped
    }
}

impl<M: Move> Schedule<M> {
    fn of(rule: Rule, given: Vec<Process>) -> Self {
        Self {
            rule,
            given,
            asleep: vec![],
            preemptions: 0,
            chosen: vec![],
            others: vec![],
            is_redundant: false,
        }
    }

    /// One that makes these choices, and then as few switches as can be.
    #[must_use]
    pub fn replaying(choices: Vec<Process>) -> Self {
        Self::of(Rule { preemptions: Some(0), reduces: false, runs: 1 }, choices)
    }

    /// Which of those that could go on, does. `None` if every order that begins like this has been run already, but for
    /// the order of independent moves: then it does not matter any more.
    pub fn choose(&mut self, ready: &[(Process, M)]) -> Option<Process> {
        if self.is_redundant {
            return None;
        }
        let last =
            self.chosen.last().copied().filter(|last| ready.iter().any(|(process, _)| process == last));
        let given = self.given.get(self.chosen.len()).copied();
        let choice = match given.filter(|given| ready.iter().any(|(process, _)| process == given)) {
            Some(given) => given,
            None => match self.decide(last, ready) {
                Some(choice) => choice,
                None => {
                    self.is_redundant = true;
                    return None;
                }
            },
        };
        self.chosen.push(choice);
        Some(choice)
    }

    /// A choice behind the given part, and what else could be chosen.
    fn decide(&mut self, last: Option<Process>, ready: &[(Process, M)]) -> Option<Process> {
        let price = |process: Process| u32::from(last.is_some_and(|last| last != process));
        let is_awake = |process: Process| !self.asleep.iter().any(|(asleep, _)| *asleep == process);
        let mut awake: Vec<_> = ready.iter().filter(|(process, _)| is_awake(*process)).collect();
        // The one that went last first.
        awake.sort_by_key(|(process, _)| (price(*process), *process));
        let at = self.chosen.len();
        let (choice, _) = **awake.first()?;
        for (tried, (process, its)) in awake.iter().enumerate() {
            let preemptions = self.preemptions + price(*process);
            if self.rule.preemptions.is_some_and(|most| preemptions > most) {
                break;
            }
            if *process == choice {
                continue;
            }
            let before = self.asleep.iter().chain(awake[..tried].iter().copied());
            let asleep = if self.rule.reduces { undisturbed(before, its) } else { vec![] };
            self.others.push(Other { at, choice: *process, preemptions, asleep });
        }
        self.preemptions += price(choice);
        if self.rule.preemptions.is_some_and(|most| self.preemptions > most) {
            return None;
        }
        let its = awake.first().map(|(_, its)| its)?;
        self.asleep = undisturbed(self.asleep.iter(), its);
        Some(choice)
    }

    /// What was chosen.
    #[must_use]
    pub fn chosen(&self) -> &[Process] {
        &self.chosen
    }

    /// How often a process was made to wait that could have gone on.
    #[must_use]
    pub fn preemptions(&self) -> u32 {
        self.preemptions
    }

    /// Whether the run shows nothing that another does not.
    #[must_use]
    pub fn is_redundant(&self) -> bool {
        self.is_redundant
    }
}

/// Those that go on sleeping when this move is made.
fn undisturbed<'a, M: Move + 'a>(
    asleep: impl Iterator<Item = &'a (Process, M)>,
    made: &M,
) -> Vec<(Process, M)> {
    asleep.filter(|(_, its)| !its.depends_on(made)).cloned().collect()
}

#[cfg(test)]
mod tests;
