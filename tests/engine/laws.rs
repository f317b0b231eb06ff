//! The laws of state, on the embedded engine and through the wrappers that guests see it through.

use std::sync::Arc;

use mecha_backends::embedded::{Engine, Options};
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::Unobserved,
    state::{Limited, Limits, Records, Scoped, Store, conformance::Fixture, shared_scope},
};
use mecha_tests::simdisk::SimDisk;

struct Embedded {
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
}

impl Embedded {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        let disk = Arc::new(SimDisk::new(0));
        let engine = Engine::new(disk, clock.clone(), Arc::new(Unobserved), Options::default());
        Self { clock, engine: Arc::new(engine) }
    }
}

impl Fixture for Embedded {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(Records::new(self.engine.clone(), self.clock.clone()))
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

mod embedded {
    mecha_primitives::state_conformance!(super::Embedded::new());
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
        self.0.clock()
    }
}

mod wrapped {
    mecha_primitives::state_conformance!(super::Wrapped(super::Embedded::new()));
}
