//! Batches against what the unit shows: what holds is held back, what does not is refused at once.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Unit, held::Write};
use crate::{
    clock::Timestamp,
    commit::{Action, Batch, Budget, Change, Committed, Error, Record, Seen, Snapshot as _, Version},
};

/// What a batch changes, before it is held.
#[derive(Default)]
struct Draft {
    writes: BTreeMap<Bytes, Write>,
    appended: Vec<Change>,
    /// What was appended, by key and ordinal.
    stamped: BTreeMap<(Bytes, u32), Version>,
}

impl Unit {
    /// Holds a batch as a whole, or refuses it.
    pub(super) async fn judge(&self, batch: Batch) -> Result<Committed, Error> {
        // One batch after the other: what one is judged by, no other may change meanwhile.
        let _alone = self.0.judging.lock().await;
        for check in &batch.checks {
            let found = self.get(&check.key).await?;
            if !check.expect.holds(found.map(|record| record.version)) {
                return Err(Error::Stale { key: check.key.clone() });
            }
        }
        for seen in &batch.spans {
            self.judge_span(seen).await?;
        }
        let mut draft = Draft::default();
        let mut sums = Vec::with_capacity(batch.changes.len());
        for (index, change) in batch.changes.into_iter().enumerate() {
            sums.push(self.judge_change(&mut draft, index, change).await?);
        }
        self.held().hold(draft.writes, draft.appended, batch.quotas)?;
        Ok(Committed { number: 0, sums })
    }

    async fn judge_span(&self, seen: &Seen) -> Result<(), Error> {
        let budget = Budget { records: seen.records.len() + 1, bytes: usize::MAX, values: false };
        let (found, _) = self.scan(&seen.span, budget).await?;
        let mut found = found.iter().map(|(key, record)| (key, record.version));
        let mut known = seen.records.iter().map(|(key, version)| (key, *version));
        loop {
            // Whichever comes first is what appeared, changed or has gone.
            let key = match (known.next(), found.next()) {
                (None, None) => return Ok(()),
                (known, found) if known == found => continue,
                (Some((known, _)), Some((found, _))) => known.min(found),
                (Some((key, _)), None) | (None, Some((key, _))) => key,
            };
            return Err(Error::Stale { key: key.clone() });
        }
    }

    async fn judge_change(
        &self,
        draft: &mut Draft,
        index: usize,
        change: Change,
    ) -> Result<Option<i64>, Error> {
        let held = || self.held().write(&change.key).cloned();
        let write = draft.writes.get(&change.key).cloned().or_else(held);
        if let Some(expect) = change.expect {
            let found = self.seen(&change.key, write.as_ref()).await?.map(|record| record.version);
            if !expect.holds(found) {
                return Err(Error::Conflict { change: index, found });
            }
        }
        match change.action {
            Action::Verify => {}
            Action::Put(record) => _ = draft.writes.insert(change.key, Write::Put(record)),
            Action::Delete => _ = draft.writes.insert(change.key, Write::Delete),
            Action::Append { ordinal, ref record } => {
                let before = draft.stamped.insert((change.key.clone(), ordinal), record.version);
                if before.is_some() {
                    return Err(Error::Conflict { change: index, found: before });
                }
                draft.appended.push(Change { expect: None, ..change });
            }
            Action::Countdown { .. } => draft.appended.push(Change { expect: None, ..change }),
            Action::Add { delta, expires_at, version, told } => {
                let addition = Addition { index, delta, expires_at, version };
                if !told && let Some(write) = self.add_unseen(&change.key, write.as_ref(), &addition).await? {
                    draft.writes.insert(change.key, write);
                    return Ok(None);
                }
                let old = self.seen(&change.key, write.as_ref()).await?;
                let sum = addition.sum(old.as_ref())?;
                let record = added(old.as_ref(), sum, expires_at, version);
                draft.writes.insert(change.key, Write::Put(record));
                return Ok(Some(sum));
            }
        }
        Ok(None)
    }

    /// An addition whose sum nobody asks for, if it can be made without it. That there is a number with room for it is
    /// looked at, but remembered only if it is not so: then the caller is told.
    async fn add_unseen(
        &self,
        key: &[u8],
        write: Option<&Write>,
        addition: &Addition,
    ) -> Result<Option<Write>, Error> {
        if !matches!(write, None | Some(Write::Add { .. })) {
            return Ok(None);
        }
        let base = self.base().await?.peek(key).await?;
        let version = base.as_ref().map(|record| record.version);
        let old = self.with(write, base);
        if let Err(error) = addition.sum(old.as_ref()) {
            self.held().remember(key, version)?;
            return Err(error);
        }
        Ok(addition.behind(write, old.is_some()))
    }
}

struct Addition {
    index: usize,
    delta: i64,
    expires_at: Option<Timestamp>,
    version: Version,
}

impl Addition {
    fn sum(&self, old: Option<&Record>) -> Result<i64, Error> {
        let change = self.index;
        let old = match old {
            Some(record) => number(&record.value).ok_or(Error::NotANumber { change })?,
            None => 0,
        };
        old.checked_add(self.delta).ok_or(Error::Overflow { change })
    }

    /// This one and the one before it as one. The expiry is the first one's: it would have created the record. `None`, if
    /// both do not make one: the first has created what is over by now, or they are too large together.
    fn behind(&self, before: Option<&Write>, is_there: bool) -> Option<Write> {
        let Self { delta, expires_at, version, .. } = *self;
        let (delta, expires_at) = match before {
            Some(Write::Add { delta: first, expires_at, .. }) => {
                (first.checked_add(delta).filter(|_| is_there)?, *expires_at)
            }
            _ => (delta, expires_at),
        };
        Some(Write::Add { delta, expires_at, version })
    }
}

/// A number's record after an addition: what was there keeps its expiry and media type.
pub(super) fn added(
    old: Option<&Record>,
    sum: i64,
    expires_at: Option<Timestamp>,
    version: Version,
) -> Record {
    let (expires_at, media_type) =
        old.map_or((expires_at, None), |old| (old.expires_at, old.media_type.clone()));
    Record { version, expires_at, media_type, value: sum.to_string().into() }
}

pub(super) fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
