//! What a unit remembers and holds back: within bounds, and back to a savepoint.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::Bound,
    sync::Arc,
};

use bytes::Bytes;

use super::savepoints::Level;
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

/// What a write takes.
pub(super) fn size(key: &[u8], write: &Write) -> usize {
    let value = match write {
        Write::Put(record) => record.value.len() + record.media_type.as_ref().map_or(0, |text| text.len()),
        Write::Delete | Write::Add { .. } => 0,
    };
    key.len() + value + ENTRY
}

pub(super) type Act = Box<dyn FnOnce() + Send>;
pub(super) type Rooms = BTreeMap<Bytes, Arc<dyn Room>>;

pub(super) struct Held {
    bounds: Bounds,
    pub(super) entries: usize,
    pub(super) bytes: usize,
    /// Keys that were read, and what must still be so of them.
    reads: BTreeMap<Bytes, Expect>,
    spans: Vec<Seen>,
    /// In order, so that the same unit always makes the same batch.
    pub(super) writes: BTreeMap<Bytes, Write>,
    /// What nobody can read through the unit: appends and countdowns, in their order.
    pub(super) appended: Vec<Change>,
    ordinals: u32,
    quotas: BTreeMap<Bytes, u64>,
    pub(super) rooms: Rooms,
    pub(super) acts: Vec<Act>,
    /// There were more acts than may be kept: what needs them must not happen.
    overfull: bool,
    /// Its commit has begun: what comes now comes too late.
    over: bool,
    /// One for each open savepoint, the innermost last.
    pub(super) levels: Vec<Level>,
    pub(super) marks: u64,
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
            overfull: false,
            over: false,
            levels: vec![],
            marks: 0,
        }
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries, self.bytes)
    }

    pub(super) fn write(&self, key: &[u8]) -> Option<&Write> {
        self.writes.get(key)
    }

    /// The writes within a span, in its order.
    pub(super) fn writes_in(&self, span: &Span) -> Box<dyn Iterator<Item = (&Bytes, &Write)> + '_> {
        if span.end.as_ref().is_some_and(|end| *end <= span.start) {
            return Box::new(std::iter::empty());
        }
        let end = span.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let within = self.writes.range::<[u8], _>((Bound::Included(&*span.start), end));
        if span.reverse { Box::new(within.rev()) } else { Box::new(within) }
    }

    /// Remembers that a key was read.
    pub(super) fn remember(&mut self, key: &[u8], found: Option<Version>) -> Result<(), Error> {
        let expect = found.map_or(Expect::Absent, Expect::Version);
        if let Some(known) = self.reads.get_mut(key) {
            // It may have been known only that it is there.
            *known = expect;
            return Ok(());
        }
        self.take(1, key.len() + ENTRY)?;
        self.reads.insert(Bytes::copy_from_slice(key), expect);
        Ok(())
    }

    /// Remembers that a span was listed, and that there was more behind it: this key at least.
    pub(super) fn remember_span(&mut self, seen: Option<Seen>, behind: Option<Bytes>) -> Result<(), Error> {
        let behind = behind.filter(|key| !self.reads.contains_key(key));
        let (mut entries, mut bytes) = (0, 0);
        if let Some(seen) = &seen {
            entries += 1 + seen.records.len();
            bytes += ENTRY + seen.records.iter().map(|(key, _)| key.len() + ENTRY).sum::<usize>();
        }
        if let Some(key) = &behind {
            entries += 1;
            bytes += key.len() + ENTRY;
        }
        self.take(entries, bytes)?;
        self.spans.extend(seen);
        self.reads.extend(behind.map(|key| (key, Expect::Present)));
        Ok(())
    }

    /// Holds what a batch changes, or nothing of it.
    pub(super) fn hold(
        &mut self,
        writes: BTreeMap<Bytes, Write>,
        appended: Vec<Change>,
        quotas: Vec<Quota>,
    ) -> Result<(), Error> {
        let (mut entries, mut bytes, mut freed) = (appended.len(), weight(&appended), 0);
        for (key, write) in &writes {
            bytes += size(key, write);
            match self.writes.get(key) {
                // What a savepoint comes back to is held besides.
                Some(_) if self.is_to_come_back(key) => entries += 1,
                Some(old) => freed += size(key, old),
                None => entries += 1,
            }
        }
        self.bytes -= freed;
        if let Err(error) = self.take(entries, bytes) {
            self.bytes += freed;
            return Err(error);
        }
        for (key, write) in writes {
            let old = self.writes.insert(key.clone(), write);
            if let Some(level) = self.levels.last_mut()
                && let Entry::Vacant(first) = level.before.entry(key)
            {
                first.insert(old);
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
        let ordinal_of = |change: &Change| match &change.action {
            Action::Append { ordinal, .. } => Some(*ordinal),
            _ => None,
        };
        let given: BTreeSet<u32> = appended.iter().filter_map(ordinal_of).collect();
        let renumbered: BTreeMap<u32, u32> = given.into_iter().zip(self.ordinals..).collect();
        self.ordinals = renumbered.values().last().map_or(self.ordinals, |last| last.saturating_add(1));
        for mut change in appended {
            if let Action::Append { ordinal, .. } = &mut change.action {
                *ordinal = renumbered.get(ordinal).copied().unwrap_or(*ordinal);
            }
            self.appended.push(change);
        }
    }

    /// Keeps an act for later. There may be as many as entries, together with these.
    pub(super) fn act(&mut self, act: Act) {
        if self.acts.len() < self.bounds.entries {
            self.acts.push(act);
        } else {
            self.overfull = true;
        }
    }

    fn take(&mut self, entries: usize, bytes: usize) -> Result<(), Error> {
        if self.over {
            return Err(Error::Unavailable("the call is over".into()));
        }
        let (entries, bytes) = (self.entries.saturating_add(entries), self.bytes.saturating_add(bytes));
        if entries.saturating_add(self.acts.len()) > self.bounds.entries {
            return Err(self.full());
        }
        if bytes > self.bounds.bytes {
            return Err(Error::Held { what: "bytes", max: self.bounds.bytes });
        }
        (self.entries, self.bytes) = (entries, bytes);
        Ok(())
    }

    fn full(&self) -> Error {
        Error::Held { what: "entries", max: self.bounds.entries }
    }

    /// What it changes, and where it began to list: with these it may be in somebody's way.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &Bytes> {
        self.writes.keys().chain(self.spans.iter().map(|seen| &seen.span.start))
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = &Seen> {
        self.spans.iter()
    }

    /// All of it as one batch, and what comes with it. Nothing can be held hereafter.
    pub(super) fn finish(&mut self) -> Result<(Batch, Rooms, Vec<Act>), Error> {
        let ended = Self { over: true, ..Self::new(self.bounds) };
        let held = std::mem::replace(self, ended);
        if held.over {
            return Err(Error::Unavailable("the call is over".into()));
        }
        if held.overfull {
            return Err(self.full());
        }
        let checks = held.reads.into_iter().map(|(key, expect)| Check { key, expect });
        let writes = held.writes.into_iter().map(|(key, write)| write.change(key));
        let quotas = held.quotas.into_iter().map(|(account, max_bytes)| Quota { account, max_bytes });
        let batch = Batch {
            checks: checks.collect(),
            spans: held.spans,
            changes: writes.chain(held.appended).collect(),
            quotas: quotas.collect(),
        };
        Ok((batch, held.rooms, held.acts))
    }
}

pub(super) fn weight(appended: &[Change]) -> usize {
    let size = |change: &Change| match &change.action {
        Action::Append { record, .. } => record.value.len(),
        Action::Countdown { last, .. } => last.iter().map(|key| key.len() + ENTRY).sum(),
        _ => 0,
    };
    appended.iter().map(|change| change.key.len() + ENTRY + size(change)).sum()
}
