//! The embedded database as an engine without a thread: a commit happens when it is asked for.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mecha_backends::embedded::{Broken, Database, Moment};
use mecha_primitives::{
    clock::{Clock as _, ManualClock},
    commit::{Batch, Budget, Committed, Engine, Error, Expect, Record, Slice, Snapshot, Span},
};
use mecha_tests::simdisk::SimDisk;

use super::life::Bug;

pub(super) struct Inline {
    pub(super) disk: SimDisk,
    pub(super) clock: Arc<ManualClock>,
    pub(super) bug: Option<Bug>,
    pub(super) database: Mutex<Option<Database>>,
}

impl Inline {
    /// With the database, which is opened anew after it has failed.
    fn with<T>(&self, what: impl FnOnce(&Database) -> Result<T, Broken>) -> Result<T, Error> {
        let mut database = self.database.lock().unwrap();
        if database.is_none() {
            let opened = Database::open(&self.disk, 1 << 20);
            *database = Some(opened.map_err(|error| Error::Unavailable(error.to_string().into()))?);
        }
        let done = what(database.as_ref().unwrap());
        if done.is_err() {
            *database = None;
        }
        Ok(done?)
    }
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inline")
    }
}

impl fmt::Display for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated engine")
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

    async fn commit(&self, mut batch: Batch) -> Result<Committed, Error> {
        if self.bug == Some(Bug::IgnoredVersions) {
            let versions =
                batch.changes.iter_mut().filter(|change| matches!(change.expect, Some(Expect::Version(_))));
            versions.for_each(|change| change.expect = None);
        }
        let now = self.clock.now();
        match self.with(|database| database.commit(now, &[batch])) {
            Ok(mut outcomes) => outcomes.pop().unwrap(),
            Err(_) if self.bug == Some(Bug::EarlyAcknowledgment) => Ok(Committed::default()),
            Err(error) => Err(error),
        }
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
