//! What a unit remembers and holds back: within bounds, and back to a savepoint.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    commit::{Action, Batch, Change, Check, Error, Expect, Quota, Record, Room, Seen, Span, Version},
};

/// How much a unit may remember and hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Reads remembered and writes held.
    pub entries: usize,
    /// Bytes of their keys and values.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 16 << 20 }
    }
}

/// What is held for a key: the last word on it.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Put(Record),
    Delete,
    /// An addition to what nobody has read.
    Add {
        delta: i64,
        expires_at: Option<Timestamp>,
        version: Version,
    },
}

impl Write {
    fn bytes(&self) -> usize {
        match self {
            Self::Put(record) => record.value.len() + ENTRY,
            Self::Delete | Self::Add { .. } => ENTRY,
        }
    }

    fn change(self, key: Bytes) -> Change {
        let action = match self {
            Self::Put(record) => Action::Put(record),
            Self::Delete => Action::Delete,
            Self::Add { delta, expires_at, version } => {
                Action::Add { delta, expires_at, version, told: false }
            }
        };
        // What it expected was judged when it was held, and what that was judged by is checked.
        Change { key, expect: None, action }
    }
}

/// What an entry takes beside its key and value, in bytes.
const ENTRY: usize = 64;

/// A place to come back to.
pub(super) struct Mark {
    undo: usize,
    appended: usize,
    acts: usize,
}

type Act = Box<dyn FnOnce() + Send>;
pub(super) type Rooms = BTreeMap<Bytes, Arc<dyn Room>>;

pub(super) struct Held {
    bounds: Bounds,
    entries: usize,
    bytes: usize,
    /// Keys that were read, as the engine had them.
    reads: BTreeMap<Bytes, Option<Version>>,
    spans: Vec<Seen>,
    /// In order, so that the same unit always makes the same batch.
    writes: BTreeMap<Bytes, Write>,
    /// What nobody can read through the unit: appends and countdowns, in their order.
    appended: Vec<Change>,
    ordinals: u32,
    quotas: BTreeMap<Bytes, u64>,
    pub(super) rooms: Rooms,
    pub(super) acts: Vec<Act>,
    /// What was overwritten, while there is a savepoint.
    undo: Vec<(Bytes, Option<Write>)>,
    savepoints: usize,
}

impl Held {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            entries: 0,
            bytes: 0,
            reads: BTreeMap::new(),
            spans: vec![],
            writes: BTreeMap::new(),
            appended: vec![],
            ordinals: 0,
            quotas: BTreeMap::new(),
            rooms: BTreeMap::new(),
            acts: vec![],
            undo: vec![],
            savepoints: 0,
        }
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries, self.bytes)
    }

    pub(super) fn write(&self, key: &[u8]) -> Option<&Write> {
        self.writes.get(key)
    }

    /// The writes within a span, in the order of their keys.
    pub(super) fn writes_in(&self, span: &Span) -> Vec<(Bytes, Write)> {
        let is_before_end = |key: &Bytes| span.end.as_ref().is_none_or(|end| key < end);
        let from_start = self.writes.range(span.start.clone()..);
        from_start
            .take_while(|(key, _)| is_before_end(key))
            .map(|(key, write)| (key.clone(), write.clone()))
            .collect()
    }

    /// Remembers that a key was read.
    pub(super) fn remember(&mut self, key: &[u8], found: Option<Version>) -> Result<(), Error> {
        if self.reads.contains_key(key) {
            return Ok(());
        }
        self.take(1, key.len() + ENTRY)?;
        self.reads.insert(Bytes::copy_from_slice(key), found);
        Ok(())
    }

    /// Remembers that a span was listed.
    pub(super) fn remember_span(&mut self, seen: Seen) -> Result<(), Error> {
        let keys: usize = seen.records.iter().map(|(key, _)| key.len() + ENTRY).sum();
        self.take(1 + seen.records.len(), ENTRY + keys)?;
        self.spans.push(seen);
        Ok(())
    }

    /// Holds what a batch changes.
    pub(super) fn hold(
        &mut self,
        writes: BTreeMap<Bytes, Write>,
        appended: Vec<Change>,
        quotas: Vec<Quota>,
    ) -> Result<(), Error> {
        let (mut entries, mut bytes, mut freed) = (appended.len(), weight(&appended), 0);
        for (key, write) in &writes {
            bytes += key.len() + write.bytes();
            match self.writes.get(key) {
                Some(old) => freed += key.len() + old.bytes(),
                None => entries += 1,
            }
        }
        self.bytes -= freed.min(self.bytes);
        if let Err(error) = self.take(entries, bytes) {
            self.bytes += freed;
            return Err(error);
        }
        for (key, write) in writes {
            let old = self.writes.insert(key.clone(), write);
            if self.savepoints > 0 {
                self.undo.push((key, old));
            }
        }
        self.append(appended);
        for quota in quotas {
            let max = self.quotas.entry(quota.account).or_insert(quota.max_bytes);
            *max = quota.max_bytes.min(*max);
        }
        Ok(())
    }

    /// Ordinals of one batch begin anew with each; those of a unit must not meet.
    fn append(&mut self, appended: Vec<Change>) {
        let first = self.ordinals;
        for mut change in appended {
            if let Action::Append { ordinal, .. } = &mut change.action {
                *ordinal = ordinal.saturating_add(first);
                self.ordinals = self.ordinals.max(ordinal.saturating_add(1));
            }
            self.appended.push(change);
        }
    }

    fn take(&mut self, entries: usize, bytes: usize) -> Result<(), Error> {
        let (entries, bytes) = (self.entries + entries, self.bytes + bytes);
        if entries > self.bounds.entries {
            return Err(Error::Held { what: "entries", max: self.bounds.entries });
        }
        if bytes > self.bounds.bytes {
            return Err(Error::Held { what: "bytes", max: self.bounds.bytes });
        }
        (self.entries, self.bytes) = (entries, bytes);
        Ok(())
    }

    pub(super) fn mark(&mut self) -> Mark {
        self.savepoints += 1;
        Mark { undo: self.undo.len(), appended: self.appended.len(), acts: self.acts.len() }
    }

    pub(super) fn keep(&mut self, _: &Mark) {
        self.savepoints -= 1;
        if self.savepoints == 0 {
            self.undo.clear();
        }
    }

    /// Goes back to a mark. What was read stays remembered: what was decided by it may have been told.
    pub(super) fn undo(&mut self, mark: &Mark) {
        for (key, old) in self.undo.drain(mark.undo..).rev() {
            let undone = match old {
                Some(old) => {
                    self.bytes += key.len() + old.bytes();
                    self.writes.insert(key.clone(), old)
                }
                None => {
                    self.entries -= 1;
                    self.writes.remove(&key)
                }
            };
            self.bytes -= undone.map_or(0, |undone| key.len() + undone.bytes()).min(self.bytes);
        }
        let dropped = self.appended.split_off(mark.appended);
        self.entries -= dropped.len();
        self.bytes -= weight(&dropped).min(self.bytes);
        self.acts.truncate(mark.acts);
        self.savepoints -= 1;
    }

    /// All of it as one batch, and what comes with it. Nothing is held hereafter.
    pub(super) fn finish(&mut self) -> (Batch, Rooms, Vec<Act>) {
        let held = std::mem::replace(self, Self::new(self.bounds));
        let expect = |found: Option<Version>| found.map_or(Expect::Absent, Expect::Version);
        let checks = held.reads.into_iter().map(|(key, found)| Check { key, expect: expect(found) });
        let writes = held.writes.into_iter().map(|(key, write)| write.change(key));
        let quotas = held.quotas.into_iter().map(|(account, max_bytes)| Quota { account, max_bytes });
        let batch = Batch {
            checks: checks.collect(),
            spans: held.spans,
            changes: writes.chain(held.appended).collect(),
            quotas: quotas.collect(),
        };
        (batch, held.rooms, held.acts)
    }
}

fn weight(appended: &[Change]) -> usize {
    let size = |change: &Change| match &change.action {
        Action::Append { record, .. } => record.value.len(),
        Action::Countdown { last, .. } => last.iter().map(|key| key.len() + ENTRY).sum(),
        _ => 0,
    };
    appended.iter().map(|change| change.key.len() + ENTRY + size(change)).sum()
}
