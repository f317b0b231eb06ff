//! Judges one batch against the tables as the batches before it left them, and writes it if it holds.
//!
//! First everything is decided, on an overlay of the batch's own changes; only then is anything
//! written: a batch that is refused has touched nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{self, Action, Batch, Change, Quota, Record, Sums, account},
};
use redb::{ReadableTable as _, StorageError, Table};

use super::record::{self, Head};

/// The tables of one write transaction.
pub(super) struct Tables<'t> {
    pub(super) records: Table<'t, &'static [u8], &'static [u8]>,
    /// Expiry (8 bytes, big-endian) and key of every record that expires, so that sweeping finds them in order.
    pub(super) expiries: Table<'t, &'static [u8], ()>,
    /// Bytes of keys and values by account.
    pub(super) usage: Table<'t, &'static [u8], u64>,
    pub(super) changed: bool,
}

/// Refused, or the storage failed.
pub(super) enum Rejection {
    Refused(commit::Error),
    Failed(StorageError),
}

impl From<StorageError> for Rejection {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

impl From<commit::Error> for Rejection {
    fn from(error: commit::Error) -> Self {
        Self::Refused(error)
    }
}

/// What a batch would write: for each key its new record, or none. In order, so that the same batches
/// always make the same file.
type Overlay = BTreeMap<Bytes, Option<Record>>;

pub(super) fn apply(tables: &mut Tables<'_>, now: Timestamp, batch: &Batch) -> Result<Sums, Rejection> {
    for (check, wanted) in batch.checks.iter().enumerate() {
        let found = tables.live_head(&wanted.key, now)?.map(|head| head.version);
        if !wanted.expect.holds(found) {
            return Err(commit::Error::Stale { check }.into());
        }
    }
    let mut overlay = Overlay::new();
    let mut sums = Sums::with_capacity(batch.changes.len());
    for (index, change) in batch.changes.iter().enumerate() {
        sums.push(judge(tables, now, &mut overlay, index, change)?);
    }
    for quota in &batch.quotas {
        within(tables, now, &overlay, quota)?;
    }
    for (key, record) in &overlay {
        tables.write(key, record.as_ref())?;
    }
    Ok(sums)
}

/// Decides one change and notes it in the overlay.
fn judge(
    tables: &Tables<'_>,
    now: Timestamp,
    overlay: &mut Overlay,
    index: usize,
    change: &Change,
) -> Result<Option<i64>, Rejection> {
    if let Some(expect) = change.expect {
        let found = match overlay.get(&change.key) {
            Some(ours) => ours.as_ref().filter(|record| record.is_live(now)).map(|record| record.version),
            None => tables.live_head(&change.key, now)?.map(|head| head.version),
        };
        if !expect.holds(found) {
            return Err(commit::Error::Conflict { change: index, found }.into());
        }
    }
    let mut sum = None;
    match &change.action {
        Action::Verify => {}
        Action::Put(record) => {
            overlay.insert(change.key.clone(), Some(record.clone()));
        }
        Action::Delete => {
            overlay.insert(change.key.clone(), None);
        }
        Action::Add { delta, expires_at, version } => {
            let old = match overlay.get(&change.key) {
                Some(ours) => ours.clone(),
                None => tables.record(&change.key)?,
            };
            let old = old.filter(|record| record.is_live(now));
            let new = added(index, old, *delta).map_err(Rejection::Refused)?;
            sum = Some(new.0);
            let record = match new.1 {
                Some(old) => Record { version: *version, value: text(new.0), ..old },
                None => Record {
                    version: *version,
                    expires_at: *expires_at,
                    media_type: None,
                    value: text(new.0),
                },
            };
            overlay.insert(change.key.clone(), Some(record));
        }
    }
    Ok(sum)
}

fn added(change: usize, old: Option<Record>, delta: i64) -> Result<(i64, Option<Record>), commit::Error> {
    let number = match &old {
        None => 0,
        Some(record) => number(&record.value).ok_or(commit::Error::NotANumber { change })?,
    };
    let sum = number.checked_add(delta).ok_or(commit::Error::Overflow { change })?;
    Ok((sum, old))
}

fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn text(number: i64) -> Bytes {
    number.to_string().into()
}

/// Refuses a batch that would make an account larger than its quota. What has expired is no reason to refuse.
fn within(
    tables: &mut Tables<'_>,
    now: Timestamp,
    overlay: &Overlay,
    quota: &Quota,
) -> Result<(), Rejection> {
    let over = |tables: &Tables<'_>| -> Result<bool, StorageError> {
        let mut growth = 0_i128;
        for (key, record) in overlay.iter().filter(|(key, _)| account(key) == quota.account) {
            growth += i128::from(record.as_ref().map_or(0, |record| size(key, record::encoded_len(record))));
            growth -= i128::from(tables.stored_size(key)?);
        }
        let used = i128::from(tables.usage.get(&*quota.account)?.map_or(0, |used| used.value()));
        Ok(growth > 0 && used + growth > i128::from(quota.max_bytes))
    };
    if over(tables)? && (tables.sweep(now, SWEEP_FOR_ROOM)? == 0 || over(tables)?) {
        return Err(commit::Error::Quota { max_bytes: quota.max_bytes }.into());
    }
    Ok(())
}

/// How many expired records a batch that lacks room may clear away at the most.
const SWEEP_FOR_ROOM: usize = 10_000;

fn size(key: &[u8], record: usize) -> u64 {
    (key.len() + record) as u64
}

fn expiry_key(at: Timestamp, key: &[u8]) -> Vec<u8> {
    [&at.0.to_be_bytes(), key].concat()
}

impl Tables<'_> {
    fn live_head(&self, key: &[u8], now: Timestamp) -> Result<Option<Head>, StorageError> {
        let Some(bytes) = self.records.get(key)? else { return Ok(None) };
        let head = record::head(bytes.value()).ok_or_else(|| damaged(key))?;
        Ok(head.is_live(now).then_some(head))
    }

    fn record(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        let Some(bytes) = self.records.get(key)? else { return Ok(None) };
        record::decode(bytes.value(), true).ok_or_else(|| damaged(key)).map(Some)
    }

    fn stored_size(&self, key: &[u8]) -> Result<u64, StorageError> {
        Ok(self.records.get(key)?.map_or(0, |bytes| size(key, bytes.value().len())))
    }

    /// Puts or removes a record, and keeps the expiries and the usage true.
    fn write(&mut self, key: &[u8], record: Option<&Record>) -> Result<(), StorageError> {
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

    /// Removes up to `limit` records that have expired, the longest expired first.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> Result<usize, StorageError> {
        let end = now.0.saturating_add(1).to_be_bytes();
        let due: Vec<Vec<u8>> = (self.expiries.range::<&[u8]>(..end.as_slice())?.take(limit))
            .map(|entry| Ok(entry?.0.value().to_vec()))
            .collect::<Result<_, StorageError>>()?;
        for entry in &due {
            self.write(&entry[8..], None)?;
        }
        Ok(due.len())
    }
}

pub(super) fn damaged(key: &[u8]) -> StorageError {
    StorageError::Corrupted(format!("the record under {:?} cannot be read", String::from_utf8_lossy(key)))
}
