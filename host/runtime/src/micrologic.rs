//! A component with its grants and limits: linked, and ready to be called.

use std::{fmt, sync::Arc};

use mecha_primitives::identity::Identity;
use wasmtime::{
    Store,
    component::{InstancePre, Linker},
};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    call::{Call, Data, Services, Shared},
    component::Component,
    exports,
    grants::Grants,
    imports,
    limits::{HOSTCALL_BYTES, Limits},
};

/// Ready to be called, as often and as much at once as its limits allow.
#[derive(Clone)]
pub struct Micrologic {
    shared: Arc<Shared>,
    engine: wasmtime::Engine,
    http: Option<ProxyPre<Data>>,
}

impl Micrologic {
    /// Whether a component can be linked, and why not.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn check(component: &Component) -> anyhow::Result<()> {
        link(component).map(|_| ())
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
    ) -> anyhow::Result<Self> {
        let http = link(component)?;
        let engine = component.inner.engine().clone();
        let shared =
            Shared { grants, limits, services, output: Default::default(), client: Default::default() };
        Ok(Self { shared: Arc::new(shared), engine, http })
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(crate) fn http(&self) -> Option<&ProxyPre<Data>> {
        self.http.as_ref()
    }

    /// The store of one call, with every limit set.
    pub(crate) fn store(&self, identity: Arc<Identity>) -> anyhow::Result<Store<Data>> {
        let call = Call { identity, shared: self.shared.clone() };
        let mut store = Store::new(&self.engine, Data::new(call));
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

/// Links a component to everything that the host has, and finds its handler.
fn link(component: &Component) -> anyhow::Result<Option<ProxyPre<Data>>> {
    let mut linker = Linker::new(component.inner.engine());
    imports::link(&mut linker)?;
    let pre: InstancePre<Data> = linker.instantiate_pre(&component.inner)?;
    match component.exports_interface(exports::http::INTERFACE) {
        true => Ok(Some(ProxyPre::new(pre)?)),
        false => Ok(None),
    }
}

impl fmt::Debug for Micrologic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Micrologic").field("shared", &self.shared).finish_non_exhaustive()
    }
}
