//! What a component may reach. Made when an app is loaded, and looked up in a call without a lock.

use std::{fmt, fs::File, sync::Arc};

use mecha_primitives::{bindings, identity::Identity, invoke, jobs, name, pubsub, state, unit::Unit};

use crate::outbound::Destination;

/// Everything that a component was granted. What is not here is denied.
#[derive(Default)]
pub struct Grants {
    pub stores: Vec<Store>,
    /// For a component that is served without a manifest: a store of its own under every name.
    pub private: Option<PrivateStores>,
    pub topics: Vec<Topic>,
    pub targets: Vec<Target>,
    pub outputs: Vec<Output>,
    /// The component's own jobs.
    pub scheduler: Option<Arc<dyn jobs::Scheduler>>,
    pub outbound: Vec<Destination>,
    pub env: Vec<(String, String)>,
    pub directories: Vec<Directory>,
}

impl fmt::Debug for Grants {
    /// Without the environment: secrets are in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("stores", &self.stores)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

impl Grants {
    pub(crate) fn store(&self, name: &str) -> Option<Store> {
        // A handful at most: a search is faster than a map.
        let granted = self.stores.iter().find(|grant| grant.name.as_str() == name);
        granted.cloned().or_else(|| {
            let private = self.private.as_ref()?;
            Some((private.0)(name::Store::new(name).ok()?))
        })
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        self.topics.iter().find(|grant| grant.name.as_str() == name).cloned()
    }

    pub(crate) fn target(&self, name: &str) -> Option<Target> {
        self.targets.iter().find(|grant| grant.component.as_str() == name).cloned()
    }

    pub(crate) fn output(&self, name: &str) -> Option<Output> {
        self.outputs.iter().find(|grant| grant.name.as_str() == name).cloned()
    }
}

/// What a grant gives to a call.
pub(crate) trait Granted: Sized {
    /// The same, as a part of the call's unit of work. `None`: it cannot be one.
    fn over(self, unit: &Unit, identity: &Arc<Identity>) -> Option<Self>;
}

impl Granted for Store {
    fn over(self, unit: &Unit, _: &Arc<Identity>) -> Option<Self> {
        Some(Self { store: self.store.over(&unit.engine()), ..self })
    }
}

impl Granted for Topic {
    fn over(self, unit: &Unit, _: &Arc<Identity>) -> Option<Self> {
        Some(Self { publisher: self.publisher.over(&unit.engine()), ..self })
    }
}

impl Granted for Output {
    fn over(self, unit: &Unit, identity: &Arc<Identity>) -> Option<Self> {
        Some(Self { output: self.output.over(&unit.engine(), identity)?, ..self })
    }
}

impl Granted for Arc<dyn jobs::Scheduler> {
    fn over(self, unit: &Unit, _: &Arc<Identity>) -> Option<Self> {
        Some(jobs::Scheduler::over(&*self, &unit.engine()))
    }
}

impl Granted for Target {
    /// Whoever answers is told of the caller's unit, and joins it.
    fn over(self, _: &Unit, _: &Arc<Identity>) -> Option<Self> {
        Some(self)
    }
}

/// A topic that the component may publish to.
#[derive(Debug, Clone)]
pub struct Topic {
    pub name: name::Topic,
    pub publisher: Arc<dyn pubsub::Publisher>,
    /// The type of events that are published without one.
    pub default_type: Arc<str>,
    /// Types of events that may be published, exact or with a `*` at the end. Empty: all.
    pub types: Arc<[String]>,
}

impl Topic {
    pub(crate) fn allows(&self, kind: &str) -> bool {
        self.types.is_empty()
            || self.types.iter().any(|allowed| match allowed.strip_suffix('*') {
                Some(beginning) => kind.starts_with(beginning),
                None => kind == allowed,
            })
    }
}

/// A component that the component may call.
#[derive(Debug, Clone)]
pub struct Target {
    pub component: name::Component,
    /// `None`: all that the callee allows.
    pub methods: Option<Arc<[String]>>,
    pub invoker: Arc<dyn invoke::Invoker>,
}

/// An output binding, and what may be done with it.
#[derive(Debug, Clone)]
pub struct Output {
    pub name: name::Binding,
    pub output: Arc<dyn bindings::Output>,
    /// `None`: all operations.
    pub operations: Option<Arc<[String]>>,
}

impl Output {
    pub(crate) fn allows(&self, operation: &str) -> bool {
        self.operations.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == operation))
    }
}

/// Makes a component's private stores as it opens them.
#[derive(Clone)]
pub struct PrivateStores(Arc<dyn Fn(name::Store) -> Store + Send + Sync>);

impl PrivateStores {
    pub fn new(make: impl Fn(name::Store) -> Store + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for PrivateStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateStores")
    }
}

/// A store, and what may be done with it.
#[derive(Debug, Clone)]
pub struct Store {
    pub name: name::Store,
    pub access: Access,
    /// Only keys that begin with this.
    pub prefix: Option<Arc<str>>,
    pub store: Arc<dyn state::Store>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

impl Access {
    #[must_use]
    pub fn allows(self, need: Self) -> bool {
        self == Self::ReadWrite || self == need
    }
}

/// A directory of the host that the guest sees under a path of its own.
///
/// The folder itself is held, not its path: what a guest renames or links can never make it another one.
#[derive(Debug, Clone)]
pub struct Directory {
    pub host: Arc<File>,
    pub guest: String,
    pub writable: bool,
}
