//! The stores that components are granted.

use std::sync::Arc;

use mecha_manifest::{self as manifest, App, StoreKind};
use mecha_primitives::{
    commit::{Engine, Quota},
    name,
    state::{self, Limited, Records, Scoped},
};
use mecha_runtime::{
    call::Services,
    grants::{Access, PrivateStores, Store},
};

use super::Engines;

/// Makes the stores that components are granted.
pub(super) struct Stores<'a> {
    app: &'a App,
    services: &'a Services,
    engines: &'a Engines,
}

/// What a store in memory may hold if its manifest does not say, in bytes.
const DEFAULT_MEMORY: u64 = 64 << 20;

impl<'a> Stores<'a> {
    pub(super) fn new(app: &'a App, services: &'a Services, engines: &'a Engines) -> Self {
        Self { app, services, engines }
    }

    /// `None` if nothing needs the store, because no component imports the primitive.
    pub(super) fn granted(&self, meta: &manifest::Component, grant: &manifest::StoreGrant) -> Option<Store> {
        let declared = self.app.stores.iter().find(|store| store.name == grant.store)?;
        let (engine, max_bytes) = match declared.kind {
            StoreKind::Memory => {
                let bound = declared.max_size.unwrap_or(DEFAULT_MEMORY);
                (self.engines.memory.clone(), Some(bound))
            }
            StoreKind::Embedded => (self.engines.embedded.clone()?, declared.max_size),
        };
        let scope = self.scope(&meta.name, declared);
        let limits = state::Limits { value: declared.max_value, ..Default::default() };
        let store = self.store(engine, scope, max_bytes, limits);
        let access = match (grant.access.reads(), grant.access.writes()) {
            (true, true) => Access::ReadWrite,
            (true, false) => Access::Read,
            _ => Access::Write,
        };
        let prefix = grant.prefix.as_deref().map(Arc::from);
        Some(Store { name: grant.store.clone(), access, prefix, store })
    }

    fn scope(&self, component: &name::Component, store: &manifest::Store) -> String {
        match store.shared {
            true => state::shared_scope(&self.app.name, &store.name),
            false => state::private_scope(&self.app.name, component, &store.name),
        }
    }

    /// The records of one scope, which is also the account that the quota is of.
    fn store(
        &self,
        engine: Arc<dyn Engine>,
        scope: String,
        max_bytes: Option<u64>,
        limits: state::Limits,
    ) -> Arc<dyn state::Store> {
        let records = Records::new(engine, self.services.clock.clone());
        let records = match max_bytes {
            Some(max_bytes) => records.with_quota(Quota { account: scope.clone().into(), max_bytes }),
            None => records,
        };
        Arc::new(Limited::new(Arc::new(Scoped::new(Arc::new(records), scope)), limits))
    }

    /// Private stores under whatever name a component opens them.
    pub(super) fn private(&self, meta: &manifest::Component) -> Option<PrivateStores> {
        let engine = self.engines.embedded.clone()?;
        let (app, component) = (self.app.name.clone(), meta.name.clone());
        let clock = self.services.clock.clone();
        Some(PrivateStores::new(move |name: name::Store| {
            let records = Arc::new(Records::new(engine.clone(), clock.clone()));
            let scoped = Scoped::new(records, state::private_scope(&app, &component, &name));
            let store = Arc::new(Limited::new(Arc::new(scoped), state::Limits::default()));
            Store { name, access: Access::ReadWrite, prefix: None, store }
        }))
    }
}
