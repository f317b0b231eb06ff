//! Who lost a race for a key goes next in line for it, so that those who want the same do not all run in vain.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Lines of waiting, by the hash of the key: two keys seldom share one, and if they do, calls wait a little longer.
const LINES: u64 = 256;

/// The keys that calls were seen to race for.
#[derive(Debug)]
pub(super) struct Contended {
    lines: Vec<Arc<Mutex<()>>>,
    /// How many turns are being had, so that a call looks for them only if there are any.
    turns: Arc<AtomicUsize>,
}

impl Default for Contended {
    fn default() -> Self {
        Self { lines: (0..LINES).map(|_| Arc::default()).collect(), turns: Arc::default() }
    }
}

/// The line of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line(usize);

impl Line {
    pub(super) fn of(key: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(usize::try_from(hasher.finish() % LINES).unwrap_or(0))
    }
}

/// One's turn in a line. It lasts until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) line: Line,
    turns: Arc<AtomicUsize>,
    _only: OwnedMutexGuard<()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Contended {
    /// Waits for a turn, after those who came before.
    pub(super) async fn turn(&self, line: Line) -> Turn {
        let only = self.lines[line.0].clone().lock_owned().await;
        self.turns.fetch_add(1, Ordering::Relaxed);
        Turn { line, turns: self.turns.clone(), _only: only }
    }

    /// Whether anybody has a turn.
    pub(super) fn is_any_taken(&self) -> bool {
        self.turns.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody has a turn in this line.
    pub(super) fn is_taken(&self, line: Line) -> bool {
        self.lines[line.0].try_lock().is_err()
    }
}
