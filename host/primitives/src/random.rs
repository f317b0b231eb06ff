//! Randomness as an argument, as time is one: whoever draws lots is given a [`Random`].

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::identity::CallId;

/// A source of random numbers.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    fn next(&self) -> u64;

    /// A new call's id.
    fn call_id(&self) -> CallId {
        CallId(u128::from(self.next()) << 64 | u128::from(self.next()))
    }
}

/// The same numbers for the same seed: for tests and simulations. (SplitMix64: Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014.)
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for Seeded {
    fn next(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
