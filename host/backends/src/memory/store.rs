//! State in a map: the shortest honest reading of [`state::Store`]'s laws, and their
//! judge in tests. Nothing of it survives the process.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use mecha_primitives::{
    clock::{Clock, Timestamp},
    state::{
        self, Abilities, Action, Applied, Error, Failure, Item, Key, Listing, Page, Range, Step, Version,
    },
};

/// How many expired entries one operation clears away: enough that memory is reused, and no
/// operation waits for thousands.
const SWEEP: usize = 64;

/// A map in memory.
pub struct Store {
    clock: Arc<dyn Clock>,
    max_bytes: Option<u64>,
    /// Held within one operation, never across an await: a std mutex is right.
    entries: Mutex<Entries>,
}

impl Store {
    /// A write that would make keys and values together larger than `max_bytes` is refused.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, max_bytes: Option<u64>) -> Self {
        Self { clock, max_bytes, entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing in a critical section panics half way, so a poisoned map is whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    /// Without the values: they are the guests' secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory::Store({:?})", self.max_bytes)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl state::Store for Store {
    fn abilities(&self) -> Abilities {
        Abilities { durable: false, ttl: true, transactions: true }
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let now = self.clock.now();
        let mut entries = self.lock();
        entries.sweep(now, SWEEP);
        Ok(entries.live(key, now).cloned())
    }

    async fn peek(&self, key: &Key) -> Result<Option<Item>, Error> {
        self.get(key).await
    }

    async fn scan(&self, range: &Range, page: Page) -> Result<Listing, Error> {
        let now = self.clock.now();
        let mut entries = self.lock();
        entries.sweep(now, SWEEP);
        Ok(entries.scan(range, page, now))
    }

    async fn apply(&self, steps: Vec<Step>) -> Result<Vec<Applied>, Failure> {
        let now = self.clock.now();
        let mut entries = self.lock();
        entries.sweep(now, SWEEP);
        let mut undo = Vec::with_capacity(steps.len());
        let mut applied = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            match entries.step(step, now, &mut undo) {
                Ok(done) => applied.push(done),
                Err(error) => {
                    entries.undo(undo);
                    return Err(Failure::Step(index, error));
                }
            }
        }
        if let Some(max) = self.max_bytes.filter(|max| entries.bytes > *max) {
            // The map was within the bound before, so this is growth. What has expired is no reason to refuse it.
            entries.sweep(now, usize::MAX);
            if entries.bytes > max {
                entries.undo(undo);
                return Err(Error::QuotaExceeded(format!("more than {max} bytes in memory")).into());
            }
        }
        Ok(applied)
    }
}

/// A key that is looked up by its bytes, which order keys as their text does.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Stored(Key);

impl Borrow<[u8]> for Stored {
    fn borrow(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}

#[derive(Default)]
struct Entries {
    items: BTreeMap<Stored, Item>,
    expiries: BTreeSet<(Timestamp, Stored)>,
    /// Of keys, content types and values.
    bytes: u64,
}

/// What was under a key before a step changed it.
type Undo = Vec<(Key, Option<Item>)>;

impl Entries {
    /// The item under a key; one that has expired is removed and not found.
    fn live(&mut self, key: &Key, now: Timestamp) -> Option<&Item> {
        if self.items.get(key.as_str().as_bytes()).is_some_and(|item| !is_live(item, now)) {
            self.replace(key, None);
        }
        self.items.get(key.as_str().as_bytes())
    }

    fn replace(&mut self, key: &Key, new: Option<Item>) -> Option<Item> {
        let stored = Stored(key.clone());
        self.bytes += new.as_ref().map_or(0, |item| size(key, item));
        if let Some(at) = new.as_ref().and_then(|item| item.expires_at) {
            self.expiries.insert((at, stored.clone()));
        }
        let kept = new.as_ref().and_then(|item| item.expires_at);
        let old = match new {
            Some(item) => self.items.insert(stored.clone(), item),
            None => self.items.remove(&stored),
        };
        if let Some(old) = &old {
            self.bytes -= size(key, old);
            if let Some(at) = old.expires_at.filter(|at| Some(*at) != kept) {
                self.expiries.remove(&(at, stored));
            }
        }
        old
    }

    fn sweep(&mut self, now: Timestamp, limit: usize) {
        for _ in 0..limit {
            let Some((_, due)) = self.expiries.first().filter(|(at, _)| *at <= now) else { return };
            let key = due.0.clone();
            self.replace(&key, None);
        }
    }

    fn undo(&mut self, undo: Undo) {
        for (key, old) in undo.into_iter().rev() {
            self.replace(&key, old);
        }
    }

    fn step(&mut self, step: Step, now: Timestamp, undo: &mut Undo) -> Result<Applied, Error> {
        let found = self.live(&step.key, now).cloned();
        let present = found.as_ref().map(|item| item.version);
        if step.expect.is_some_and(|expect| !expect.holds(present)) {
            return Err(Error::Conflict(present));
        }
        let (new, applied) = match step.action {
            Action::Check => return Ok(Applied::default()),
            Action::Delete => (None, Applied::default()),
            Action::Set { value, content_type, ttl, version } => {
                let expires_at = ttl.map(|ttl| now + ttl);
                let item = Item { value, version, content_type, expires_at };
                (Some(item), Applied { version: Some(version), sum: None })
            }
            Action::Add { delta, ttl, version, .. } => {
                let (item, sum) = add(found, delta, ttl.map(|ttl| now + ttl), version)?;
                (Some(item), Applied { version: Some(version), sum: Some(sum) })
            }
        };
        let old = self.replace(&step.key, new);
        undo.push((step.key, old));
        Ok(applied)
    }

    fn scan(&self, range: &Range, page: Page, now: Timestamp) -> Listing {
        let prefix = range.prefix.as_bytes();
        // No UTF-8 holds the byte 0xff: behind `prefix 0xff` there is no key with the prefix.
        let behind = [prefix, &[0xff]].concat();
        let text = |text: &'_ Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
        let mut lower = text(&range.start).map_or(prefix.to_vec(), |start| start.max(prefix.to_vec()));
        let mut upper = text(&range.end).map_or(behind.clone(), |end| end.min(behind));
        match text(&range.after) {
            Some(after) if range.reverse => upper = upper.min(after),
            Some(after) => lower = lower.max([after.as_slice(), &[0]].concat()),
            None => {}
        }
        if lower >= upper {
            return Listing::default();
        }
        let bounds = (Bound::Included(lower.as_slice()), Bound::Excluded(upper.as_slice()));
        let mut found = self.items.range::<[u8], _>(bounds).filter(|(_, item)| is_live(item, now));
        let mut listing = Listing::default();
        let mut bytes = 0;
        while let Some((Stored(key), item)) = if range.reverse { found.next_back() } else { found.next() } {
            bytes += key.as_str().len() + if page.values { item.value.len() } else { 0 };
            let full = bytes > state::MAX_PAGE_BYTES && !listing.entries.is_empty();
            if full || listing.entries.len() == page.limit {
                listing.more = true;
                break;
            }
            let value = if page.values { item.value.clone() } else { Bytes::new() };
            listing.entries.push((key.clone(), Item { value, ..item.clone() }));
        }
        listing
    }
}

fn is_live(item: &Item, now: Timestamp) -> bool {
    item.expires_at.is_none_or(|at| at > now)
}

/// What an entry takes beside its bytes: nodes, counts and the index of expiries. Without it a million small
/// entries would take several times what they are counted for.
const ENTRY: u64 = 256;

fn size(key: &Key, item: &Item) -> u64 {
    let content_type = item.content_type.as_ref().map_or(0, |text| text.len());
    ENTRY + (key.as_str().len() + content_type + item.value.len()) as u64
}

/// The counter after the addition: a new one if there is none, otherwise the old one with a new value.
fn add(
    found: Option<Item>,
    delta: i64,
    expires_at: Option<Timestamp>,
    version: Version,
) -> Result<(Item, i64), Error> {
    let old = found.unwrap_or(Item { value: "0".into(), version, content_type: None, expires_at });
    let number: i64 = std::str::from_utf8(&old.value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::InvalidArgument("the value is no number".into()))?;
    let sum = number
        .checked_add(delta)
        .ok_or_else(|| Error::InvalidArgument("the number would overflow".into()))?;
    Ok((Item { value: sum.to_string().into(), version, ..old }, sum))
}

#[cfg(test)]
mod tests;
