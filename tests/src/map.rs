//! State in a map: the shortest honest reading of [`Store`]'s laws, by which state in engines is judged.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use mecha_primitives::{
    clock::Clock,
    commit::Engine,
    state::{
        Abilities, Action, Applied, Error, Failure, Item, Key, Listing, MAX_PAGE_BYTES, Page, Range, Records,
        Step, Store,
    },
};

type Items = BTreeMap<Key, Item>;

/// A store that is a map.
#[derive(Debug)]
pub struct Map {
    clock: Arc<dyn Clock>,
    items: Mutex<Items>,
}

impl Map {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, items: Mutex::default() }
    }

    /// What has not expired.
    fn live(&self) -> MutexGuard<'_, Items> {
        let now = self.clock.now();
        let mut items = self.items.lock().unwrap();
        items.retain(|_, item| item.expires_at.is_none_or(|at| at > now));
        items
    }

    /// Does one step, unless it fails.
    fn step(&self, items: &mut Items, step: Step) -> Result<Applied, Error> {
        let found = items.get(&step.key).cloned();
        let present = found.as_ref().map(|item| item.version);
        if step.expect.is_some_and(|expect| !expect.holds(present)) {
            return Err(Error::Conflict(present));
        }
        let now = self.clock.now();
        let (item, sum) = match step.action {
            Action::Check => return Ok(Applied::default()),
            Action::Delete => {
                items.remove(&step.key);
                return Ok(Applied::default());
            }
            Action::Set { value, content_type, ttl, version } => {
                let expires_at = ttl.map(|ttl| now + ttl);
                (Item { value, version, content_type, expires_at }, None)
            }
            Action::Add { delta, ttl, version, .. } => {
                let expires_at = ttl.map(|ttl| now + ttl);
                let new = Item { value: "0".into(), version, content_type: None, expires_at };
                let old = found.unwrap_or(new);
                let sum = number(&old.value)
                    .and_then(|number| number.checked_add(delta))
                    .ok_or_else(|| Error::InvalidArgument("no number, or no room for the sum".into()))?;
                (Item { value: sum.to_string().into(), version, ..old }, Some(sum))
            }
        };
        let version = Some(item.version);
        items.insert(step.key, item);
        // What expires at once is not there for the next step either.
        items.retain(|_, item| item.expires_at.is_none_or(|at| at > now));
        Ok(Applied { version, sum })
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }
}

#[async_trait]
impl Store for Map {
    fn abilities(&self) -> Abilities {
        Abilities { durable: false, ttl: true, transactions: true }
    }

    /// It is on no engine: over one, it is what that engine holds.
    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Store> {
        Arc::new(Records::new(engine.clone(), self.clock.clone()))
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        Ok(self.live().get(key).cloned())
    }

    async fn peek(&self, key: &Key) -> Result<Option<Item>, Error> {
        self.get(key).await
    }

    async fn scan(&self, range: &Range, page: Page) -> Result<Listing, Error> {
        let items = self.live();
        let within = items.iter().filter(|(key, _)| is_within(range, key.as_str()));
        let mut found: Vec<_> = within.map(|(key, item)| (key.clone(), item.clone())).collect();
        if range.reverse {
            found.reverse();
        }
        let mut listing = Listing::default();
        let mut bytes = 0;
        for (key, mut item) in found {
            if !page.values {
                item.value = Bytes::new();
            }
            bytes += key.as_str().len() + item.value.len();
            let is_full = bytes > MAX_PAGE_BYTES && !listing.entries.is_empty();
            if is_full || listing.entries.len() == page.limit {
                listing.more = true;
                break;
            }
            listing.entries.push((key, item));
        }
        Ok(listing)
    }

    async fn apply(&self, steps: Vec<Step>) -> Result<Vec<Applied>, Failure> {
        let mut items = self.live();
        let mut after = items.clone();
        let steps = steps.into_iter().enumerate();
        let applied = steps
            .map(|(index, step)| self.step(&mut after, step).map_err(|error| Failure::Step(index, error)));
        let applied = applied.collect::<Result<_, _>>()?;
        *items = after;
        Ok(applied)
    }
}

/// Texts are in the order of their bytes.
fn is_within(range: &Range, key: &str) -> bool {
    let is_behind = |last: &String| if range.reverse { key < last.as_str() } else { key > last.as_str() };
    key.starts_with(&range.prefix)
        && range.start.as_ref().is_none_or(|start| key >= start.as_str())
        && range.end.as_ref().is_none_or(|end| key < end.as_str())
        && range.after.as_ref().is_none_or(is_behind)
}

fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
