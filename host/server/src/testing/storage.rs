//! The embedded database in a case: on a simulated disk, and without a thread, so that a commit happens when it is asked
//! for.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mecha_backends::embedded::{Broken, Database, Moment, simulated::SimDisk};
use mecha_primitives::{
    clock::Clock,
    commit::{Batch, Budget, Committed, Engine, Error, Record, Slice, Snapshot, Span},
};

use super::world::Storage;

/// Bytes of each page cache.
const CACHE: usize = 1 << 20;

/// One disk for all lives of a host. When another life begins, the power has failed: what was not synced may be lost.
#[must_use]
pub fn simulated(seed: u64) -> Storage {
    let disk = SimDisk::new(seed);
    let lives = Mutex::new(0_u64);
    Arc::new(move |clock| {
        let mut lives = lives.lock().unwrap_or_else(PoisonError::into_inner);
        if *lives > 0 {
            disk.crash();
            disk.restart();
        }
        *lives += 1;
        Arc::new(Inline { disk: disk.clone(), clock, database: Mutex::new(None) })
    })
}

struct Inline {
    disk: SimDisk,
    clock: Arc<dyn Clock>,
    database: Mutex<Option<Database>>,
}

impl Inline {
    /// With the database, which is opened at first use, and anew after it has failed.
    fn with<T>(&self, what: impl FnOnce(&Database) -> Result<T, Broken>) -> Result<T, Error> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match database.take() {
            Some(open) => open,
            None => Database::open(&self.disk, CACHE)
                .map_err(|error| Error::Unavailable(error.to_string().into()))?,
        };
        let done = what(&open)?;
        *database = Some(open);
        Ok(done)
    }
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inline")
    }
}

impl fmt::Display for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated storage")
    }
}

#[async_trait]
impl Engine for Inline {
    fn is_durable(&self) -> bool {
        true
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let now = self.clock.now();
        Ok(Box::new(Seen(self.with(|database| database.snapshot(now))?)))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        let now = self.clock.now();
        let outcome = self.with(|database| database.commit(now, &[batch]))?.pop();
        outcome.unwrap_or_else(|| Err(Error::Unavailable("the database gave no outcome".into())))
    }
}

struct Seen(Moment);

#[async_trait]
impl Snapshot for Seen {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        Ok(self.0.get(key)?)
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        Ok(self.0.scan(span, budget)?)
    }
}
