//! Batches against what the unit shows: what holds is held back, what does not is refused at once.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Unit, held::Write};
use crate::{
    clock::Timestamp,
    commit::{Action, Batch, Budget, Change, Committed, Error, Record, Seen, Snapshot as _, Version},
};

/// What a batch writes, before it is held.
type Draft = BTreeMap<Bytes, Write>;

impl Unit {
    /// Holds a batch as a whole, or refuses it.
    pub(super) async fn judge(&self, batch: Batch) -> Result<Committed, Error> {
        for check in &batch.checks {
            let found = self.get(&check.key).await?;
            if !check.expect.holds(found.map(|record| record.version)) {
                return Err(Error::Stale { key: check.key.clone() });
            }
        }
        for seen in &batch.spans {
            self.judge_span(seen).await?;
        }
        let (mut draft, mut appended) = (Draft::new(), vec![]);
        let mut sums = Vec::with_capacity(batch.changes.len());
        for (index, change) in batch.changes.into_iter().enumerate() {
            sums.push(self.judge_change(&mut draft, &mut appended, index, change).await?);
        }
        self.held().hold(draft, appended, batch.quotas)?;
        Ok(Committed { number: 0, sums })
    }

    async fn judge_span(&self, seen: &Seen) -> Result<(), Error> {
        let budget = Budget { records: seen.records.len() + 1, bytes: usize::MAX, values: false };
        let (found, _) = self.scan(&seen.span, budget).await?;
        let found = found.iter().map(|(key, record)| (key, record.version));
        let known = seen.records.iter().map(|(key, version)| (key, *version));
        match found.clone().eq(known.clone()) {
            true => Ok(()),
            false => {
                let differing = known.chain(found).next().map_or(&seen.span.start, |(key, _)| key);
                Err(Error::Stale { key: differing.clone() })
            }
        }
    }

    async fn judge_change(
        &self,
        draft: &mut Draft,
        appended: &mut Vec<Change>,
        index: usize,
        change: Change,
    ) -> Result<Option<i64>, Error> {
        let held = || self.held().write(&change.key).cloned();
        let write = draft.get(&change.key).cloned().or_else(held);
        if let Some(expect) = change.expect {
            let found = self.seen(&change.key, write.as_ref()).await?.map(|record| record.version);
            if !expect.holds(found) {
                return Err(Error::Conflict { change: index, found });
            }
        }
        match change.action {
            Action::Verify => {}
            Action::Put(record) => _ = draft.insert(change.key, Write::Put(record)),
            Action::Delete => _ = draft.insert(change.key, Write::Delete),
            Action::Append { .. } | Action::Countdown { .. } => {
                appended.push(Change { expect: None, ..change });
            }
            Action::Add { delta, expires_at, version, told } => {
                let addition = Addition { index, delta, expires_at, version };
                let (write, sum) = match (told, write) {
                    (false, None) => (self.add_unseen(&change.key, addition).await?, None),
                    (false, Some(Write::Add { delta, expires_at, .. })) => {
                        (addition.to(delta, expires_at)?, None)
                    }
                    (_, write) => {
                        let old = self.seen(&change.key, write.as_ref()).await?;
                        let sum = addition.sum(old.as_ref())?;
                        (Write::Put(added(old.as_ref(), sum, expires_at, version)), Some(sum))
                    }
                };
                draft.insert(change.key, write);
                return Ok(sum);
            }
        }
        Ok(None)
    }

    /// An addition whose sum nobody asks for. That it can be made is looked at, without remembering what is there.
    async fn add_unseen(&self, key: &[u8], addition: Addition) -> Result<Write, Error> {
        let old = self.base().await?.peek(key).await?;
        addition.sum(old.as_ref())?;
        let Addition { delta, expires_at, version, .. } = addition;
        Ok(Write::Add { delta, expires_at, version })
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

    /// Both additions as one. The expiry is the first one's: it would have created the record.
    fn to(self, delta: i64, expires_at: Option<Timestamp>) -> Result<Write, Error> {
        let delta = delta.checked_add(self.delta).ok_or(Error::Overflow { change: self.index })?;
        Ok(Write::Add { delta, expires_at, version: self.version })
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
