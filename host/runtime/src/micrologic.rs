//! A component with its grants and limits: linked, and ready to be called.

use std::{fmt, sync::Arc};

use anyhow::Context as _;
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
        let engine = component.inner.engine().clone();
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker)?;
        let pre: InstancePre<Data> = linker
            .instantiate_pre(&component.inner)
            .map_err(anyhow::Error::from)
            .context("cannot link the component")?;
        let http = match component.exports_interface(exports::http::INTERFACE) {
            true => Some(
                ProxyPre::new(pre)
                    .map_err(anyhow::Error::from)
                    .context("the HTTP handler has another shape")?,
            ),
            false => None,
        };
        let shared =
            Shared { grants, limits, services, output: Default::default(), client: Default::default() };
        Ok(Self { shared: Arc::new(shared), engine, http })
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    #[must_use]
    pub fn handles_http(&self) -> bool {
        self.http.is_some()
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

impl fmt::Debug for Micrologic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Micrologic").field("shared", &self.shared).finish_non_exhaustive()
    }
}
