//! Finds what is due: what was freed, what waited long enough, what is ready.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Queue, cursors::Look, until};
use crate::{
    clock::Timestamp,
    commit::{self, Budget, Record, Snapshot, Stamp, Version},
    pubsub::layout::{Entry, KeyHash, Place, Stored, behind, from, within},
};

/// An entry that is to be moved.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Bytes,
    pub(super) stamp: Stamp,
    pub(super) entry: Entry,
    pub(super) version: Version,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Finds {
    /// To be leased.
    pub(super) due: Vec<(Found, Stored)>,
    /// Their events are gone: the topic did not keep them as long as this group took.
    pub(super) gone: Vec<Found>,
    /// Waited long enough, and cannot be leased yet: they are ready, and no longer looked at for their time.
    pub(super) awaiting: Vec<Found>,
    /// Keys of which nobody looked whether they are free.
    pub(super) unseen: Vec<KeyHash>,
}

/// Entries in one page.
const PAGE: usize = 256;
/// Bytes of events that one search gives; the first is given even if it is larger.
const MAX_BYTES: u64 = 4 << 20;

pub(super) struct Search<'a> {
    queue: &'a Queue,
    snapshot: &'a dyn Snapshot,
    now: Timestamp,
    max: usize,
    bytes: u64,
    seen: BTreeSet<Stamp>,
    /// The first entries of keys: they do not change within a snapshot.
    firsts: BTreeMap<KeyHash, Option<(Stamp, Place)>>,
    finds: Finds,
}

impl<'a> Search<'a> {
    pub(super) fn new(queue: &'a Queue, snapshot: &'a dyn Snapshot, now: Timestamp, max: usize) -> Self {
        let (seen, firsts, finds) = Default::default();
        Self { queue, snapshot, now, max, bytes: 0, seen, firsts, finds }
    }

    /// Which place comes first changes with `turn`, so that none keeps the others waiting.
    pub(super) async fn run(mut self, look: &Look<'_>, turn: usize) -> Result<Finds, commit::Error> {
        for place in (0..3).map(|index| (turn + index) % 3) {
            match place {
                0 => self.freed(look.freed()).await?,
                1 => self.waited().await?,
                _ => self.ready().await?,
            }
        }
        Ok(self.finds)
    }

    fn is_full(&self) -> bool {
        let Finds { due, gone, awaiting, .. } = &self.finds;
        due.len() >= self.max || self.bytes >= MAX_BYTES || gone.len() + awaiting.len() >= PAGE
    }

    /// Keys whose first entry is gone: the next one may be due.
    async fn freed(&mut self, keys: &[KeyHash]) -> Result<(), commit::Error> {
        for key in keys {
            if self.is_full() {
                self.finds.unseen.push(*key);
                continue;
            }
            let Some((stamp, place)) = self.first(key).await? else { continue };
            if matches!(place, Place::Waiting(at) if at > self.now) {
                continue;
            }
            let at = self.queue.keys.entry(place, stamp);
            // It is not there if it is leased: the settlement frees the key again.
            if let Some(record) = self.snapshot.get(&at).await? {
                self.consider(at, &record, true).await?;
            }
        }
        Ok(())
    }

    /// The first entry with this key, and where it is if it is not leased.
    async fn first(&mut self, key: &KeyHash) -> Result<Option<(Stamp, Place)>, commit::Error> {
        if let Some(first) = self.firsts.get(key) {
            return Ok(*first);
        }
        let budget = Budget { records: 1, bytes: 1, values: true };
        let (first, _) = self.snapshot.scan(&within(&self.queue.keys.order(key)), budget).await?;
        let first = first.first().and_then(|(key, record)| {
            let at = u64::from_be_bytes(record.value.as_ref().try_into().ok()?);
            let place = if at == 0 { Place::Ready } else { Place::Waiting(Timestamp(at)) };
            Some((Stamp::of(key)?, place))
        });
        self.firsts.insert(*key, first);
        Ok(first)
    }

    async fn waited(&mut self) -> Result<(), commit::Error> {
        let mut start = None;
        while !self.is_full() {
            let span = until(&self.queue.keys.waiting(), start, self.now);
            let (page, more) = self.snapshot.scan(&span, page()).await?;
            let (last, found) = (page.last().map(|(key, _)| behind(key)), self.finds.due.len());
            for (key, record) in page {
                if self.is_full() {
                    return Ok(());
                }
                self.consider(key, &record, false).await?;
            }
            // Who waits for a batch does not wait for all of a backlog that is blocked.
            let is_fruitless = found > 0 && self.finds.due.len() == found;
            if !more || is_fruitless {
                return Ok(());
            }
            start = last;
        }
        Ok(())
    }

    async fn ready(&mut self) -> Result<(), commit::Error> {
        while !self.is_full() {
            let prefix = self.queue.keys.ready();
            let last = self.queue.cursors().ready.clone();
            let span = last.map_or_else(|| within(&prefix), |last| from(&prefix, behind(&last)));
            let (page, more) = self.snapshot.scan(&span, page()).await?;
            let found = self.finds.due.len();
            for (key, record) in page {
                if self.is_full() {
                    return Ok(());
                }
                self.consider(key.clone(), &record, true).await?;
                self.queue.cursors().ready = Some(key);
            }
            let is_fruitless = found > 0 && self.finds.due.len() == found;
            if !more || is_fruitless {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Decides what becomes of an entry whose time has come.
    async fn consider(&mut self, key: Bytes, record: &Record, is_ready: bool) -> Result<(), commit::Error> {
        let Some(found) = read(key, record) else {
            self.unreadable("an entry");
            return Ok(());
        };
        if !self.seen.insert(found.stamp) {
            return Ok(());
        }
        let is_blocked = match &found.entry.key {
            None => false,
            Some(key) => self.first(key).await?.is_some_and(|(first, _)| first != found.stamp),
        };
        let event = match is_blocked {
            true => None,
            false => self.snapshot.get(&found.stamp.key(&self.queue.topic_keys.events())).await?,
        };
        let stored = event.as_ref().map(|event| Stored::decode(&event.value));
        match stored {
            Some(Some(stored)) => {
                self.bytes += stored.event.size();
                self.finds.due.push((found, stored));
            }
            None if !is_blocked => self.finds.gone.push(found),
            other => {
                if other.is_some() {
                    self.unreadable(&format!("event {}", found.stamp));
                }
                if !is_ready {
                    self.finds.awaiting.push(found);
                }
            }
        }
        Ok(())
    }

    /// It stays, for a host that can read it, and is told once by each process.
    fn unreadable(&self, what: &str) {
        let (topic, group) = (&self.queue.topic, &self.queue.group);
        let why = format!("{what} of group {group} on topic {topic} cannot be read");
        self.queue.cursors().trouble = Some(commit::Error::Unavailable(why.into()));
    }
}

fn page() -> Budget {
    Budget { records: PAGE, bytes: 1 << 20, values: true }
}

fn read(key: Bytes, record: &Record) -> Option<Found> {
    let entry = Entry::decode(&record.value)?;
    Some(Found { stamp: Stamp::of(&key)?, key, entry, version: record.version })
}
