//! What an engine's records should be after each group: a map, and rules that can be read at a glance.
//!
//! It holds every record that an engine stores, also those that have expired and were not swept yet, for
//! they count in the usage.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Action, Batch, Change, Committed, Error, Quota, Record, Span, Stamp, Version, account},
};

/// Engines clear away so many expired records with a commit, and more with a large one.
const SWEPT_WITH_COMMIT: usize = 64;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    records: BTreeMap<Bytes, Record>,
    /// The number of the last commit that appended something.
    number: u64,
}

impl Model {
    /// Applies a group as an engine should.
    pub fn commit(&mut self, now: Timestamp, group: &[Batch]) -> Vec<Result<Committed, Error>> {
        let mut changed = false;
        let mut outcomes = Vec::with_capacity(group.len());
        for batch in group {
            let before = self.clone();
            outcomes.push(self.apply(now, batch));
            // A later batch may undo it: something was written all the same.
            changed |= *self != before;
        }
        if changed {
            let changes: usize = group.iter().map(|batch| batch.changes.len()).sum();
            self.sweep(now, SWEPT_WITH_COMMIT.max(2 * changes));
        }
        outcomes
    }

    /// Removes expired records, the longest expired first, and says how many it were.
    pub fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut due: Vec<_> = (self.records.iter())
            .filter(|(_, record)| !record.is_live(now))
            .map(|(key, record)| (record.expires_at, key.clone()))
            .collect();
        due.sort_unstable();
        due.truncate(limit);
        for (_, key) in &due {
            self.records.remove(key);
        }
        due.len()
    }

    /// All that is stored, in order.
    pub fn stored(&self) -> impl DoubleEndedIterator<Item = (&Bytes, &Record)> {
        self.records.iter()
    }

    /// All that has not expired, in order.
    pub fn live(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = (&Bytes, &Record)> {
        self.records.iter().filter(move |(_, record)| record.is_live(now))
    }

    /// The version under a key that has not expired.
    #[must_use]
    pub fn version(&self, key: &[u8], now: Timestamp) -> Option<Version> {
        self.records.get(key).filter(|record| record.is_live(now)).map(|record| record.version)
    }

    /// What a listing of this span says.
    #[must_use]
    pub fn listed(&self, span: &Span, now: Timestamp) -> Vec<(Bytes, Version)> {
        let within = |key: &Bytes| *key >= span.start && span.end.as_ref().is_none_or(|end| key < end);
        let live = self.live(now).filter(|(key, _)| within(key));
        live.map(|(key, record)| (key.clone(), record.version)).collect()
    }

    /// Bytes by account, as stored.
    #[must_use]
    pub fn usage(&self) -> HashMap<Bytes, u64> {
        let mut usage = HashMap::new();
        for (key, record) in &self.records {
            *usage.entry(Bytes::copy_from_slice(account(key))).or_default() += footprint(key, record);
        }
        usage
    }

    /// Forgets a record, to see whether anybody notices.
    pub fn forget(&mut self, key: &[u8]) {
        self.records.remove(key);
    }

    /// The number of the last commit that appended something.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    fn apply(&mut self, now: Timestamp, batch: &Batch) -> Result<Committed, Error> {
        for wanted in &batch.checks {
            if !wanted.expect.holds(self.version(&wanted.key, now)) {
                return Err(Error::Stale { key: wanted.key.clone() });
            }
        }
        for seen in &batch.spans {
            if let Some(key) = first_difference(&seen.records, &self.listed(&seen.span, now)) {
                return Err(Error::Stale { key });
            }
        }
        let (mut after, mut sums) = self.changed(now, &batch.changes)?;
        for quota in &batch.quotas {
            let used = |model: &Self| model.usage().get(&quota.account).copied().unwrap_or(0);
            let over = |before, after| after > before && after > quota.max_bytes;
            if over(used(self), used(&after)) {
                if self.sweep(now, usize::MAX) == 0 {
                    return Err(full(quota));
                }
                (after, sums) = self.changed(now, &batch.changes)?;
                if over(used(self), used(&after)) {
                    return Err(full(quota));
                }
            }
        }
        let appends = batch.changes.iter().any(|change| matches!(change.action, Action::Append { .. }));
        after.number += u64::from(appends);
        *self = after;
        Ok(Committed { number: if appends { self.number } else { 0 }, sums })
    }

    fn changed(&self, now: Timestamp, changes: &[Change]) -> Result<(Self, Vec<Option<i64>>), Error> {
        let mut after = self.clone();
        let mut sums = vec![];
        for (index, change) in changes.iter().enumerate() {
            sums.push(after.change(now, index, change)?);
        }
        Ok((after, sums))
    }

    fn change(&mut self, now: Timestamp, index: usize, change: &Change) -> Result<Option<i64>, Error> {
        let found = self.version(&change.key, now);
        if change.expect.is_some_and(|expect| !expect.holds(found)) {
            return Err(Error::Conflict { change: index, found });
        }
        match &change.action {
            Action::Verify => {}
            Action::Delete => {
                self.records.remove(&change.key);
            }
            Action::Put(record) => {
                self.records.insert(change.key.clone(), record.clone());
            }
            Action::Add { delta, expires_at, version, .. } => {
                let new = Record {
                    version: *version,
                    expires_at: *expires_at,
                    media_type: None,
                    value: "0".into(),
                };
                let old = self.records.get(&change.key).filter(|record| record.is_live(now));
                let old = old.cloned().unwrap_or(new);
                let sum = sum(index, &old, *delta)?;
                let record = Record { version: *version, value: sum.to_string().into(), ..old };
                self.records.insert(change.key.clone(), record);
                return Ok(Some(sum));
            }
            Action::Append { ordinal, record } => {
                // The records before the group cannot have this number: what is there is of this batch.
                let key = Stamp { commit: self.number + 1, ordinal: *ordinal }.key(&change.key);
                if let Some(before) = self.records.insert(key, record.clone()) {
                    return Err(Error::Conflict { change: index, found: Some(before.version) });
                }
            }
            Action::Countdown { last, version } => {
                let live = self.records.get(&change.key).filter(|record| record.is_live(now));
                let Some(old) = live.cloned() else { return Ok(None) };
                let left = sum(index, &old, -1)?.max(0);
                if left > 0 {
                    let record = Record { version: *version, value: left.to_string().into(), ..old };
                    self.records.insert(change.key.clone(), record);
                } else {
                    self.records.retain(|key, _| *key != change.key && !last.contains(key));
                }
                return Ok(Some(left));
            }
        }
        Ok(None)
    }
}

/// The key at which two listings part: where each has another one, the first in order.
fn first_difference(seen: &[(Bytes, Version)], found: &[(Bytes, Version)]) -> Option<Bytes> {
    let at = (0..seen.len().max(found.len())).find(|at| seen.get(*at) != found.get(*at))?;
    [seen.get(at), found.get(at)].into_iter().flatten().map(|(key, _)| key.clone()).min()
}

fn sum(change: usize, old: &Record, delta: i64) -> Result<i64, Error> {
    let number: Option<i64> = String::from_utf8(old.value.to_vec()).ok().and_then(|text| text.parse().ok());
    number.ok_or(Error::NotANumber { change })?.checked_add(delta).ok_or(Error::Overflow { change })
}

/// What a record takes on disk, with its key: format 1 byte, version 24, expiry 1 or 9, media type 1 and more.
fn footprint(key: &[u8], record: &Record) -> u64 {
    let expiry = if record.expires_at.is_some() { 9 } else { 1 };
    let media_type = 1 + record.media_type.as_ref().map_or(0, |text| text.len());
    (key.len() + 1 + Version::LEN + expiry + media_type + record.value.len()) as u64
}

fn full(quota: &Quota) -> Error {
    Error::Quota { account: quota.account.clone(), max_bytes: quota.max_bytes }
}
