//! The laws on the shortest engine that there can be.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::conformance::Fixture;
use crate::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{
        Action, Batch, Budget, Check, Committed, Engine, Error, Record, Slice, Snapshot, Span, account,
    },
};

type Map = BTreeMap<Bytes, Record>;

/// An engine that is a map.
#[derive(Debug)]
struct Mapped {
    map: Mutex<Map>,
    clock: Arc<ManualClock>,
}

struct World(Arc<Mapped>);

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_700_000_000_000)));
        Self(Arc::new(Mapped { map: Mutex::default(), clock }))
    }
}

impl Fixture for World {
    fn engine(&self) -> Arc<dyn Engine> {
        self.0.clone()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.0.clock.clone()
    }
}

impl Mapped {
    fn live(&self) -> Map {
        let now = self.clock.now();
        let map = self.map.lock().unwrap();
        map.iter().filter(|(_, record)| record.is_live(now)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }
}

#[async_trait]
impl Engine for Mapped {
    fn is_durable(&self) -> bool {
        false
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        Ok(Box::new(Copied(self.live())))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        let now = self.clock.now();
        let mut map = self.map.lock().unwrap();
        let mut next: Map = map.clone();
        next.retain(|_, record| record.is_live(now));
        let version = |key: &Bytes| next.get(key).map(|record| record.version);
        let stale = |check: &&Check| !check.expect.holds(version(&check.key));
        if let Some(Check { key, .. }) = batch.checks.iter().find(stale) {
            return Err(Error::Stale { key: key.clone() });
        }
        for (index, change) in batch.changes.into_iter().enumerate() {
            let found = next.get(&change.key).map(|record| record.version);
            if change.expect.is_some_and(|expect| !expect.holds(found)) {
                return Err(Error::Conflict { change: index, found });
            }
            match change.action {
                Action::Put(record) => drop(next.insert(change.key, record)),
                other => panic!("answers do not need {other:?}"),
            }
        }
        for quota in batch.quotas {
            let counted = next.iter().filter(|(key, _)| account(key) == quota.account);
            let bytes = counted.map(|(key, record)| (key.len() + record.value.len()) as u64).sum::<u64>();
            if bytes > quota.max_bytes {
                return Err(Error::Quota { account: quota.account, max_bytes: quota.max_bytes });
            }
        }
        *map = next;
        Ok(Committed::default())
    }
}

struct Copied(Map);

#[async_trait]
impl Snapshot for Copied {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        Ok(self.0.get(key).cloned())
    }

    async fn scan(&self, span: &Span, _: Budget) -> Result<Slice, Error> {
        panic!("answers are never listed, as in {span:?}")
    }
}

mod laws {
    crate::idempotency_conformance!(super::World::new());
}
