//! One call of one component: a permit, an identity, a deadline; and what its end means.
//!
//! | module | idea |
//! |---|---|
//! | [`http`] | a request, and its answer |
//! | [`held`] | a request whose answer waits: for a commit, or because it may be asked for again |
//! | [`atomic`] | a call that is a transaction |
//! | [`attempts`] | a call for something leased |
//! | [`calls`] | components that call components, and people who do |

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use mecha_primitives::{
    clock::{Clock, Timestamp},
    identity::{Caller, Identity, Trigger},
    unit::Unit,
};
use mecha_runtime::fault::{Fault, Kind};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

use crate::{apps::Target, clock::Randomness, metrics::Metrics, shutdown::Shutdown, trace};

pub mod atomic;
pub mod attempts;
pub mod calls;
pub mod held;
pub mod http;

/// Makes calls.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Randomness>,
    pub metrics: Arc<Metrics>,
    pub shutdown: Shutdown,
}

/// What is said of a call when it begins.
#[derive(Debug, Clone)]
pub struct Occasion<'a> {
    pub trigger: Trigger,
    pub caller: Caller,
    /// 1 for the first.
    pub attempt: u32,
    /// What the call descends from.
    pub traceparent: Option<Cow<'a, str>>,
    pub idempotency_key: Option<Arc<str>>,
    /// Not beyond this, whatever the component's own limit is.
    pub deadline: Option<Timestamp>,
    pub chain: Arc<[mecha_primitives::name::Component]>,
    pub cancel: CancellationToken,
    /// What the call is a part of.
    pub unit: Option<Unit>,
    /// Units of fuel that it may burn, in place of what the component's limits say.
    pub fuel: Option<u64>,
}

impl<'a> Occasion<'a> {
    /// A first attempt from outside.
    pub fn new(trigger: Trigger) -> Self {
        Self {
            trigger,
            caller: Caller::Outside,
            attempt: 1,
            traceparent: None,
            idempotency_key: None,
            deadline: None,
            chain: Arc::default(),
            cancel: CancellationToken::new(),
            unit: None,
            fuel: None,
        }
    }

    /// The same, of nobody's.
    fn into_owned(self) -> Occasion<'static> {
        Occasion { traceparent: self.traceparent.map(|text| text.into_owned().into()), ..self }
    }
}

impl Dispatcher {
    /// When a call that begins now ends at the latest.
    fn deadline(&self, target: &Target, occasion: &Occasion<'_>) -> Timestamp {
        let own = self.clock.now() + target.micrologic.limits().wall_time;
        occasion.deadline.map_or(own, |deadline| deadline.min(own))
    }

    /// Gives a call its identity.
    pub fn identify(&self, target: &Target, occasion: Occasion<'_>) -> Arc<Identity> {
        let deadline = self.deadline(target, &occasion);
        let mut identity = Identity::new(
            target.tenant.clone(),
            target.app.clone(),
            target.component.clone(),
            self.random.call_id(),
            deadline,
        );
        identity.traceparent =
            Some(trace::child(occasion.traceparent.as_deref(), self.random.bytes(), self.random.bytes()));
        identity.trigger = occasion.trigger;
        identity.caller = occasion.caller;
        identity.attempt = occasion.attempt;
        identity.idempotency_key = occasion.idempotency_key;
        identity.chain = occasion.chain;
        identity.cancel = occasion.cancel;
        identity.unit = occasion.unit;
        identity.fuel = occasion.fuel;
        Arc::new(identity)
    }

    /// Makes a call that has its permit, and notes how it ended.
    ///
    /// # Errors
    /// What ended it instead of an answer. The operator has been told.
    pub async fn run<T>(
        &self,
        target: &Arc<Target>,
        identity: &Arc<Identity>,
        permit: OwnedSemaphorePermit,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut running = self.begin(target, identity.clone(), permit);
        let outcome = call.await;
        running.ended(outcome.as_ref().map(drop));
        outcome
    }

    fn begin(&self, target: &Arc<Target>, identity: Arc<Identity>, permit: OwnedSemaphorePermit) -> Running {
        self.metrics.began(&target.calls);
        Running {
            metrics: self.metrics.clone(),
            target: target.clone(),
            identity,
            began: began(),
            is_over: false,
            _held: (permit, self.shutdown.tasks().token()),
        }
    }
}

/// A call that runs. One that is dropped was cancelled.
struct Running {
    metrics: Arc<Metrics>,
    target: Arc<Target>,
    /// Of the last run, if there are several: its id is the one that is answered with.
    identity: Arc<Identity>,
    began: Instant,
    is_over: bool,
    /// The process does not end before the call has.
    _held: (OwnedSemaphorePermit, TaskTrackerToken),
}

impl Running {
    fn ended(&mut self, outcome: Result<(), &Fault>) {
        self.is_over = true;
        self.identity.cancel.cancel();
        self.target.micrologic.finished(&self.identity, outcome);
        let fault = outcome.err().map(|fault| (fault.kind.as_str(), fault.kind.limit()));
        self.metrics.ended(&self.target.calls, fault, self.began.elapsed());
        if let Err(fault) = outcome {
            log(&self.identity, fault);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.ended(Err(&Fault::new(Kind::Cancelled, "nobody waits for the answer any more")));
        }
    }
}

/// One event that tells the operator all.
fn log(identity: &Identity, fault: &Fault) {
    let Identity { tenant, app, component, call, attempt, .. } = identity;
    let (kind, detail) = (fault.kind.as_str(), fault.detail.as_str());
    match fault.kind {
        Kind::Cancelled => {
            tracing::debug!(%tenant, %app, %component, %call, attempt, fault = kind, detail, "call ended early");
        }
        // Nobody is at fault: there are more calls for the key than can be carried out.
        Kind::Conflict => {
            tracing::warn!(%tenant, %app, %component, %call, attempt, fault = kind, detail, "call failed");
        }
        _ => tracing::error!(%tenant, %app, %component, %call, attempt, fault = kind, detail, "call failed"),
    }
}

/// How long an attempt at something leased may take: the call's own time, and some for what is before and after it.
#[must_use]
pub fn lease(wall_time: Duration) -> Duration {
    wall_time + Duration::from_secs(15)
}

#[expect(clippy::disallowed_methods, reason = "a duration for the operator's metrics: nothing depends on it")]
fn began() -> Instant {
    Instant::now()
}
