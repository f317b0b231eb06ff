//! Lets racing calls through the gate one at a time, in the order of a schedule.
//!
//! A call that comes waits, until everybody has come who can: then one goes on, up to its next host call or its end. A
//! call that waits for another one inside of the host, for a permit or for its turn, does not come, and is waited for
//! only for a while: it is the others' turn then.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};

use super::{op::Op, strands::Strands};
use crate::testing::{
    finders::explore::{Process, Schedule},
    plan::{Deed, Plot},
    recorder::Passing,
};

/// Cheap to clone: all clones are the same one.
#[derive(Debug, Clone)]
pub struct Turnstile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The steps of the case that race, by their numbers.
    racing: BTreeSet<usize>,
    patience: Duration,
    state: Mutex<State>,
    /// Told when somebody comes, or ends.
    moved: Notify,
}

#[derive(Debug)]
struct State {
    schedule: Schedule<Op>,
    strands: Strands,
    /// In the order in which they came.
    waiting: Vec<Waiting>,
    made: Vec<Made>,
    /// Whether somebody chooses.
    is_directed: bool,
    /// Whether everybody goes on as they like: what this run shows is known.
    is_open: bool,
}

#[derive(Debug)]
struct Waiting {
    process: Process,
    call: usize,
    op: Op,
    made: Made,
    go: oneshot::Sender<()>,
}

/// A host call, or a step that is none, in the order in which they were let through.
#[derive(Debug, Clone)]
pub struct Made {
    pub process: Process,
    /// The step of the case.
    pub cause: usize,
    pub op: Op,
    /// Which of the host calls of the case it was; `None`: it is none.
    pub index: Option<usize>,
    /// Whether it had to wait for its turn: it is one of the schedule's choices.
    pub is_chosen: bool,
}

/// By the time of the case, which passes only when nobody has anything to do.
const MOMENT: Duration = Duration::from_millis(1);

impl Turnstile {
    /// `patience` is how long a call is waited for that has gone on and does not come back.
    #[must_use]
    pub fn new(racing: BTreeSet<usize>, schedule: Schedule<Op>, patience: Duration) -> Self {
        let state = State {
            schedule,
            strands: Strands::default(),
            waiting: vec![],
            made: vec![],
            is_directed: false,
            is_open: false,
        };
        Self(Arc::new(Shared { racing, patience, state: Mutex::new(state), moved: Notify::new() }))
    }

    /// The schedule as it was followed, and all that was let through, when the run is over.
    #[must_use]
    pub fn passed(&self) -> (Schedule<Op>, Vec<Made>) {
        let mut state = self.0.state();
        let done = Schedule::replaying(vec![]);
        (std::mem::replace(&mut state.schedule, done), std::mem::take(&mut state.made))
    }
}

#[async_trait]
impl Plot for Turnstile {
    async fn deed(&self, passing: &Passing<'_>) -> Option<Deed> {
        let turn = self.0.arrive(passing)?;
        if self.0.begin_to_direct() {
            tokio::spawn(direct(self.0.clone()));
        }
        // Without anybody to choose everybody goes on.
        _ = turn.await;
        None
    }

    fn over(&self, call: usize) {
        if self.0.state().strands.ended(call).is_some() {
            self.0.moved.notify_one();
        }
    }
}

/// Chooses for as long as somebody waits.
async fn direct(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(MOMENT).await;
        let patience = tokio::time::sleep(shared.patience);
        tokio::pin!(patience);
        while shared.state().is_on_the_way() {
            tokio::select! {
                biased;
                () = shared.moved.notified() => {}
                () = &mut patience => break,
            }
        }
        // What the last one did may bring others.
        tokio::time::sleep(MOMENT).await;
        if !shared.state().let_one_go() {
            return;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody comes; `None`: they go on at once.
    fn arrive(&self, passing: &Passing<'_>) -> Option<oneshot::Receiver<()>> {
        let cause = passing.cause.filter(|cause| self.racing.contains(cause))?;
        let op = Op::of(passing);
        if op.primitive == "call" && op.is_own() {
            return None;
        }
        let mut state = self.state();
        let process = state.strands.find(cause, passing);
        state.strands.came(process, passing.call);
        let is_step = op.primitive == "call";
        let made = Made {
            process,
            cause,
            op: op.clone(),
            index: (!is_step).then_some(passing.index),
            is_chosen: !op.is_own(),
        };
        if op.is_own() || state.is_open {
            state.go_on(passing.call, made);
            return None;
        }
        let (go, turn) = oneshot::channel();
        state.waiting.push(Waiting { process, call: passing.call, op, made, go });
        self.moved.notify_one();
        Some(turn)
    }

    /// Whether nobody chooses yet; then the caller is to see to it.
    fn begin_to_direct(&self) -> bool {
        !std::mem::replace(&mut self.state().is_directed, true)
    }
}

impl State {
    /// Whether the one that was let go last has not come back, and has not ended.
    fn is_on_the_way(&self) -> bool {
        self.schedule.chosen().last().is_some_and(|last| {
            !self.strands.is_over(*last) && !self.waiting.iter().any(|waiting| waiting.process == *last)
        })
    }

    /// Lets one go on, if somebody waits.
    fn let_one_go(&mut self) -> bool {
        // Whoever gave up meanwhile does not come any more.
        self.waiting.retain(|waiting| !waiting.go.is_closed());
        let mut ready: Vec<(Process, Op)> = vec![];
        for waiting in &self.waiting {
            // One that does several things at once does them in their order.
            if ready.iter().all(|(process, _)| *process != waiting.process) {
                ready.push((waiting.process, waiting.op.clone()));
            }
        }
        ready.sort_by_key(|(process, _)| *process);
        self.is_directed = !ready.is_empty();
        if ready.is_empty() {
            return false;
        }
        let choice = self.schedule.choose(&ready);
        let chosen = self.waiting.iter().position(|waiting| Some(waiting.process) == choice);
        match chosen {
            Some(chosen) => {
                let chosen = self.waiting.remove(chosen);
                self.release(chosen);
                true
            }
            None => {
                (self.is_open, self.is_directed) = (true, false);
                std::mem::take(&mut self.waiting).into_iter().for_each(|waiting| self.release(waiting));
                false
            }
        }
    }

    fn release(&mut self, waiting: Waiting) {
        self.go_on(waiting.call, waiting.made);
        // Nobody is there any more, if it cannot be told.
        _ = waiting.go.send(());
    }

    fn go_on(&mut self, call: usize, made: Made) {
        self.strands.goes_on(made.process, call, &made.op);
        if made.op.verb != "open" && self.made.len() < MADE {
            self.made.push(made);
        }
    }
}

/// Steps that are remembered at the most: more than that nobody reads.
const MADE: usize = 10_000;
