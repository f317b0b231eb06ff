//! An engine in memory: the same batches under the same rules as on disk, without a thread and without a wait.

use std::{
    collections::HashMap,
    fmt,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use mecha_primitives::{
    clock::{Clock, Timestamp},
    commit::{self, Action, Batch, Budget, Committed, Error, Record, Slice, Snapshot, Span},
};

use super::rows::{Records, Rows};
use crate::judge::{self, Rows as _};

/// How many expired records a snapshot clears away, since nothing else does while nobody writes.
const SWEEP_WITH_SNAPSHOT: usize = 256;

/// An engine in memory. It is as large as the quotas of the batches let it become.
pub struct Engine {
    clock: Arc<dyn Clock>,
    /// Held for one commit, or for a copy that takes no time; never across an await: a std mutex is right.
    rows: Mutex<Rows>,
}

impl Engine {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, rows: Mutex::default() }
    }

    /// Bytes by account, for the operator. Includes what has expired but is not swept yet, and for each record
    /// what memory needs to keep it.
    #[must_use]
    pub fn usage(&self) -> HashMap<Bytes, u64> {
        self.lock().usage.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        // Nothing in a critical section panics half way, so poisoned rows are whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    /// Without the values: they are the guests' secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory::Engine")
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl commit::Engine for Engine {
    fn is_durable(&self) -> bool {
        false
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let now = self.clock.now();
        let mut rows = self.lock();
        let Ok(_) = rows.sweep(now, SWEEP_WITH_SNAPSHOT);
        Ok(Box::new(Moment { records: rows.records.clone(), now }))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        let now = self.clock.now();
        // Values are copied here, while nobody waits for it.
        let batch = owned(batch);
        let mut rows = self.lock();
        rows.changed = false;
        let Ok(mut outcomes) = judge::group(&mut *rows, now, std::slice::from_ref(&batch));
        drop(rows);
        outcomes.pop().unwrap_or_else(|| Err(Error::Unknown("a batch was not answered".into())))
    }
}

/// The batch with values of its own: each may be a part of something larger, which it would keep alive uncounted.
fn owned(mut batch: Batch) -> Batch {
    for change in &mut batch.changes {
        if let Action::Put(record) | Action::Append { record, .. } = &mut change.action {
            record.value = Bytes::copy_from_slice(&record.value);
        }
    }
    batch
}

/// The records as they were.
struct Moment {
    records: Records,
    now: Timestamp,
}

#[async_trait]
impl Snapshot for Moment {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        Ok(self.records.get(key).filter(|record| record.is_live(self.now)).cloned())
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        let mut found = vec![];
        let end = span.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        if span.end.as_ref().is_some_and(|end| *end <= span.start) {
            return Ok((found, false));
        }
        let mut range = self.records.range::<[u8], _>((Bound::Included(&*span.start), end));
        let mut bytes = 0;
        while let Some((key, record)) = if span.reverse { range.next_back() } else { range.next() } {
            if !record.is_live(self.now) {
                continue;
            }
            bytes += key.len() + if budget.values { record.value.len() } else { 0 };
            if found.len() == budget.records || (bytes > budget.bytes && !found.is_empty()) {
                return Ok((found, true));
            }
            let value = if budget.values { record.value.clone() } else { Bytes::new() };
            found.push((key.clone(), Record { value, ..record.clone() }));
        }
        Ok((found, false))
    }
}

#[cfg(test)]
mod tests;
