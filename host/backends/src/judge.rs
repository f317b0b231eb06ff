//! Judges batches against the rows as the batches before left them, and writes those that hold: the rules that all
//! engines share.
//!
//! First everything of a batch is decided, on an overlay of its own changes; only then is anything written: a batch
//! that is refused has touched nothing. How rows are kept, and what one costs, is the engine's.

use std::collections::BTreeMap;

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{self, Action, Batch, Change, Committed, Quota, Record, Seen, Span, Stamp, Version, account},
};

/// What a batch is judged against and written to.
pub(crate) trait Rows {
    /// How the rows themselves fail.
    type Error;

    /// The version under a key, if its record has not expired.
    fn live_version(&self, key: &[u8], now: Timestamp) -> Result<Option<Version>, Self::Error>;

    /// Shows the live records of a span in order, until one time `more` is false.
    fn list(
        &self,
        span: &Span,
        now: Timestamp,
        more: &mut dyn FnMut(&[u8], Version) -> bool,
    ) -> Result<(), Self::Error>;

    /// The record under a key, expired or not.
    fn record(&self, key: &[u8]) -> Result<Option<Record>, Self::Error>;

    /// What a record under a key counts in the usage of its account.
    fn size(key: &[u8], record: &Record) -> u64;

    /// What the record that is stored under a key counts; 0 if there is none.
    fn stored_size(&self, key: &[u8]) -> Result<u64, Self::Error>;

    /// What an account holds.
    fn used(&self, account: &[u8]) -> Result<u64, Self::Error>;

    /// Puts or removes a record, and keeps expiries and usage true.
    fn write(&mut self, key: &Bytes, record: Option<&Record>) -> Result<(), Self::Error>;

    /// Removes up to `limit` records that have expired, the longest expired first, and says how many it were.
    fn sweep(&mut self, now: Timestamp, limit: usize) -> Result<usize, Self::Error>;

    /// The number of the last commit that appended something.
    fn number(&self) -> u64;

    /// Keeps a number, which is a change even if nothing else is: it must never be given again.
    fn set_number(&mut self, number: u64);

    /// Whether anything was changed.
    fn is_changed(&self) -> bool;
}

/// How many expired records are cleared away at least within each commit, where it costs little.
const SWEEP_WITH_COMMIT: usize = 64;

/// How many expired records a batch that lacks room may clear away at the most.
const SWEEP_FOR_ROOM: usize = 10_000;

/// What became of a batch.
pub(crate) type Outcome = Result<Committed, commit::Error>;

/// Applies each batch of a group as a whole, or refuses it, in order.
///
/// # Errors
/// If the rows fail: then nothing of the group may be kept.
pub(crate) fn group<R: Rows>(
    rows: &mut R,
    now: Timestamp,
    batches: &[Batch],
) -> Result<Vec<Outcome>, R::Error> {
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        outcomes.push(match apply(rows, now, batch) {
            Ok(committed) => Ok(committed),
            Err(Rejection::Refused(error)) => Err(error),
            Err(Rejection::Failed(error)) => return Err(error),
        });
    }
    if rows.is_changed() {
        // Twice what the group can have added, so that what expires never piles up.
        let changes: usize = batches.iter().map(|batch| batch.changes.len()).sum();
        rows.sweep(now, SWEEP_WITH_COMMIT.max(2 * changes))?;
    }
    Ok(outcomes)
}

/// Refused, or the rows failed.
enum Rejection<E> {
    Refused(commit::Error),
    Failed(E),
}

impl<E> From<commit::Error> for Rejection<E> {
    fn from(error: commit::Error) -> Self {
        Self::Refused(error)
    }
}

/// What a batch would write: for each key its new record, or none. In order, so that the same batches
/// always make the same file.
type Overlay = BTreeMap<Bytes, Option<Record>>;

fn apply<R: Rows>(rows: &mut R, now: Timestamp, batch: &Batch) -> Result<Committed, Rejection<R::Error>> {
    for wanted in &batch.checks {
        let found = rows.live_version(&wanted.key, now).map_err(Rejection::Failed)?;
        if !wanted.expect.holds(found) {
            return Err(commit::Error::Stale { key: wanted.key.clone() }.into());
        }
    }
    for seen in &batch.spans {
        if let Some(key) = changed(rows, seen, now).map_err(Rejection::Failed)? {
            return Err(commit::Error::Stale { key }.into());
        }
    }
    let mut overlay = Overlay::new();
    let mut sums = Vec::with_capacity(batch.changes.len());
    for (index, change) in batch.changes.iter().enumerate() {
        sums.push(judge(rows, now, &mut overlay, index, change)?);
    }
    for quota in &batch.quotas {
        within(rows, now, &overlay, quota)?;
    }
    for (key, record) in &overlay {
        rows.write(key, record.as_ref()).map_err(Rejection::Failed)?;
    }
    let appends = batch.changes.iter().any(|change| matches!(change.action, Action::Append { .. }));
    let number = if appends { rows.number() + 1 } else { 0 };
    if appends {
        rows.set_number(number);
    }
    Ok(Committed { number, sums })
}

/// The first key of which what was listed is no longer true.
fn changed<R: Rows>(rows: &R, seen: &Seen, now: Timestamp) -> Result<Option<Bytes>, R::Error> {
    let mut left = seen.records.iter();
    let mut other = None;
    rows.list(&seen.span, now, &mut |key, version| {
        let expected = left.next();
        if expected.is_some_and(|(known, seen)| *known == key && *seen == version) {
            return true;
        }
        // Whichever comes first is what appeared, changed or has gone.
        let first = expected.map_or(key, |(known, _)| key.min(known));
        other = Some(Bytes::copy_from_slice(first));
        false
    })?;
    Ok(other.or_else(|| left.next().map(|(key, _)| key.clone())))
}

/// Decides one change and notes it in the overlay.
fn judge<R: Rows>(
    rows: &R,
    now: Timestamp,
    overlay: &mut Overlay,
    index: usize,
    change: &Change,
) -> Result<Option<i64>, Rejection<R::Error>> {
    if let Some(expect) = change.expect {
        let found = match overlay.get(&change.key) {
            Some(ours) => ours.as_ref().filter(|record| record.is_live(now)).map(|record| record.version),
            None => rows.live_version(&change.key, now).map_err(Rejection::Failed)?,
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
        Action::Append { ordinal, record } => {
            let stamp = Stamp { commit: rows.number() + 1, ordinal: *ordinal };
            let before = overlay.insert(stamp.key(&change.key), Some(record.clone()));
            if let Some(Some(before)) = before {
                return Err(commit::Error::Conflict { change: index, found: Some(before.version) }.into());
            }
        }
        Action::Countdown { last, version } => {
            if let Some(old) = seen(rows, now, overlay, &change.key)? {
                let left = added(index, Some(&old), -1)?;
                sum = Some(left.max(0));
                if left > 0 {
                    let record = Record { version: *version, value: text(left), ..old };
                    overlay.insert(change.key.clone(), Some(record));
                } else {
                    overlay.extend(last.iter().chain([&change.key]).map(|key| (key.clone(), None)));
                }
            }
        }
        Action::Add { delta, expires_at, version, .. } => {
            let old = seen(rows, now, overlay, &change.key)?;
            let new = added(index, old.as_ref(), *delta)?;
            sum = Some(new);
            let (expires_at, media_type) =
                old.map_or((*expires_at, None), |old| (old.expires_at, old.media_type));
            let record = Record { version: *version, expires_at, media_type, value: text(new) };
            overlay.insert(change.key.clone(), Some(record));
        }
    }
    Ok(sum)
}

/// The live record under a key, as the changes before left it.
fn seen<R: Rows>(
    rows: &R,
    now: Timestamp,
    overlay: &Overlay,
    key: &Bytes,
) -> Result<Option<Record>, Rejection<R::Error>> {
    let record = match overlay.get(key) {
        Some(ours) => ours.clone(),
        None => rows.record(key).map_err(Rejection::Failed)?,
    };
    Ok(record.filter(|record| record.is_live(now)))
}

fn added(change: usize, old: Option<&Record>, delta: i64) -> Result<i64, commit::Error> {
    let number = match old {
        None => 0,
        Some(record) => number(&record.value).ok_or(commit::Error::NotANumber { change })?,
    };
    number.checked_add(delta).ok_or(commit::Error::Overflow { change })
}

fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn text(number: i64) -> Bytes {
    number.to_string().into()
}

/// Refuses a batch that would make an account larger than its quota. What has expired is no reason to refuse.
fn within<R: Rows>(
    rows: &mut R,
    now: Timestamp,
    overlay: &Overlay,
    quota: &Quota,
) -> Result<(), Rejection<R::Error>> {
    let over = |rows: &R| -> Result<bool, R::Error> {
        let mut growth = 0_i128;
        for (key, record) in overlay.iter().filter(|(key, _)| account(key) == quota.account) {
            growth += i128::from(record.as_ref().map_or(0, |record| R::size(key, record)));
            growth -= i128::from(rows.stored_size(key)?);
        }
        let used = i128::from(rows.used(&quota.account)?);
        Ok(growth > 0 && used + growth > i128::from(quota.max_bytes))
    };
    let has_room = |rows: &mut R| -> Result<bool, R::Error> {
        Ok(!over(rows)? || (rows.sweep(now, SWEEP_FOR_ROOM)? > 0 && !over(rows)?))
    };
    match has_room(rows).map_err(Rejection::Failed)? {
        true => Ok(()),
        false => {
            let Quota { account, max_bytes } = quota.clone();
            Err(commit::Error::Quota { account, max_bytes }.into())
        }
    }
}

#[cfg(test)]
mod tests;
