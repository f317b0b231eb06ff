//! The laws of engines on the embedded one; and those of state in it, also through the wrappers that guests see it
//! through, and in the map that it is compared with.

use std::sync::{Arc, Mutex};

use mecha_backends::embedded::{Engine, Options};
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::{self, Unobserved},
    idempotency, jobs, pubsub,
    state::{Limited, Limits, Records, Scoped, Store, conformance::Fixture, shared_scope},
    unit,
};
use mecha_tests::{map::Map, simdisk::SimDisk};

struct Embedded {
    clock: Arc<ManualClock>,
    disk: SimDisk,
    engine: Mutex<Engine>,
}

impl Embedded {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        let disk = SimDisk::new(0);
        Self { engine: Mutex::new(open(&disk, &clock)), clock, disk }
    }

    fn handle(&self) -> Arc<Engine> {
        Arc::new(self.engine.lock().unwrap().clone())
    }
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Engine {
    Engine::new(Arc::new(disk.clone()), clock.clone(), Arc::new(Unobserved), Options::default())
}

impl Fixture for Embedded {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(Records::new(self.handle(), self.clock.clone()))
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

impl commit::conformance::Fixture for Embedded {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.handle()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn reopen(&self) {
        self.handle().close().await;
        *self.engine.lock().unwrap() = open(&self.disk, &self.clock);
    }
}

impl pubsub::conformance::Fixture for Embedded {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.handle()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

impl jobs::conformance::Fixture for Embedded {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.handle()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

impl idempotency::conformance::Fixture for Embedded {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.handle()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

impl unit::conformance::Fixture for Embedded {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.handle()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

mod topics {
    mecha_primitives::pubsub_conformance!(super::Embedded::new());
}

mod schedules {
    mecha_primitives::jobs_conformance!(super::Embedded::new());
}

mod answers {
    mecha_primitives::idempotency_conformance!(super::Embedded::new());
}

mod outboxes {
    mecha_primitives::deferred_conformance!(super::Embedded::new());
}

mod units {
    mecha_primitives::unit_conformance!(super::Embedded::new());
}

mod engine {
    mecha_primitives::commit_conformance!(super::Embedded::new());
}

mod embedded {
    mecha_primitives::state_conformance!(super::Embedded::new());
}

/// The judge is judged as well.
struct Mapped {
    clock: Arc<ManualClock>,
    store: Arc<Map>,
}

impl Mapped {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        Self { store: Arc::new(Map::new(clock.clone())), clock }
    }
}

impl Fixture for Mapped {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

mod mapped {
    mecha_primitives::state_conformance!(super::Mapped::new());
}

/// As a component sees it, between two others.
struct Wrapped(Embedded);

impl Fixture for Wrapped {
    fn store(&self) -> Arc<dyn Store> {
        let scope = shared_scope(&"shop".parse().unwrap(), &"carts".parse().unwrap());
        let scoped = Scoped::new(self.0.store(), scope);
        Arc::new(Limited::new(Arc::new(scoped), Limits::default()))
    }

    fn clock(&self) -> &ManualClock {
        &self.0.clock
    }
}

mod wrapped {
    mecha_primitives::state_conformance!(super::Wrapped(super::Embedded::new()));
}
