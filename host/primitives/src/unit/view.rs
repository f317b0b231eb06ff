//! What is read through a unit: one moment of its engine, with the unit's own writes over it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Unit,
    held::Write,
    judge::{added, number},
};
use crate::commit::{Budget, Error, Record, Seen, Slice, Snapshot, Span};

#[async_trait]
impl Snapshot for Unit {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        let write = self.held().write(key).cloned();
        self.seen(key, write.as_ref()).await
    }

    async fn peek(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        let write = self.held().write(key).cloned();
        let base = match needs_base(write.as_ref()) {
            true => self.base().await?.peek(key).await?,
            false => None,
        };
        Ok(self.with(write.as_ref(), base))
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        let mut rest = span.clone();
        loop {
            match self.page(&rest, budget).await? {
                // All that the engine gave has been deleted by this very unit: what is behind it is looked at.
                (found, Some(behind)) if found.is_empty() => rest = behind,
                (found, behind) => return Ok((found, behind.is_some())),
            }
        }
    }
}

impl Unit {
    /// The record under a key of which this is held. What is read of the engine is remembered.
    pub(super) async fn seen(&self, key: &[u8], write: Option<&Write>) -> Result<Option<Record>, Error> {
        let base = match needs_base(write) {
            true => self.read(key).await?,
            false => None,
        };
        Ok(self.with(write, base))
    }

    async fn read(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        let found = self.base().await?.get(key).await?;
        self.held().remember(key, found.as_ref().map(|record| record.version))?;
        Ok(found)
    }

    /// What a write makes of what the engine holds.
    fn with(&self, write: Option<&Write>, base: Option<Record>) -> Option<Record> {
        match write {
            None => base,
            Some(Write::Delete) => None,
            Some(Write::Put(record)) => Some(record.clone()).filter(|record| record.is_live(self.0.now)),
            Some(Write::Add { delta, expires_at, version }) => {
                // It was seen to be a number when the addition was held, and the moment has not changed since.
                let old = base.as_ref().and_then(|record| number(&record.value)).unwrap_or(0);
                Some(added(base.as_ref(), old.saturating_add(*delta), *expires_at, *version))
            }
        }
    }

    /// One look at the engine: what is there in the span, as much as the budget allows, and what was not looked at.
    async fn page(&self, span: &Span, budget: Budget) -> Result<(Vec<(Bytes, Record)>, Option<Span>), Error> {
        let own = self.held().writes_in(span);
        // Values are needed where something was added to them.
        let asked = Budget { records: budget.records.saturating_add(own.len()), ..budget };
        let (base, more) = self.base().await?.scan(span, asked).await?;
        let mut looked = span.clone();
        if let Some((last, _)) = base.last().filter(|_| more) {
            looked = up_to(span, last);
        }
        let mut merged: BTreeMap<Bytes, Record> = base.iter().cloned().collect();
        for (key, write) in own.into_iter().filter(|(key, _)| is_within(key, &looked)) {
            if let Some(record) = self.with(Some(&write), merged.remove(&key)) {
                merged.insert(key, record);
            }
        }
        let found = cut(merged, span.reverse, budget);
        let is_cut = found.1;
        if let Some((last, _)) = found.0.last().filter(|_| is_cut) {
            looked = up_to(span, last);
        }
        let mut records: Vec<_> = base.into_iter().filter(|(key, _)| is_within(key, &looked)).collect();
        if span.reverse {
            records.reverse();
        }
        let records = records.into_iter().map(|(key, record)| (key, record.version)).collect();
        let rest = (more || is_cut).then(|| behind(span, &looked));
        self.held().remember_span(Seen { span: Span { reverse: false, ..looked }, records })?;
        Ok((found.0, rest))
    }
}

fn needs_base(write: Option<&Write>) -> bool {
    matches!(write, None | Some(Write::Add { .. }))
}

/// As much as the budget allows, and whether there is more.
fn cut(merged: BTreeMap<Bytes, Record>, reverse: bool, budget: Budget) -> Slice {
    let ordered: Box<dyn Iterator<Item = _> + Send> =
        if reverse { Box::new(merged.into_iter().rev()) } else { Box::new(merged.into_iter()) };
    let (mut found, mut bytes) = (vec![], 0);
    for (key, mut record) in ordered {
        if !budget.values {
            record.value = Bytes::new();
        }
        bytes += key.len() + record.value.len();
        if found.len() == budget.records || (bytes > budget.bytes && !found.is_empty()) {
            return (found, true);
        }
        found.push((key, record));
    }
    (found, false)
}

/// The part of a span from where one begins to look, up to and with a key.
fn up_to(span: &Span, last: &Bytes) -> Span {
    match span.reverse {
        true => Span { start: last.clone(), ..span.clone() },
        false => Span { end: Some(behind_key(last)), ..span.clone() },
    }
}

/// What is left of a span.
fn behind(span: &Span, looked: &Span) -> Span {
    match span.reverse {
        true => Span { end: Some(looked.start.clone()), ..span.clone() },
        false => Span { start: looked.end.clone().unwrap_or_default(), ..span.clone() },
    }
}

/// The smallest key behind this one.
fn behind_key(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

fn is_within(key: &Bytes, span: &Span) -> bool {
    *key >= span.start && span.end.as_ref().is_none_or(|end| key < end)
}
