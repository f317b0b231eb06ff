//! What a component can know about the call that it is serving: `mecha:host`.
//!
//! ```no_run
//! use std::time::Duration;
//! use mecha_guest::context;
//!
//! let call = context::current();
//! if call.attempt > 1 || call.remaining < Some(Duration::from_secs(1)) {
//!     println!("{} is in a hurry", call.component);
//! }
//! ```

use std::time::Duration;

use crate::wit::host::context as raw;

/// The call that is being served.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// Unique per call, also per repetition of a call.
    pub id: String,
    pub tenant: String,
    pub app: String,
    pub component: String,
    /// Who called, as the host has verified it: `app/component`. `None`: somebody outside of the host.
    pub caller: Option<String>,
    pub idempotency_key: Option<String>,
    /// Whether the effects of this call are one transaction.
    pub atomic: bool,
    pub trigger: Trigger,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How long it is until the host interrupts the call.
    pub remaining: Option<Duration>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
}

/// What caused a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    Http,
    /// An event, by this subscription.
    Pubsub(String),
    /// This input.
    Binding(String),
    /// Another component, or somebody who calls a method.
    Invoke,
    /// A run of this job.
    Job(String),
    Workflow(String),
    Change,
    Other(String),
}

/// The call that is being served.
#[must_use]
pub fn current() -> Invocation {
    let call = raw::current();
    Invocation {
        id: call.id,
        tenant: call.tenant,
        app: call.app,
        component: call.component,
        caller: call.caller,
        idempotency_key: call.idempotency_key,
        atomic: call.atomic,
        trigger: match call.trigger {
            raw::Trigger::Http => Trigger::Http,
            raw::Trigger::Pubsub(subscription) => Trigger::Pubsub(subscription),
            raw::Trigger::Binding(input) => Trigger::Binding(input),
            raw::Trigger::Invoke => Trigger::Invoke,
            raw::Trigger::Job(job) => Trigger::Job(job),
            raw::Trigger::Workflow(workflow) => Trigger::Workflow(workflow),
            raw::Trigger::Change => Trigger::Change,
            raw::Trigger::Other(other) => Trigger::Other(other),
        },
        attempt: call.attempt,
        remaining: call.remaining_ms.map(Duration::from_millis),
        traceparent: call.traceparent,
        tracestate: call.tracestate,
    }
}
