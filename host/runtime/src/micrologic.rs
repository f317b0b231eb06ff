//! A component with its grants and limits: linked, and ready to be called.

use std::{fmt, sync::Arc};

use mecha_primitives::{clock::Timestamp, identity::Identity};
use wasmtime::{
    Store,
    component::{InstancePre, Linker},
};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    call::{Call, Data, Services, Shared},
    component::Component,
    exports::{self, Handlers, typed::Link},
    grants::Grants,
    imports,
    limits::{HOSTCALL_BYTES, Limits},
};

/// Ready to be called, as often and as much at once as its limits allow.
#[derive(Clone)]
pub struct Micrologic {
    shared: Arc<Shared>,
    linked: Linked,
}

/// What linking found.
#[derive(Clone)]
struct Linked {
    pre: InstancePre<Data>,
    http: Option<ProxyPre<Data>>,
    handlers: Arc<Handlers>,
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
    pub fn new(
        component: &Component,
        grants: Grants,
        limits: Limits,
        services: Arc<Services>,
        links: &[Link],
    ) -> anyhow::Result<Self> {
        let linked = link(component, links)?;
        let shared =
            Shared { grants, limits, services, output: Default::default(), client: Default::default() };
        Ok(Self { shared: Arc::new(shared), linked })
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
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
    pub(crate) fn store(&self, identity: Arc<Identity>) -> anyhow::Result<Store<Data>> {
        let call = Call { identity, shared: self.shared.clone() };
        let mut store = Store::new(self.linked.pre.engine(), Data::new(call));
        store.limiter(|data| &mut data.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_max_component_handles(self.shared.limits.handles as usize);
        // A guest yields at each tick, so that others run and its deadline is seen.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        if let Some(fuel) = self.shared.limits.fuel {
            store.set_fuel(fuel)?;
        }
        Ok(store)
    }
}

/// Links a component to everything that the host has and to other components, and finds its handlers.
fn link(component: &Component, links: &[Link]) -> anyhow::Result<Linked> {
    let mut linker = Linker::new(component.inner.engine());
    imports::link(&mut linker)?;
    exports::typed::link(&mut linker, component, links)?;
    let pre: InstancePre<Data> = linker.instantiate_pre(&component.inner)?;
    let http = component.exports_interface(exports::http::INTERFACE).then(|| ProxyPre::new(pre.clone()));
    let handlers = Handlers::find(&pre, |interface| component.exports_interface(interface))?;
    Ok(Linked { http: http.transpose()?, handlers: Arc::new(handlers), pre })
}

impl fmt::Debug for Micrologic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Micrologic").field("shared", &self.shared).finish_non_exhaustive()
    }
}
