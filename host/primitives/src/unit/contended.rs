//! Who lost a race for a key goes next in line for it, so that those who want the same do not all run in vain.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Lines of waiting, by the hash of the key: two keys seldom share one, and if they do, calls wait a little longer.
const LINES: u64 = 256;

/// The keys that calls were seen to race for.
#[derive(Debug)]
pub(super) struct Contended(Vec<Arc<Mutex<()>>>);

impl Default for Contended {
    fn default() -> Self {
        Self((0..LINES).map(|_| Arc::default()).collect())
    }
}

impl Contended {
    /// One's turn with a key. It lasts until this is dropped.
    pub(super) async fn turn(&self, key: &[u8]) -> OwnedMutexGuard<()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let line = usize::try_from(hasher.finish() % LINES).unwrap_or(0);
        self.0[line].clone().lock_owned().await
    }
}
