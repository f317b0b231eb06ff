//! Parts of a unit that can be undone alone.
//!
//! A level remembers, for each key that was written since its savepoint, what was held for it before: once, however
//! often it was written. So what is kept to come back to is bounded, as it counts among what is held.

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;

use super::held::{Act, Held, Write, size, weight};

/// A place to come back to.
pub(super) struct Mark(u64);

/// What happened since a savepoint.
pub(super) struct Level {
    mark: u64,
    /// What was held for a key; `None`: nothing.
    pub(super) before: BTreeMap<Bytes, Option<Write>>,
    appended: usize,
    acts: usize,
}

impl Held {
    pub(super) fn mark(&mut self) -> Mark {
        self.marks += 1;
        let (appended, acts) = (self.appended.len(), self.acts.len());
        self.levels.push(Level { mark: self.marks, before: BTreeMap::new(), appended, acts });
        Mark(self.marks)
    }

    /// Whether what is held for a key now must be kept when it is overwritten, because it comes back if the innermost
    /// savepoint is undone.
    pub(super) fn is_to_come_back(&self, key: &Bytes) -> bool {
        self.levels.last().is_some_and(|level| !level.before.contains_key(key))
    }

    /// From now on all since the mark belongs to the savepoint around it, if there is one.
    pub(super) fn keep(&mut self, mark: &Mark) {
        for level in self.since(mark) {
            for (key, before) in level.before {
                match self.levels.last_mut().map(|around| around.before.entry(key.clone())) {
                    Some(Entry::Vacant(first)) => _ = first.insert(before),
                    _ => before.into_iter().for_each(|before| self.free(&key, &before)),
                }
            }
        }
    }

    /// Goes back to a mark. What was read stays remembered: what was decided by it may have been told. The acts that are
    /// not to be done are given back: what their end causes must not meet a lock.
    #[must_use]
    pub(super) fn undo(&mut self, mark: &Mark) -> Vec<Act> {
        let mut undone = vec![];
        for level in self.since(mark).into_iter().rev() {
            for (key, before) in level.before {
                let after = match before {
                    Some(before) => self.writes.insert(key.clone(), before),
                    None => self.writes.remove(&key),
                };
                after.into_iter().for_each(|after| self.free(&key, &after));
            }
            let dropped = self.appended.split_off(level.appended.min(self.appended.len()));
            self.entries -= dropped.len();
            self.bytes -= weight(&dropped);
            undone.append(&mut self.acts.split_off(level.acts.min(self.acts.len())));
        }
        undone
    }

    /// The level of a mark, and those within it: they end with it. None, if it has ended.
    fn since(&mut self, mark: &Mark) -> Vec<Level> {
        let at = self.levels.iter().position(|level| level.mark == mark.0);
        self.levels.split_off(at.unwrap_or(self.levels.len()))
    }

    fn free(&mut self, key: &[u8], write: &Write) {
        self.entries -= 1;
        self.bytes -= size(key, write);
    }
}

#[cfg(test)]
mod tests;
