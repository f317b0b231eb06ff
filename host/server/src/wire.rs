//! The only file that knows which backend serves what: from a loaded app to the live set.

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::Context as _;
use cap_std::{ambient_authority, fs::Dir};
use mecha_backends::{embedded, memory};
use mecha_manifest::{self as manifest, App, HostPattern, OutboundScheme, StoreKind};
use mecha_primitives::{
    commit::Quota,
    name,
    state::{self, Limited, Records, Scoped},
};
use mecha_runtime::{
    call::Services,
    grants::{Access, Directory, Grants, PrivateStores, Store},
    micrologic::Micrologic,
    outbound::{self, Destination},
};

use crate::{
    apps::{Live, Target},
    data::DataDir,
    load::{Loaded, limits},
    metrics::{EngineMetrics, Metrics},
    route::Table,
};

/// What an app is wired to.
pub struct Host<'a> {
    pub services: Arc<Services>,
    pub metrics: Arc<Metrics>,
    pub tenant: name::Tenant,
    /// Needed only by apps that keep something on disk.
    pub data: &'a Path,
}

/// Wires an app. The data directory is opened only if the app needs one.
///
/// # Errors
/// If the data directory is not to be had, or a component cannot be linked.
pub fn wire(loaded: &Loaded, host: &Host<'_>) -> anyhow::Result<(Live, Option<DataDir>)> {
    let app = &loaded.app;
    let data = needs_data(loaded).then(|| DataDir::open(host.data)).transpose()?;
    let engine = data.as_ref().map(|data| {
        let observer = EngineMetrics { tenant: host.tenant.to_string(), metrics: host.metrics.clone() };
        let cache = usize::try_from(app.storage.cache).unwrap_or(usize::MAX);
        let options = embedded::Options { cache, ..Default::default() };
        data.engine(&host.tenant, host.services.clock.clone(), Arc::new(observer), options)
    });
    let stores = Stores {
        app,
        services: &host.services,
        engine: engine.clone(),
        shared_memory: shared_memory(app, &host.services),
    };
    let mut routes = vec![];
    for (meta, component) in app.components.iter().zip(&loaded.components) {
        let grants = Grants {
            stores: meta.stores.iter().filter_map(|grant| stores.granted(meta, grant)).collect(),
            private: if loaded.bare { stores.private(meta) } else { None },
            outbound: meta.outbound.iter().map(destination).collect(),
            env: meta.env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
            directories: meta
                .directories
                .iter()
                .map(|found| directory(loaded, found))
                .collect::<Result<_, _>>()?,
        };
        let micrologic = Micrologic::new(component, grants, limits(&meta.limits), host.services.clone())?;
        let calls = host.metrics.calls(&host.tenant, &app.name, &meta.name);
        let target = Target::new(host.tenant.clone(), app.name.clone(), meta.name.clone(), micrologic, calls);
        let target = Arc::new(target);
        for route in &meta.routes {
            routes.push((route.host.clone(), route.path.clone(), target.clone()));
        }
    }
    let engines: HashMap<_, _> = engine.map(|engine| (host.tenant.clone(), engine)).into_iter().collect();
    Ok((Live { routes: Table::new(routes), engines }, data))
}

fn needs_data(loaded: &Loaded) -> bool {
    let imports = loaded.components.iter().any(|component| component.imports_interface("mecha:state/stores"));
    let declares = loaded.app.stores.iter().any(|store| store.kind == StoreKind::Embedded);
    imports && (loaded.bare || declares)
}

/// Makes the stores that components are granted.
struct Stores<'a> {
    app: &'a App,
    services: &'a Services,
    engine: Option<embedded::Engine>,
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

impl Stores<'_> {
    /// `None` if nothing needs the store, because no component imports the primitive.
    fn granted(&self, meta: &manifest::Component, grant: &manifest::StoreGrant) -> Option<Store> {
        let declared = self.app.stores.iter().find(|store| store.name == grant.store)?;
        let limits = state::Limits { value: declared.max_value, ..Default::default() };
        let store = match declared.kind {
            StoreKind::Memory => {
                let shared = self.shared_memory.get(&grant.store).cloned();
                let memory = shared.unwrap_or_else(|| in_memory(declared, self.services));
                self.wrapped(memory, &meta.name, declared, limits)
            }
            StoreKind::Embedded => {
                let engine = Arc::new(self.engine.clone()?);
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
    fn private(&self, meta: &manifest::Component) -> Option<PrivateStores> {
        let engine = Arc::new(self.engine.clone()?);
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

fn destination(granted: &manifest::Outbound) -> Destination {
    // A pattern that is itself an address grants that address.
    let (host, is_address) = match &granted.host {
        HostPattern::Exact(host) => {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            (outbound::Host::Exact(host.clone()), address.parse::<std::net::IpAddr>().is_ok())
        }
        HostPattern::Subdomains(domain) => (outbound::Host::Subdomains(domain.clone()), false),
    };
    Destination {
        https: granted.scheme == OutboundScheme::Https,
        host,
        port: granted.port,
        private: granted.private || is_address,
    }
}

fn directory(loaded: &Loaded, directory: &manifest::Directory) -> anyhow::Result<Directory> {
    let path = loaded.folder.join(&directory.host.value);
    let opened = Dir::open_ambient_dir(&path, ambient_authority());
    let opened = opened.with_context(|| format!("cannot open the folder {}", path.display()))?;
    Ok(Directory {
        host: Arc::new(opened.into_std_file()),
        guest: directory.guest.clone(),
        writable: directory.access == manifest::DirAccess::ReadWrite,
    })
}
