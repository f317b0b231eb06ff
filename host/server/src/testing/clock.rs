//! Time in a case: it goes on when everybody waits for it, and then it jumps.
//!
//! It is tokio's clock, paused. So a timer of the runtime, a guest that sleeps and a job that is due all live by one time.

use std::time::Duration;

use mecha_primitives::clock::{Clock, Sleep, Timestamp};
use tokio::time::Instant;

/// A clock that begins where the case says. Made and used within a runtime whose time is paused.
#[derive(Debug)]
pub struct VirtualClock {
    start: Timestamp,
    began: Instant,
}

/// A sleep that is longer is taken in parts: it is more than the runtime's timers can hold.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl VirtualClock {
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { start, began: Instant::now() }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.start + self.began.elapsed()
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep {
        let until = at.since(self.now());
        Box::pin(async move {
            let mut left = until;
            while !left.is_zero() {
                let part = left.min(LONGEST);
                tokio::time::sleep(part).await;
                left -= part;
            }
        })
    }
}
