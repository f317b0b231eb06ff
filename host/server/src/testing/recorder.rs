//! Stands at the gate of a case: notes what happens there, and does what the case or a finder wants to happen.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mecha_primitives::{
    clock::Clock,
    identity::{CallId, Identity},
    name,
};
use mecha_runtime::{
    fault::Fault,
    gate::{Director, Observer, Step, Strike, Told, Used},
};
use tokio::sync::Notify;

use super::{
    effects,
    plan::{Deed, Plan},
    seen::{Call, End, HostCall, Line},
};

/// Notes everything, for one life of the host in a case.
pub struct Recorder {
    clock: Arc<dyn Clock>,
    plan: Arc<Plan>,
    notes: Mutex<Notes>,
    over: Notify,
    is_over: AtomicBool,
}

/// What has been noted.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    pub calls: Vec<Call>,
    pub steps: Vec<HostCall>,
    pub lines: Vec<Line>,
    /// Which of `calls` an id is.
    ids: HashMap<CallId, usize>,
    /// What caused each call: a step of the case, if that can be told.
    causes: Vec<Option<usize>>,
    /// Instances there are.
    running: usize,
    pub printed: u64,
    /// Why the host ended in the middle.
    end: Option<Ended>,
}

/// Why the host's life in a case is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was to crash.
    Crashed,
    /// There was no end of calls.
    Restless,
}

/// An operation that is about to happen.
#[derive(Debug)]
pub struct Passing<'a> {
    /// Its place among the operations of the case; of a step that is none, how many there were before.
    pub index: usize,
    /// The call, by its place among the calls of this life.
    pub call: usize,
    /// The step of the case that caused it, if that can be told.
    pub cause: Option<usize>,
    pub component: &'a name::Component,
    /// How many calls it is nested in.
    pub depth: usize,
    /// Whether it is a part of an atomic call, and so held back until that is committed.
    pub in_unit: bool,
    pub primitive: &'static str,
    pub verb: &'static str,
    pub about: &'a str,
    pub changes: bool,
}

/// Calls in one case at the most: more of them are a circle of events, or a retry without a pause.
const CALLS: usize = 20_000;
/// Host calls in one case that are noted at the most.
const STEPS: usize = 200_000;
/// Bytes of lines that are kept.
const LINES: u64 = 256 << 10;

impl Recorder {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, plan: Arc<Plan>) -> Self {
        Self { clock, plan, notes: Mutex::default(), over: Notify::new(), is_over: AtomicBool::new(false) }
    }

    /// Resolves when the host is to end in the middle.
    pub async fn over(&self) -> Ended {
        loop {
            let over = self.over.notified();
            if let Some(ended) = self.notes().end {
                return ended;
            }
            over.await;
        }
    }

    /// Whether some call runs.
    pub fn is_busy(&self) -> bool {
        self.notes().running > 0
    }

    /// All that was noted, leaving nothing.
    pub fn take(&self) -> Notes {
        std::mem::take(&mut *self.notes())
    }

    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step of the case itself: somebody outside is about to get their answer.
    pub async fn answering(&self, cause: usize, component: &name::Component) {
        let (index, call, called) = {
            let notes = self.notes();
            let call = notes.causes.iter().rposition(|by| *by == Some(cause));
            let called = call.and_then(|call| notes.calls.get(call)).map(|call| call.component.clone());
            (notes.steps.len(), call.unwrap_or_default(), called)
        };
        let passing = Passing {
            index,
            call,
            cause: Some(cause),
            component: called.as_ref().unwrap_or(component),
            depth: 0,
            in_unit: false,
            primitive: "call",
            verb: "answer",
            about: "",
            changes: false,
        };
        if let Some(Deed::Crash) = self.plan.deed(&passing).await {
            self.end(Ended::Crashed).await;
        }
    }

    /// Ends the host's life: whoever comes here does not go on.
    async fn end(&self, why: Ended) {
        self.notes().end.get_or_insert(why);
        self.is_over.store(true, Ordering::Release);
        self.over.notify_waiters();
        std::future::pending::<()>().await;
    }
}

impl Notes {
    fn call(&mut self, identity: &Identity) -> usize {
        if let Some(call) = self.ids.get(&identity.call) {
            return *call;
        }
        let call = self.calls.len();
        self.calls.push(Call {
            component: identity.component.clone(),
            trigger: identity.trigger.clone(),
            attempt: identity.attempt,
            end: End::Running,
            fuel: 0,
            memory: 0,
        });
        self.causes.push(cause(identity));
        self.ids.insert(identity.call, call);
        call
    }

    /// These, and then those of the next life of the host.
    #[must_use]
    pub fn followed_by(&self, next: Self) -> Self {
        let mut all = self.clone();
        let before = all.calls.len();
        all.steps.extend(next.steps.into_iter().map(|step| HostCall { call: step.call + before, ..step }));
        all.calls.extend(next.calls);
        all.lines.extend(next.lines);
        all.causes.extend(next.causes);
        all.printed += next.printed;
        all
    }

    /// What caused a call.
    pub fn cause(&self, call: usize) -> Option<usize> {
        self.causes.get(call).copied().flatten()
    }
}

#[async_trait]
impl Director for Recorder {
    async fn before(&self, identity: &Identity, step: &Step<'_>) -> (Option<Strike>, u64) {
        if self.is_over.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        let changes = effects::changes(step);
        let (index, call, cause, restless) = {
            let mut notes = self.notes();
            let call = notes.call(identity);
            let index = notes.steps.len();
            if step.primitive != "call" && index < STEPS {
                notes.steps.push(HostCall {
                    call,
                    primitive: step.primitive,
                    verb: step.verb,
                    about: step.about.clone(),
                    changes,
                    outcome: None,
                    gave: 0,
                    got: 0,
                    answer: String::new(),
                    at: self.clock.now(),
                });
            }
            (index, call, notes.cause(call), index >= STEPS)
        };
        if restless {
            self.end(Ended::Restless).await;
        }
        let passing = Passing {
            index,
            call,
            cause,
            component: &identity.component,
            depth: identity.chain.len(),
            in_unit: identity.unit.is_some(),
            primitive: step.primitive,
            verb: step.verb,
            about: &step.about,
            changes,
        };
        let held = Held::new(&self.notes);
        let deed = self.plan.deed(&passing).await;
        drop(held);
        let strike = match deed {
            None => None,
            Some(Deed::Fail(class)) => Some(Strike::Fail(class)),
            Some(Deed::Lose) => Some(Strike::Lose),
            Some(Deed::Slow(time)) => {
                tokio::time::sleep(time).await;
                None
            }
            Some(Deed::Crash) => {
                self.end(Ended::Crashed).await;
                None
            }
        };
        // A step that is no operation is not noted.
        let ticket = if step.primitive == "call" { u64::MAX } else { index as u64 };
        (strike, ticket)
    }

    fn fuel(&self, identity: &Identity) -> Option<u64> {
        let call = self.notes().call(identity);
        self.plan.fuel(call)
    }

    fn after(&self, ticket: u64, outcome: &'static str, told: &Told) {
        let Ok(index) = usize::try_from(ticket) else { return };
        let mut notes = self.notes();
        if let Some(step) = notes.steps.get_mut(index) {
            step.outcome = Some(outcome);
            (step.gave, step.got) = (told.gave, told.got);
            step.answer.clone_from(&told.answer);
        }
    }
}

impl Observer for Recorder {
    fn operated(&self, _: &Identity, _: (&'static str, &'static str), _: &'static str, _: Duration) {}

    fn dropped_output(&self, _: &Identity, bytes: u64) {
        self.notes().printed += bytes;
    }

    fn printed(&self, identity: &Identity, stream: &'static str, line: &str) {
        let mut notes = self.notes();
        notes.printed += line.len() as u64 + 1;
        if notes.printed < LINES {
            let component = identity.component.clone();
            notes.lines.push(Line { component, stream, text: line.to_owned() });
        }
    }

    fn began(&self, identity: &Identity) {
        let mut notes = self.notes();
        notes.call(identity);
        notes.running += 1;
        if notes.calls.len() > CALLS {
            notes.end.get_or_insert(Ended::Restless);
            drop(notes);
            self.is_over.store(true, Ordering::Release);
            self.over.notify_waiters();
        }
    }

    fn ended(&self, identity: &Identity, used: Used) {
        let mut notes = self.notes();
        let call = notes.call(identity);
        notes.running = notes.running.saturating_sub(1);
        let call = &mut notes.calls[call];
        call.fuel = used.fuel.unwrap_or_default();
        call.memory = used.memory;
        if call.end == End::Running {
            call.end = End::Answered;
        }
    }

    fn finished(&self, identity: &Identity, outcome: Result<(), &Fault>) {
        let call = {
            let mut notes = self.notes();
            let call = notes.call(identity);
            notes.calls[call].end = match outcome {
                Ok(()) => End::Answered,
                Err(fault) => End::Failed(fault.kind, fault.detail.as_str().into()),
            };
            call
        };
        self.plan.over(call);
    }
}

/// A call that waits at the gate, perhaps before it has an instance: meanwhile the host is busy.
struct Held<'a>(&'a Mutex<Notes>);

impl<'a> Held<'a> {
    fn new(notes: &'a Mutex<Notes>) -> Self {
        notes.lock().unwrap_or_else(PoisonError::into_inner).running += 1;
        Self(notes)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.running = notes.running.saturating_sub(1);
    }
}

/// The step that a call descends from: the case's own traces are numbered by them.
fn cause(identity: &Identity) -> Option<usize> {
    let trace = identity.traceparent.as_deref()?.split('-').nth(1)?;
    let number = usize::from_str_radix(trace, 16).ok()?;
    (1..=super::act::STEPS).contains(&number).then(|| number - 1)
}

/// The trace of what a step of the case causes.
#[must_use]
pub fn traceparent(step: usize) -> String {
    format!("00-{:032x}-{:016x}-00", step + 1, step + 1)
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
