//! The real clock and the real randomness: the only place where they enter the process.

use std::{
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use mecha_primitives::{
    clock::{Clock, Sleep, Timestamp},
    identity::CallId,
    random::Random,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is injected everywhere else")]
    fn now(&self) -> Timestamp {
        // Before 1970 there were no calls.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep {
        Box::pin(async move {
            // The timer runs by another clock than this one: look at the time now and then, for it may have been set.
            while let Some(left) = NonZero::new(at.0.saturating_sub(Self.now().0)) {
                tokio::time::sleep(Duration::from_millis(left.get()).min(LOOK)).await;
            }
        })
    }
}

/// How long a set clock may go unnoticed.
const LOOK: Duration = Duration::from_secs(1);

/// A source of randomness that others are seeded from. With a seed of its own, a run can be replayed.
#[derive(Debug)]
pub struct Randomness(Mutex<StdRng>);

impl Randomness {
    #[must_use]
    pub fn from_system() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }

    /// The same numbers for the same seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Gives generators, each for one call.
    #[must_use]
    pub fn forks(self: &Arc<Self>) -> Arc<dyn Fn() -> StdRng + Send + Sync> {
        let random = self.clone();
        Arc::new(move || random.fork())
    }

    /// A generator of its own for one call.
    pub fn fork(&self) -> StdRng {
        let mut seed = <StdRng as rand::SeedableRng>::Seed::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
        StdRng::from_seed(seed)
    }

    pub fn call_id(&self) -> CallId {
        CallId(u128::from_be_bytes(self.bytes()))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}

impl Random for Randomness {
    fn next(&self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }
}
