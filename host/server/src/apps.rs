//! The live set: the apps that are served right now. It changes as a whole, under load, without a lock.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use mecha_manifest::{Atomic, Caller as Granted, CallerGrant};
use mecha_primitives::{identity::Caller, name, unit::Transactions};
use mecha_runtime::micrologic::Micrologic;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    dispatch::held::Held,
    metrics,
    route::Table,
    triggers::{ingress::Ingress, webhook::Webhook},
};

/// The live set, behind a pointer that can be changed.
#[derive(Debug)]
pub struct Apps(ArcSwap<Live>);

impl Apps {
    #[must_use]
    pub fn new(live: Live) -> Self {
        Self(ArcSwap::from_pointee(live))
    }

    /// What is live now. A request holds on to it, even if the set changes meanwhile.
    #[must_use]
    pub fn live(&self) -> arc_swap::Guard<Arc<Live>> {
        self.0.load()
    }

    /// As [`live`](Self::live), to be held across an await.
    #[must_use]
    pub fn live_owned(&self) -> Arc<Live> {
        self.0.load_full()
    }
}

/// Who answers the requests of a route.
#[derive(Debug, Clone)]
pub enum Endpoint {
    Component {
        target: Arc<Target>,
        /// Units of fuel for each call, in place of what the component's limits say.
        fuel: Option<u64>,
    },
    /// As a component, but its answers are held.
    Held(Arc<Target>, Arc<Held>),
    /// A topic takes events.
    Topic(Arc<Ingress>),
    Webhook(Arc<Webhook>),
}

/// A set of apps, with the routes that lead to their components.
#[derive(Debug)]
pub struct Live {
    pub routes: Table<Endpoint>,
    pub engines: HashMap<name::Tenant, mecha_backends::embedded::Engine>,
}

impl Live {
    /// Finishes what is written and closes all storage.
    pub async fn close(&self) {
        for engine in self.engines.values() {
            engine.close().await;
        }
    }

    /// What is stored, for the operator.
    pub fn measure(&self, metrics: &metrics::Metrics) {
        metrics.forget_stored();
        for (tenant, engine) in &self.engines {
            match engine.usage() {
                Ok(None) => {}
                Ok(Some(usage)) => {
                    let mut accounts: Vec<_> = usage.into_iter().collect();
                    accounts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
                    let rest = accounts.split_off(accounts.len().min(ACCOUNTS));
                    for (account, bytes) in accounts {
                        let account = String::from_utf8_lossy(&account).trim_end_matches('/').to_owned();
                        metrics.stored(tenant.as_str(), account, bytes);
                    }
                    if !rest.is_empty() {
                        let bytes = rest.iter().map(|(_, bytes)| bytes).sum();
                        metrics.stored(tenant.as_str(), "others".to_owned(), bytes);
                    }
                }
                Err(error) => tracing::debug!(%tenant, %error, "cannot measure what is stored"),
            }
        }
    }
}

/// Accounts of a tenant that are shown one by one: the largest. A component served by itself names its own.
const ACCOUNTS: usize = 100;

/// A component of an app, as triggers see it.
pub struct Target {
    pub tenant: name::Tenant,
    pub app: name::App,
    pub component: name::Component,
    pub micrologic: Micrologic,
    pub calls: metrics::Calls,
    /// For its atomic calls; `None` if it has none.
    pub transactions: Option<Arc<Transactions>>,
    /// Which methods and linked interfaces are atomic when they are called.
    pub atomic: Atomic,
    /// Who may call it, and what.
    pub callers: Vec<CallerGrant>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// For each call in flight this many may wait for its permit. Beyond that callers are refused at once.
const WAITING_PER_PERMIT: usize = 10;

impl Target {
    #[must_use]
    pub fn new(
        tenant: name::Tenant,
        app: name::App,
        component: name::Component,
        micrologic: Micrologic,
        calls: metrics::Calls,
        callers: Vec<CallerGrant>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(micrologic.limits().concurrency as usize));
        Self {
            tenant,
            app,
            component,
            micrologic,
            calls,
            callers,
            permits,
            waiting: AtomicUsize::new(0),
            transactions: None,
            atomic: Atomic::default(),
        }
    }

    /// A permit for one call. `None` if too many wait for one already.
    pub async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        let bound = self.micrologic.limits().concurrency as usize * WAITING_PER_PERMIT;
        let waiting = Waiting::begin(&self.waiting, bound)?;
        let permit = self.permits.clone().acquire_owned().await.ok();
        drop(waiting);
        permit
    }

    /// A permit, if one is free right now.
    pub fn free_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().try_acquire_owned().ok()
    }

    /// A permit, however long it takes: for the host's own triggers, of which there are few.
    pub async fn permit_in_turn(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Whether the component lets this caller use a method, or an interface.
    pub fn lets(&self, caller: &Caller, method: &str) -> bool {
        self.callers.iter().any(|grant| {
            let is_meant = match (&grant.caller, caller) {
                (Granted::Outside, Caller::Outside) => true,
                (Granted::Component(name), Caller::Component { app, component }) => {
                    *app == self.app && name == component
                }
                _ => false,
            };
            is_meant && grant.methods.allows(method)
        })
    }
}

/// Counts itself for as long as it lives, so that one that gives up is not counted for ever.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize, bound: usize) -> Option<Self> {
        let counted = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < bound).then_some(counted)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.app, self.component)
    }
}
