//! An app in a world of its own: real wiring, real dispatch, real topics and jobs, and everything around them made for
//! one case.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use mecha_backends::memory;
use mecha_manifest::{self as manifest, suite::Case};
use mecha_primitives::{
    clock::{Clock, Timestamp},
    commit::Engine,
    name,
};
use mecha_runtime::call::Services;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{bench::Bench, clock::VirtualClock, given, outside::Outside, plan::Plan, recorder::Recorder};
use crate::{
    apps::Apps,
    clock::Randomness,
    dispatch::{Dispatcher, calls::Switchboard},
    load::Loaded,
    shutdown::Shutdown,
    triggers::http::Http,
    wire::{Doubles, Engines, Host, Wired, assemble, events::Events},
};

/// Makes the engine that stands for the one on disk.
pub type Storage = Arc<dyn Fn(Arc<dyn Clock>) -> Arc<dyn Engine> + Send + Sync>;

/// What lives longer than one life of the host: what is outside, and on disk.
pub struct Around {
    pub outside: Arc<Outside>,
    pub plan: Arc<Plan>,
    /// `None`: in memory.
    pub storage: Option<Storage>,
    /// Folders of inputs, and those that components may write.
    pub folder: Option<TempDir>,
}

impl Around {
    /// # Errors
    /// If a folder cannot be made.
    pub fn new(bench: &Bench, plan: Plan, storage: Option<Storage>) -> anyhow::Result<Self> {
        let folder = given::folders(&bench.loaded.app).context("cannot make the folders of a case")?;
        Ok(Self { outside: Arc::default(), plan: Arc::new(plan), storage, folder })
    }
}

/// One life of the host in a case. It is made, and lives, in a runtime whose time is paused.
pub struct World {
    pub(super) app: Arc<manifest::App>,
    pub(super) http: Http,
    pub(super) board: Arc<Switchboard>,
    pub(super) events: Arc<Events>,
    pub(super) engines: Engines,
    pub(super) dispatcher: Dispatcher,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) outside: Arc<Outside>,
    pub(super) folder: Option<std::path::PathBuf>,
    /// Whoever changes a folder of an input says so here.
    pub(super) stirred: Arc<Notify>,
}

impl World {
    /// Wires the app and starts what runs beside requests. `life` counts from 0: what is given is there only in the first.
    ///
    /// # Errors
    /// If the app cannot be wired, or what is given cannot be stored.
    pub async fn new(
        bench: &Bench,
        case: &Case,
        around: &Around,
        now: Timestamp,
        life: u64,
    ) -> anyhow::Result<Self> {
        let given = &case.given;
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new(now));
        let random = Arc::new(Randomness::from_seed(given.seed.wrapping_add(life << 32)));
        let recorder = Arc::new(Recorder::new(clock.clone(), around.plan.clone()));
        let own = bench.app_of(given)?.map(|app| Loaded {
            app,
            folder: bench.loaded.folder.clone(),
            components: bench.loaded.components.clone(),
            bare: bench.loaded.bare,
            at: bench.loaded.at,
            warnings: Default::default(),
        });
        let loaded = own.as_ref().unwrap_or(&bench.loaded);
        let services = Arc::new(Services {
            clock: clock.clone(),
            random: random.forks(),
            lots: random.clone(),
            observer: recorder.clone(),
            director: Some(recorder.clone()),
            virtual_time: true,
            upstream: Some(around.outside.upstream(given)),
        });
        let shutdown = Shutdown::default();
        let dispatcher = Dispatcher {
            clock: clock.clone(),
            random: random.clone(),
            metrics: bench.metrics.clone(),
            shutdown: shutdown.clone(),
        };
        let kept = match &around.storage {
            Some(storage) => storage(clock.clone()),
            None => Arc::new(memory::Engine::new(clock.clone())),
        };
        let engines = Engines { embedded: Some(kept), memory: Arc::new(memory::Engine::new(clock.clone())) };
        if life == 0 {
            given::state(loaded, given, &engines, &random).await?;
        }
        let host = Host {
            services,
            dispatcher: dispatcher.clone(),
            tenant: name::Tenant::default(),
            data: Path::new(""),
        };
        let folder = around.folder.as_ref().map(TempDir::path);
        let stirred = Arc::<Notify>::default();
        let doubles = Doubles {
            outputs: around.outside.outputs(&loaded.app, given),
            callees: around.outside.callees(given),
            folder,
            stirred: Some(stirred.clone()),
            linked: &bench.linked,
        };
        let Wired { live, events, board, pumps, .. } = assemble(loaded, &host, &engines, &doubles)?;
        events.begin(&loaded.app.name).await?;
        pumps.begin().await?;
        pumps.start(&shutdown);
        let apps = Arc::new(Apps::new(live));
        let http = Http { apps, dispatcher: dispatcher.clone(), shutdown, headers: usize::MAX };
        let app = Arc::new(loaded.app.clone());
        let folder = folder.map(Path::to_owned);
        let outside = around.outside.clone();
        Ok(Self { app, http, board, events, engines, dispatcher, clock, recorder, outside, folder, stirred })
    }

    /// Until nothing is left to be done at this moment: no call runs, and what is due has been taken up. It takes a
    /// millisecond, or as long as calls that wait for something.
    pub async fn idle(&self) {
        loop {
            // The time of the runtime goes on only when there is nothing else to do.
            tokio::time::sleep(MOMENT).await;
            if !self.recorder.is_busy() {
                return;
            }
        }
    }
}

const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);
