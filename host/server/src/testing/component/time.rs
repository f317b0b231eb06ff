//! The time of a test component: that of the world that it drives, once there is one.

use std::sync::{Arc, OnceLock};

use mecha_primitives::clock::{Clock, Sleep, Timestamp};

use crate::testing::clock::VirtualClock;

/// Made and used within a runtime whose time is paused.
#[derive(Debug)]
pub struct Followed {
    own: VirtualClock,
    world: OnceLock<Arc<dyn Clock>>,
}

/// When the time of a case begins that does not say: 2030-01-01T00:00:00Z.
pub const BEGIN: Timestamp = Timestamp(1_893_456_000_000);

impl Followed {
    pub fn new() -> Self {
        Self { own: VirtualClock::new(BEGIN), world: OnceLock::new() }
    }

    pub fn follow(&self, world: Arc<dyn Clock>) {
        self.world.get_or_init(|| world);
    }

    fn clock(&self) -> &dyn Clock {
        self.world.get().map_or(&self.own, |world| &**world)
    }
}

impl Clock for Followed {
    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep {
        self.clock().sleep_until(at)
    }
}
