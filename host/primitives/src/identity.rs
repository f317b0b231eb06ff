//! Who a call is made for, by whom, and until when. Every call carries one from its first line on.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use crate::{clock::Timestamp, commit::Version, name, unit::Unit};

/// A call's id: 128 random bits, new for every call and for every repetition of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub u128);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Who calls, as the host has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody outside of the host.
    Outside,
    Component {
        app: name::App,
        component: name::Component,
    },
}

/// What a call answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    Http,
    /// An event, by its subscription.
    Event(name::Subscription),
    /// An input, by its binding.
    Input(name::Binding),
    Invoke,
    /// A due job, by its name.
    Job(Arc<str>),
}

impl Trigger {
    /// A word for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Event(_) => "event",
            Self::Input(_) => "input",
            Self::Invoke => "invoke",
            Self::Job(_) => "job",
        }
    }
}

/// What every call carries.
#[derive(Debug)]
pub struct Identity {
    pub tenant: name::Tenant,
    pub app: name::App,
    pub component: name::Component,
    pub call: CallId,
    /// 1 for the first attempt.
    pub attempt: u32,
    pub caller: Caller,
    /// The components whose calls this one is nested in, the outermost first.
    pub chain: Arc<[name::Component]>,
    pub trigger: Trigger,
    /// Given by whoever calls, so that a repeated call can be recognized.
    pub idempotency_key: Option<Arc<str>>,
    /// W3C Trace Context, as it came in or as the host began it.
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    /// When the host interrupts the call.
    pub deadline: Timestamp,
    /// Cancelled when nobody waits for the call any more.
    pub cancel: CancellationToken,
    /// What the call reads and writes, if all of it is to happen together. `None`: each of its effects happens at once.
    pub unit: Option<Unit>,
    /// Units of fuel that it may burn, in place of what its component's limits say.
    pub fuel: Option<u64>,
    writes: AtomicU32,
}

impl Identity {
    /// A first attempt from outside, without a trace.
    #[must_use]
    pub fn new(
        tenant: name::Tenant,
        app: name::App,
        component: name::Component,
        call: CallId,
        deadline: Timestamp,
    ) -> Self {
        Self {
            tenant,
            app,
            component,
            call,
            attempt: 1,
            caller: Caller::Outside,
            chain: Arc::default(),
            trigger: Trigger::Http,
            idempotency_key: None,
            traceparent: None,
            tracestate: None,
            deadline,
            cancel: CancellationToken::new(),
            unit: None,
            fuel: None,
            writes: AtomicU32::new(0),
        }
    }

    /// The version of this call's next write. It is given when the write is made, not when it is
    /// committed, so that an ETag which a guest has seen still holds after the commit.
    pub fn next_version(&self) -> Version {
        Version::new(self.call, self.attempt, self.writes.fetch_add(1, Ordering::Relaxed))
    }
}
