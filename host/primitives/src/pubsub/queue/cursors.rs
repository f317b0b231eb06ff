//! How far a queue has looked, and what it must not forget until the next look.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Leased, Queue};
use crate::{commit, pubsub::layout::KeyHash};

/// What the queue found on its way is leased, or blocked by an earlier entry of its key. A process begins with none of
/// it: then it looks at everything once.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// The last ready key that was looked at. Ready entries are in the order of their commits: no new one is before it.
    /// (Those that wait have no cursor. One can be committed behind others that were due later.)
    pub(super) ready: Option<Bytes>,
    /// Ordering keys whose first entry is gone. At the most as many as leases and expiries between two looks.
    freed: VecDeque<KeyHash>,
    /// Leases of which it is unknown whether they happened. They are no attempts.
    pub(super) lost: Vec<Leased>,
    /// What was in the way of an entry, but not of the others.
    pub(super) trouble: Option<commit::Error>,
    /// Which of the places is looked at first.
    turn: usize,
}

impl Cursors {
    pub(super) fn free(&mut self, key: KeyHash) {
        if !self.freed.contains(&key) {
            self.freed.push_back(key);
        }
    }

    /// The keys that were free first.
    pub(super) fn freed(&mut self, max: usize) -> Vec<KeyHash> {
        let count = max.min(self.freed.len());
        self.freed.drain(..count).collect()
    }

    pub(super) fn has_work(&self) -> bool {
        !self.freed.is_empty() || !self.lost.is_empty()
    }

    pub(super) fn turn(&mut self) -> usize {
        self.turn = (self.turn + 1) % 3;
        self.turn
    }
}

/// Takes back what a look has passed over, unless it came to its end.
#[derive(Debug)]
pub(super) struct Look<'q> {
    queue: &'q Queue,
    ready: Option<Bytes>,
    freed: Vec<KeyHash>,
    is_over: bool,
}

impl<'q> Look<'q> {
    /// Begins with what was freed: before the snapshot, so that what is seen is not older.
    pub(super) fn begin(queue: &'q Queue, max: usize) -> Self {
        let mut cursors = queue.cursors();
        let (ready, freed) = (cursors.ready.clone(), cursors.freed(max));
        drop(cursors);
        Self { queue, ready, freed, is_over: false }
    }

    pub(super) fn freed(&self) -> &[KeyHash] {
        &self.freed
    }

    /// What was found is leased. `unseen` of what was freed was not looked at.
    pub(super) fn end(mut self, unseen: impl IntoIterator<Item = KeyHash>) {
        self.is_over = true;
        let mut cursors = self.queue.cursors();
        unseen.into_iter().for_each(|key| cursors.free(key));
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut cursors = self.queue.cursors();
            cursors.ready = self.ready.take();
            self.freed.drain(..).for_each(|key| cursors.free(key));
        }
    }
}
