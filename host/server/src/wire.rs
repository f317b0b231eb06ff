//! The only folder that knows which backend serves what: from a loaded app to the live set and its pumps.
//!
//! | module | idea |
//! |---|---|
//! | [`stores`] | the stores that components are granted |
//! | [`mod@events`] | topics, and the groups that take from them |
//! | `atomic` | what atomic calls need
//! | [`bindings`] | outputs, and the inputs that come by files and webhooks |
//! | `outbox` | what atomic calls put off until after their commit
//! | [`pumps`] | what runs beside HTTP: subscriptions, schedules, folders |

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use mecha_backends::{embedded, memory};
use mecha_manifest::{self as manifest, App, HostPattern, OutboundScheme, StoreKind, TopicKind};
use mecha_primitives::{
    bindings::Output,
    commit::Engine,
    idempotency::Guard,
    invoke::Invoker,
    jobs::{Jobs, component_account},
    name,
};
use mecha_runtime::{
    call::Services,
    component::Component,
    exports::typed::Link,
    grants::{self, Directory, Grants},
    micrologic::{Linked, Micrologic},
    outbound::{self, Destination},
};

use tokio::sync::Notify;

use crate::{
    apps::{Endpoint, Live, Target},
    conflicts::Conflicts,
    data::DataDir,
    dispatch::{
        Dispatcher,
        calls::{self, Switchboard},
        lease,
    },
    load::{Loaded, limits, links},
    metrics::EngineMetrics,
    route::Table,
};

mod atomic;
pub mod bindings;
pub mod events;
mod outbox;
pub mod pumps;
mod stores;

use events::Events;
use outbox::Outboxes;
use pumps::Pumps;
use stores::Stores;

/// What an app is wired to.
pub struct Host<'a> {
    pub services: Arc<Services>,
    pub dispatcher: Dispatcher,
    pub tenant: name::Tenant,
    /// Needed only by apps that keep something on disk.
    pub data: &'a Path,
}

/// An app that is wired.
pub struct Wired {
    pub live: Live,
    /// The data directory, if the app needs one.
    pub data: Option<DataDir>,
    pub events: Arc<Events>,
    pub board: Arc<Switchboard>,
    pub conflicts: Arc<Conflicts>,
    /// What is to be started when storage is open.
    pub pumps: Pumps,
}

/// What of the app's storage there is.
pub(crate) struct Engines {
    pub(crate) embedded: Option<Arc<dyn Engine>>,
    pub(crate) memory: Arc<dyn Engine>,
}

/// Wires an app. The data directory is opened only if the app needs one.
///
/// # Errors
/// If the data directory is not to be had, or a component cannot be linked.
pub fn wire(loaded: &Loaded, host: &Host<'_>) -> anyhow::Result<Wired> {
    let app = &loaded.app;
    let data = needs_directory(loaded).then(|| DataDir::open(host.data)).transpose()?;
    let embedded = data.as_ref().filter(|_| needs_engine(loaded)).map(|data| engine(data, app, host));
    let engines = Engines {
        embedded: embedded.clone().map(|engine| Arc::new(engine) as Arc<dyn Engine>),
        memory: Arc::new(memory::Engine::new(host.services.clock.clone())),
    };
    let mut wired = assemble(loaded, host, &engines, &Doubles::default())?;
    wired.live.engines = embedded.map(|engine| (host.tenant.clone(), engine)).into_iter().collect();
    wired.data = data;
    Ok(wired)
}

/// What tests put in the place of what the manifest says.
#[derive(Default)]
pub struct Doubles<'a> {
    /// Who answers as these outputs.
    pub outputs: BTreeMap<name::Binding, Arc<dyn Output>>,
    /// Who answers calls of these components.
    pub callees: BTreeMap<name::Component, Arc<dyn Invoker>>,
    /// Where folders of inputs are, and those that components may write.
    pub folder: Option<&'a Path>,
    /// Where it is said that a folder of an input has changed, if it is.
    pub stirred: Option<Arc<Notify>>,
    /// The app's components, where they could be linked beforehand.
    pub linked: &'a [Option<Linked>],
}

/// Wires an app to storage that there is.
///
/// # Errors
/// If a component cannot be linked, or a folder cannot be opened.
pub fn assemble(
    loaded: &Loaded,
    host: &Host<'_>,
    engines: &Engines,
    doubles: &Doubles<'_>,
) -> anyhow::Result<Wired> {
    let app = &loaded.app;
    let sources = (&host.services.clock, &host.services.lots);
    let (events, outboxes) = events(app, engines, sources)?;
    let events = Arc::new(events);
    let board = Arc::new(Switchboard::new(host.dispatcher.clone()));
    let outputs = bindings::outputs(app, &loaded.folder, &host.services, &doubles.outputs)?;
    let conflicts = Arc::<Conflicts>::default();
    let wiring = Wiring {
        loaded,
        host,
        engines,
        doubles,
        events: &events,
        board: &board,
        conflicts: &conflicts,
        in_flight: Guard::default(),
        outboxes: &outboxes,
        outputs: &outputs,
    };
    let stores = Stores::new(app, &host.services, engines);
    let (mut targets, mut jobs) = (HashMap::new(), vec![]);
    for (index, (meta, component)) in app.components.iter().zip(&loaded.components).enumerate() {
        let scheduler = wiring.jobs(meta);
        jobs.extend(scheduler.clone().map(|scheduler| (meta.name.clone(), scheduler)));
        let grants = wiring.grants(meta, &stores, scheduler)?;
        let linked = match doubles.linked.get(index) {
            Some(Some(linked)) => linked.clone(),
            _ => Micrologic::link(component, &wiring.links(meta, component))?,
        };
        let micrologic = Micrologic::new(linked, grants, limits(&meta.limits), host.services.clone());
        let calls = host.dispatcher.metrics.calls(&host.tenant, &app.name, &meta.name);
        let (tenant, app) = (host.tenant.clone(), app.name.clone());
        let mut target = Target::new(tenant, app, meta.name.clone(), micrologic, calls, meta.callers.clone());
        target.transactions = wiring.transactions(meta);
        target.atomic = meta.atomic.clone();
        targets.insert(meta.name.clone(), Arc::new(target));
    }
    board.connect(targets.clone());
    let folder = doubles.folder.unwrap_or(&loaded.folder);
    let mut pumps = Pumps::new(app, (doubles, folder), &host.dispatcher, &events, engines, &targets, jobs)?;
    pumps.carry(&outboxes, &events, &outputs);
    let routes = wiring.routes(&targets)?;
    let live = Live { routes: Table::new(routes), engines: HashMap::new() };
    Ok(Wired { live, data: None, events, board, conflicts, pumps })
}

/// The app's topics and subscriptions, with those of the host's own.
///
/// # Errors
/// If one cannot be made.
pub(crate) fn events(
    app: &App,
    engines: &Engines,
    sources: events::Sources<'_>,
) -> anyhow::Result<(Events, Outboxes)> {
    let mut events = Events::new(app, engines, sources)?;
    let outboxes = Outboxes::new(app, engines, sources, &mut events)?;
    Ok((events, outboxes))
}

/// The engine of the app's embedded storage.
fn engine(data: &DataDir, app: &App, host: &Host<'_>) -> embedded::Engine {
    let observer =
        EngineMetrics { tenant: host.tenant.to_string(), metrics: host.dispatcher.metrics.clone() };
    let cache = usize::try_from(app.storage.cache).unwrap_or(usize::MAX);
    let options = embedded::Options { cache, ..Default::default() };
    data.engine(&host.tenant, host.services.clock.clone(), Arc::new(observer), options)
}

/// Whether something is kept on disk, or there is something that an operator may ask about over the socket there.
fn needs_directory(loaded: &Loaded) -> bool {
    let app = &loaded.app;
    let is_asked =
        |component: &manifest::Component| !component.callers.is_empty() || app.has_atomic(component);
    needs_engine(loaded) || !app.topics.is_empty() || app.components.iter().any(is_asked)
}

fn needs_engine(loaded: &Loaded) -> bool {
    let imports = loaded.components.iter().any(|component| component.imports_interface("mecha:state/stores"));
    let app = &loaded.app;
    let declares = app.stores.iter().any(|store| store.kind == StoreKind::Embedded);
    imports && (loaded.bare || declares) || keeps_events(app) || keeps_jobs(app) || keeps_answers(app)
}

/// Whether topics of the app are on disk.
pub fn keeps_events(app: &App) -> bool {
    app.topics.iter().any(|topic| topic.kind == TopicKind::Embedded)
}

fn keeps_jobs(app: &App) -> bool {
    !app.schedules.is_empty() || app.components.iter().any(|component| component.jobs)
}

/// Whether marks of consumed inputs, or answers by their keys, are on disk.
pub fn keeps_answers(app: &App) -> bool {
    let routes = |component: &manifest::Component| {
        component.routes.iter().any(|route| route.idempotency.is_some()) || app.has_atomic(component)
    };
    app.components.iter().any(|component| !app.is_in_memory(component) && routes(component))
}

/// What the components of one app are wired with.
struct Wiring<'a> {
    loaded: &'a Loaded,
    host: &'a Host<'a>,
    engines: &'a Engines,
    doubles: &'a Doubles<'a>,
    events: &'a Events,
    board: &'a Arc<Switchboard>,
    conflicts: &'a Arc<Conflicts>,
    /// Idempotency keys of requests that are being carried out.
    in_flight: Guard,
    outboxes: &'a Outboxes,
    outputs: &'a BTreeMap<name::Binding, Arc<dyn Output>>,
}

impl Wiring<'_> {
    fn grants(
        &self,
        meta: &manifest::Component,
        stores: &Stores<'_>,
        scheduler: Option<Arc<Jobs>>,
    ) -> anyhow::Result<Grants> {
        let directories = meta.directories.iter().map(|found| self.directory(found));
        Ok(Grants {
            stores: meta.stores.iter().filter_map(|grant| stores.granted(meta, grant)).collect(),
            private: if self.loaded.bare { stores.private(meta) } else { None },
            topics: self.topics(meta),
            targets: meta.invoke.iter().map(|grant| self.target(grant)).collect(),
            outputs: meta.outputs.iter().filter_map(|grant| self.output(meta, grant)).collect(),
            scheduler: scheduler.map(|jobs| jobs as Arc<dyn mecha_primitives::jobs::Scheduler>),
            outbound: meta.outbound.iter().map(destination).collect(),
            env: meta.env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
            directories: directories.collect::<Result<_, _>>()?,
        })
    }

    /// The topics that the component may publish to, each with all that some grant allows.
    fn topics(&self, meta: &manifest::Component) -> Vec<grants::Topic> {
        let mut granted = vec![];
        for topic in &self.loaded.app.topics {
            let covering: Vec<_> = meta.publish.iter().filter(|grant| grant.covers(topic)).collect();
            let Some(publisher) = self.events.topic(&topic.name).filter(|_| !covering.is_empty()) else {
                continue;
            };
            let is_open = covering.iter().any(|grant| grant.types.is_empty());
            let types = covering.iter().flat_map(|grant| &grant.types).map(ToString::to_string);
            granted.push(grants::Topic {
                name: topic.name.clone(),
                publisher: publisher.clone(),
                default_type: topic.event_type.as_str().into(),
                types: if is_open { Arc::default() } else { types.collect() },
            });
        }
        granted
    }

    fn target(&self, grant: &manifest::InvokeGrant) -> grants::Target {
        let methods = allowed(&grant.methods);
        let double = self.doubles.callees.get(&grant.component).cloned();
        let invoker = double.unwrap_or_else(|| self.board.clone());
        grants::Target { component: grant.component.clone(), methods, invoker }
    }

    fn output(&self, meta: &manifest::Component, grant: &manifest::OutputGrant) -> Option<grants::Output> {
        let operations = allowed(&grant.operations);
        let output = self.outputs.get(&grant.output)?.clone();
        let sources = (&self.host.services.clock, &self.host.services.lots);
        let output = self.outboxes.wrapped(&self.loaded.app, meta, grant, output, sources);
        Some(grants::Output { name: grant.output.clone(), output, operations })
    }

    fn directory(&self, directory: &manifest::Directory) -> anyhow::Result<Directory> {
        let writable = directory.access == manifest::DirAccess::ReadWrite;
        let folder = self.doubles.folder.filter(|_| writable).unwrap_or(&self.loaded.folder);
        let host = bindings::open(folder, &directory.host.value)?;
        Ok(Directory { host: Arc::new(host.into_std_file()), guest: directory.guest.clone(), writable })
    }

    fn jobs(&self, meta: &manifest::Component) -> Option<Arc<Jobs>> {
        let engine = self.engines.embedded.clone().filter(|_| meta.jobs)?;
        let account = component_account(&self.loaded.app.name, &meta.name);
        let options = mecha_primitives::jobs::Options {
            lease: lease(meta.limits.wall_time),
            retry: Default::default(),
            max_bytes: Some(JOBS),
        };
        let services = &self.host.services;
        Some(Arc::new(Jobs::new(engine, services.clock.clone(), services.lots.clone(), account, options)))
    }

    /// The component's imports that other components serve.
    fn links(&self, meta: &manifest::Component, component: &Component) -> Vec<Link> {
        let names: Vec<_> = self.loaded.app.components.iter().map(|component| &component.name).collect();
        let link = |link: &manifest::Link| {
            let callee = names.iter().position(|name| **name == link.component.value)?;
            let callee = self.loaded.components.get(callee)?;
            let import = links::import(link, component)?;
            Some(Link {
                import: import.to_owned(),
                export: links::export(link, import, callee)?.to_owned(),
                callee: Arc::new(calls::Linked {
                    board: self.board.clone(),
                    component: link.component.value.clone(),
                    interface: link.unversioned().to_owned(),
                }),
            })
        };
        meta.links.iter().filter_map(link).collect()
    }

    fn routes(&self, targets: &HashMap<name::Component, Arc<Target>>) -> anyhow::Result<Vec<Routed>> {
        let app = &self.loaded.app;
        let mut routes = vec![];
        let mut add = |route: &manifest::Route, endpoint| {
            routes.push((route.host.clone(), route.path.clone(), endpoint));
        };
        for meta in &app.components {
            let Some(target) = targets.get(&meta.name) else { continue };
            for route in &meta.routes {
                add(route, self.endpoint(meta, route, target)?);
            }
        }
        for topic in &app.topics {
            let (Some(route), Some(found)) = (&topic.ingress, self.events.topic(&topic.name)) else {
                continue;
            };
            let ingress = bindings::ingress(app, topic, found.clone(), &self.host.services);
            add(route, Endpoint::Topic(Arc::new(ingress)));
        }
        for input in &app.inputs {
            let Some(target) = targets.get(&input.to.value) else { continue };
            if let Some((route, webhook)) =
                bindings::webhook(app, input, target.clone(), &self.host.dispatcher)?
            {
                add(route, Endpoint::Webhook(Arc::new(webhook)));
            }
        }
        Ok(routes)
    }
}

/// What the manifest says of a component.
fn meta_of<'a>(app: &'a App, name: &name::Component) -> Option<&'a manifest::Component> {
    app.components.iter().find(|component| component.name == *name)
}

/// The names that are allowed; `None`: all.
fn allowed(by: &manifest::Allowed) -> Option<Arc<[String]>> {
    match by {
        manifest::Allowed::All => None,
        manifest::Allowed::Only(names) => Some(names.iter().map(|name| name.value.clone()).collect()),
    }
}

type Routed = (Option<HostPattern>, manifest::PathPattern, Endpoint);

/// Bytes that the jobs of one component may take.
const JOBS: u64 = 256 << 20;

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
        outside: match granted.outside {
            manifest::Outside::Forbidden => outbound::Outside::None,
            manifest::Outside::Safe => outbound::Outside::Safe,
            manifest::Outside::Allow => outbound::Outside::All,
        },
    }
}
