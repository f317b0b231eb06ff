//! The stores that components are granted.

use std::{collections::HashMap, sync::Arc};

use mecha_backends::memory;
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

/// Makes the stores that components are granted.
pub(super) struct Stores<'a> {
    app: &'a App,
    services: &'a Services,
    engine: Option<Arc<dyn Engine>>,
    /// What lies in memory and is shared, by the name of the store.
    shared_memory: HashMap<name::Store, Arc<memory::Store>>,
}

/// What a store in memory may hold if its manifest does not say, in bytes.
const DEFAULT_MEMORY: u64 = 64 << 20;

fn shared_memory(app: &App, services: &Services) -> HashMap<name::Store, Arc<memory::Store>> {
    let shared = app.stores.iter().filter(|store| store.kind == StoreKind::Memory && store.shared);
    shared.map(|store| (store.name.clone(), in_memory(store, services))).collect()
}

fn in_memory(store: &manifest::Store, services: &Services) -> Arc<memory::Store> {
    let bound = store.max_size.unwrap_or(DEFAULT_MEMORY);
    Arc::new(memory::Store::new(services.clock.clone(), Some(bound)))
}

impl<'a> Stores<'a> {
    pub(super) fn new(app: &'a App, services: &'a Services, engine: Option<Arc<dyn Engine>>) -> Self {
        Self { app, services, engine, shared_memory: shared_memory(app, services) }
    }

    /// `None` if nothing needs the store, because no component imports the primitive.
    pub(super) fn granted(&self, meta: &manifest::Component, grant: &manifest::StoreGrant) -> Option<Store> {
        let declared = self.app.stores.iter().find(|store| store.name == grant.store)?;
        let limits = state::Limits { value: declared.max_value, ..Default::default() };
        let store = match declared.kind {
            StoreKind::Memory => {
                let shared = self.shared_memory.get(&grant.store).cloned();
                let memory = shared.unwrap_or_else(|| in_memory(declared, self.services));
                self.wrapped(memory, &meta.name, declared, limits)
            }
            StoreKind::Embedded => {
                let engine = self.engine.clone()?;
                let records = Records::new(engine, self.services.clock.clone());
                let scope = self.scope(&meta.name, declared);
                let quota = |max_bytes| Quota { account: scope.into(), max_bytes };
                let records = match declared.max_size {
                    Some(max_bytes) => records.with_quota(quota(max_bytes)),
                    None => records,
                };
                self.wrapped(Arc::new(records), &meta.name, declared, limits)
            }
        };
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

    fn wrapped<S: state::Store>(
        &self,
        inner: Arc<S>,
        component: &name::Component,
        store: &manifest::Store,
        limits: state::Limits,
    ) -> Arc<dyn state::Store> {
        let scoped = Scoped::new(inner, self.scope(component, store));
        Arc::new(Limited::new(Arc::new(scoped), limits))
    }

    /// Private stores under whatever name a component opens them.
    pub(super) fn private(&self, meta: &manifest::Component) -> Option<PrivateStores> {
        let engine = self.engine.clone()?;
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
