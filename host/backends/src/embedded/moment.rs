//! A moment of the database's content.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Budget, Record, Slice, Span},
};

use super::{
    database::{Broken, Records},
    record,
    tables::damaged,
};

/// How many bytes a page reads at the most before it ends early, wanted or not.
const EXAMINED: usize = 16 << 20;

/// A snapshot. It waits for no writer and no writer waits for it.
#[derive(Clone)]
pub struct Moment {
    pub(super) records: Arc<Records>,
    pub(super) now: Timestamp,
}

impl Moment {
    /// The live record under `key`.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn get(&self, key: &[u8]) -> Result<Option<Record>, Broken> {
        let Some(bytes) = self.records.get(key).map_err(Broken::before)? else { return Ok(None) };
        let record = record::decode(bytes.value(), true).ok_or_else(|| Broken::before(damaged(key)))?;
        Ok(record.is_live(self.now).then_some(record))
    }

    /// Live records in order, as many as the budget allows.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Broken> {
        let end = span.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        if span.end.as_ref().is_some_and(|end| *end <= span.start) {
            return Ok((vec![], false));
        }
        let mut range =
            self.records.range::<&[u8]>((Bound::Included(&*span.start), end)).map_err(Broken::before)?;
        let mut found = vec![];
        let (mut bytes, mut examined) = (0, 0);
        while let Some(entry) = if span.reverse { range.next_back() } else { range.next() } {
            let (key, stored) = entry.map_err(Broken::before)?;
            let head = record::head(stored.value()).ok_or_else(|| Broken::before(damaged(key.value())))?;
            examined += stored.value().len();
            if !head.is_live(self.now) {
                continue;
            }
            bytes += key.value().len() + if budget.values { stored.value().len() } else { 0 };
            if found.len() == budget.records
                || ((bytes > budget.bytes || examined > EXAMINED) && !found.is_empty())
            {
                return Ok((found, true));
            }
            let record = record::decode(stored.value(), budget.values)
                .ok_or_else(|| Broken::before(damaged(key.value())))?;
            found.push((Bytes::copy_from_slice(key.value()), record));
        }
        Ok((found, false))
    }
}
