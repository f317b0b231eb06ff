//! The rows of one write transaction: records, and what is kept true beside them.

use std::ops::Bound;

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Record, Span, Version, account},
};
use redb::{ReadableTable as _, StorageError, Table};

use super::record;
use crate::judge::Rows;

/// The tables of one write transaction.
pub(super) struct Tables<'t> {
    pub(super) records: Table<'t, &'static [u8], &'static [u8]>,
    /// Expiry (8 bytes, big-endian) and key of every record that expires, so that sweeping finds them in order.
    pub(super) expiries: Table<'t, &'static [u8], ()>,
    /// Bytes of keys and values by account.
    pub(super) usage: Table<'t, &'static [u8], u64>,
    pub(super) changed: bool,
    /// The number of the last commit that appended something.
    pub(super) number: u64,
}

impl Rows for Tables<'_> {
    type Error = StorageError;

    fn live_version(&self, key: &[u8], now: Timestamp) -> Result<Option<Version>, StorageError> {
        let Some(bytes) = self.records.get(key)? else { return Ok(None) };
        let head = record::head(bytes.value()).ok_or_else(|| damaged(key))?;
        Ok(head.is_live(now).then_some(head.version))
    }

    fn list(
        &self,
        span: &Span,
        now: Timestamp,
        more: &mut dyn FnMut(&[u8], Version) -> bool,
    ) -> Result<(), StorageError> {
        if span.end.as_ref().is_some_and(|end| *end <= span.start) {
            return Ok(());
        }
        let end = span.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for entry in self.records.range::<&[u8]>((Bound::Included(&*span.start), end))? {
            let (key, bytes) = entry?;
            let head = record::head(bytes.value()).ok_or_else(|| damaged(key.value()))?;
            if head.is_live(now) && !more(key.value(), head.version) {
                break;
            }
        }
        Ok(())
    }

    fn record(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        let Some(bytes) = self.records.get(key)? else { return Ok(None) };
        record::decode(bytes.value(), true).ok_or_else(|| damaged(key)).map(Some)
    }

    fn size(key: &[u8], record: &Record) -> u64 {
        size(key, record::encoded_len(record))
    }

    fn stored_size(&self, key: &[u8]) -> Result<u64, StorageError> {
        Ok(self.records.get(key)?.map_or(0, |bytes| size(key, bytes.value().len())))
    }

    fn used(&self, account: &[u8]) -> Result<u64, StorageError> {
        Ok(self.usage.get(account)?.map_or(0, |used| used.value()))
    }

    fn write(&mut self, key: &Bytes, record: Option<&Record>) -> Result<(), StorageError> {
        self.replace(key, record)
    }

    fn sweep(&mut self, now: Timestamp, limit: usize) -> Result<usize, StorageError> {
        let end = now.0.saturating_add(1).to_be_bytes();
        let due: Vec<Vec<u8>> = (self.expiries.range::<&[u8]>(..end.as_slice())?.take(limit))
            .map(|entry| Ok(entry?.0.value().to_vec()))
            .collect::<Result<_, StorageError>>()?;
        for entry in &due {
            self.replace(&entry[8..], None)?;
        }
        Ok(due.len())
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn set_number(&mut self, number: u64) {
        self.number = number;
        self.changed = true;
    }

    fn is_changed(&self) -> bool {
        self.changed
    }
}

impl Tables<'_> {
    fn replace(&mut self, key: &[u8], record: Option<&Record>) -> Result<(), StorageError> {
        let mut growth = 0_i64;
        let signed = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let new = record.map(record::encode);
        let old = match &new {
            Some(bytes) => {
                growth += signed(size(key, bytes.len()));
                self.records.insert(key, bytes.as_slice())?
            }
            None => self.records.remove(key)?,
        };
        let old = old.map(|old| (record::head(old.value()), size(key, old.value().len())));
        if let Some((head, size)) = old {
            growth -= signed(size);
            if let Some(at) = head.and_then(|head| head.expires_at) {
                self.expiries.remove(expiry_key(at, key).as_slice())?;
            }
        } else if new.is_none() {
            return Ok(());
        }
        self.changed = true;
        if let Some(at) = record.and_then(|record| record.expires_at) {
            self.expiries.insert(expiry_key(at, key).as_slice(), ())?;
        }
        self.charge(account(key), growth)
    }

    fn charge(&mut self, account: &[u8], growth: i64) -> Result<(), StorageError> {
        let used = self.usage.get(account)?.map_or(0, |used| used.value());
        match used.saturating_add_signed(growth) {
            0 => self.usage.remove(account)?,
            left => self.usage.insert(account, left)?,
        };
        Ok(())
    }
}

fn size(key: &[u8], record: usize) -> u64 {
    (key.len() + record) as u64
}

fn expiry_key(at: Timestamp, key: &[u8]) -> Vec<u8> {
    [&at.0.to_be_bytes(), key].concat()
}

pub(super) fn damaged(key: &[u8]) -> StorageError {
    StorageError::Corrupted(format!("the record under {:?} cannot be read", String::from_utf8_lossy(key)))
}
