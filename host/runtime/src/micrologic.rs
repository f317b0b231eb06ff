//! A component with its grants and limits: linked, and ready to be called.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use mecha_primitives::{clock::Timestamp, identity::Identity};
use wasmtime::{
    Store,
    component::{InstancePre, Linker},
};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    call::{Call, Data, Services, Shared, Tested},
    component::Component,
    engine::Metering,
    exports::{self, Handlers, typed::Link},
    fault::{Fault, Kind},
    gate::{Need, Step, Strike, Told, Used},
    grants::Grants,
    imports::{self, test::Driver},
    limits::{HOSTCALL_BYTES, Limits},
};

/// Ready to be called, as often and as much at once as its limits allow.
#[derive(Clone)]
pub struct Micrologic {
    shared: Arc<Shared>,
    linked: Linked,
}

/// A component that is linked to everything that a call will need. It is nobody's yet: many can be made of it.
#[derive(Clone)]
pub struct Linked {
    pre: InstancePre<Data>,
    http: Option<ProxyPre<Data>>,
    handlers: Arc<Handlers>,
    metering: Metering,
}

impl Micrologic {
    /// Whether a component can be linked, and why not.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn check(component: &Component, links: &[Link]) -> anyhow::Result<()> {
        link(component, links).map(|_| ())
    }

    /// Links everything that a call will need, so that a call has only to instantiate.
    ///
    /// # Errors
    /// If the component imports something that the host does not have.
    pub fn link(component: &Component, links: &[Link]) -> anyhow::Result<Linked> {
        link(component, links)
    }

    /// Links a test component, which can ask for the app that it tests as well.
    ///
    /// # Errors
    /// As of [`link`](Self::link).
    pub fn link_test(component: &Component) -> anyhow::Result<Linked> {
        link_with(component, &[], imports::test::link)
    }

    #[must_use]
    pub fn new(linked: Linked, grants: Grants, limits: Limits, services: Arc<Services>) -> Self {
        Self::with(linked, grants, limits, services, None)
    }

    /// A test component. It reaches its app, or nothing at all.
    #[must_use]
    pub fn test(
        linked: Linked,
        limits: Limits,
        services: Arc<Services>,
        driver: Option<Arc<dyn Driver>>,
    ) -> Self {
        Self::with(linked, Grants::default(), limits, services, driver)
    }

    fn with(
        linked: Linked,
        grants: Grants,
        limits: Limits,
        services: Arc<Services>,
        driver: Option<Arc<dyn Driver>>,
    ) -> Self {
        let (output, client, driver) = (Default::default(), Default::default(), driver.map(Tested));
        Self { shared: Arc::new(Shared { grants, limits, services, output, client, driver }), linked }
    }

    /// Passes a step of a call that is no operation of its guest: `commit` or `end`. See
    /// [`Director`](crate::gate::Director).
    ///
    /// # Errors
    /// If a director wants it to fail.
    pub async fn pass(&self, identity: &Identity, verb: &'static str) -> Result<(), Fault> {
        let Some(director) = &self.shared.services.director else { return Ok(()) };
        let about = identity.component.to_string();
        let step = Step { primitive: "call", verb, about, need: Need::Nothing };
        let (strike, ticket) = director.before(identity, &step).await;
        let outcome = match strike {
            Some(Strike::Crash) => std::process::abort(),
            Some(Strike::Fail(class)) => Err(Fault::new(Kind::Commit, format!("injected: {class}"))),
            Some(Strike::Lose) => Err(Fault::new(Kind::Unknown, "injected")),
            None => Ok(()),
        };
        director.after(ticket, if outcome.is_ok() { "ok" } else { "unavailable" }, &Told::default());
        outcome
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Tells whoever observes that a call has ended.
    pub fn finished(&self, identity: &Identity, outcome: Result<(), &Fault>) {
        self.shared.services.observer.finished(identity, outcome);
    }

    pub(crate) fn http(&self) -> Option<&ProxyPre<Data>> {
        self.linked.http.as_ref()
    }

    pub(crate) fn pre(&self) -> &InstancePre<Data> {
        &self.linked.pre
    }

    pub(crate) fn handlers(&self) -> &Handlers {
        &self.linked.handlers
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.services.clock.now()
    }

    /// The store of one call, with every limit set.
    pub(crate) fn store(&self, identity: Arc<Identity>) -> anyhow::Result<Running> {
        let services = &self.shared.services;
        services.observer.began(&identity);
        let directed = services.director.as_ref().and_then(|director| director.fuel(&identity));
        let allowed = directed.or(identity.fuel).or(self.shared.limits.fuel);
        let call = Call { identity, shared: self.shared.clone() };
        let mut store = Store::new(self.linked.pre.engine(), Data::new(call));
        store.limiter(|data| &mut data.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_max_component_handles(self.shared.limits.handles as usize);
        // A guest yields at each tick, so that others run and its deadline is seen.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let metering = self.linked.metering;
        let fuel = (metering != Metering::None).then(|| allowed.unwrap_or(u64::MAX));
        if let Some(fuel) = fuel {
            store.set_fuel(fuel)?;
        }
        if metering == Metering::Fuel {
            store.fuel_async_yield_interval(Some(FUEL_SEEN))?;
        }
        Ok(Running { store, fuel })
    }
}

/// Code that computes keeps what it burns to itself. After so many units it tells, so that of a guest which is ended in the
/// middle not more than this is unknown. A tick takes about as long.
const FUEL_SEEN: u64 = 10_000_000;

/// The store of a call that runs. However it ends, it tells what the call used.
pub(crate) struct Running {
    store: Store<Data>,
    /// What it began with.
    fuel: Option<u64>,
}

impl Deref for Running {
    type Target = Store<Data>;

    fn deref(&self) -> &Store<Data> {
        &self.store
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Store<Data> {
        &mut self.store
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let left = self.store.get_fuel().unwrap_or_default();
        let data = self.store.data();
        let used = Used { fuel: self.fuel.map(|fuel| fuel.saturating_sub(left)), memory: data.memory.used() };
        data.call.shared.services.observer.ended(&data.call.identity, used);
    }
}

/// Links a component to everything that the host has and to other components, and finds its handlers.
fn link(component: &Component, links: &[Link]) -> anyhow::Result<Linked> {
    link_with(component, links, |_| Ok(()))
}

fn link_with(
    component: &Component,
    links: &[Link],
    more: impl FnOnce(&mut Linker<Data>) -> wasmtime::Result<()>,
) -> anyhow::Result<Linked> {
    let mut linker = Linker::new(component.inner.engine());
    imports::link(&mut linker)?;
    more(&mut linker)?;
    exports::typed::link(&mut linker, component, links)?;
    let pre: InstancePre<Data> = linker.instantiate_pre(&component.inner)?;
    let http = component.exports_interface(exports::http::INTERFACE).then(|| ProxyPre::new(pre.clone()));
    let handlers = Handlers::find(&pre, |interface| component.exports_interface(interface))?;
    Ok(Linked {
        http: http.transpose()?,
        handlers: Arc::new(handlers),
        pre,
        metering: component.kind.metering,
    })
}

impl fmt::Debug for Micrologic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Micrologic").field("shared", &self.shared).finish_non_exhaustive()
    }
}
