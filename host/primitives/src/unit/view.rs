//! What is read through a unit: one moment of its engine, with the unit's own writes over it.

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Unit,
    held::Write,
    judge::{added, number},
};
use crate::commit::{Budget, Error, Record, Seen, Slice, Snapshot, Span, Version};

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
        let mut page = Page::new(budget);
        let mut rest = span.clone();
        // The engine does not know what this unit has deleted, or how large what it has written is: it may take several
        // looks. Each comes further, if only by what was deleted.
        while !page.more {
            let (base, more) = self.base().await?.scan(&rest, page.asked()).await?;
            let looked = match base.last().filter(|_| more) {
                Some((last, _)) => up_to(&rest, last),
                None => rest.clone(),
            };
            let is_all = looked == rest;
            let next = behind(&rest, &looked);
            self.merge(&mut page, &looked, base);
            match is_all {
                true => break,
                false => rest = next,
            }
        }
        let Page { found, base, passed, more, witness, .. } = page;
        let looked = match more {
            true => passed.map(|last| up_to(span, &last)),
            false => Some(span.clone()),
        };
        self.held().remember_span(looked.and_then(|looked| seen(looked, base)), witness)?;
        Ok((found, more))
    }
}

/// A page as it is put together.
struct Page {
    budget: Budget,
    found: Vec<(Bytes, Record)>,
    bytes: usize,
    /// What the engine has there, whatever the unit has made of it.
    base: Vec<(Bytes, Version)>,
    /// How far it has come.
    passed: Option<Bytes>,
    /// There is more behind it.
    more: bool,
    /// The key that shows it, unless the unit itself has written it.
    witness: Option<Bytes>,
}

impl Page {
    fn new(budget: Budget) -> Self {
        Self { budget, found: vec![], bytes: 0, base: vec![], passed: None, more: false, witness: None }
    }

    /// What is to be asked of the engine: what is missing, and one that shows whether there is more.
    fn asked(&self) -> Budget {
        let missing = self.budget.records.saturating_sub(self.found.len());
        let bytes = self.budget.bytes.saturating_sub(self.bytes);
        Budget { records: missing.saturating_add(1), bytes, values: self.budget.values && missing > 0 }
    }

    /// Takes a record into the page, if there is room for it.
    fn take(&mut self, key: &Bytes, mut record: Record) -> bool {
        if !self.budget.values {
            record.value = Bytes::new();
        }
        let bytes = self.bytes.saturating_add(key.len() + record.value.len());
        let is_full =
            self.found.len() >= self.budget.records || (bytes > self.budget.bytes && !self.found.is_empty());
        if !is_full {
            self.bytes = bytes;
            self.found.push((key.clone(), record));
        }
        !is_full
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
    pub(super) fn with(&self, write: Option<&Write>, base: Option<Record>) -> Option<Record> {
        let record = match write {
            None => return base,
            Some(Write::Delete) => return None,
            Some(Write::Put(record)) => record.clone(),
            Some(Write::Add { delta, expires_at, version }) => {
                // It was seen to be a number when the addition was held, and the moment has not changed since.
                let old = base.as_ref().and_then(|record| number(&record.value)).unwrap_or(0);
                added(base.as_ref(), old.saturating_add(*delta), *expires_at, *version)
            }
        };
        Some(record).filter(|record| record.is_live(self.0.now))
    }

    /// Goes on with a page by what the engine has in a span, and what the unit has written there.
    fn merge(&self, page: &mut Page, span: &Span, base: Vec<(Bytes, Record)>) {
        let held = self.held();
        let mut own = held.writes_in(span).peekable();
        let mut base = base.into_iter().peekable();
        loop {
            let (theirs, ours) = match (base.peek(), own.peek()) {
                (None, None) => return,
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                (Some((theirs, _)), Some((ours, _))) => {
                    let order = if span.reverse { (*ours).cmp(theirs) } else { theirs.cmp(ours) };
                    (order.is_le(), order.is_ge())
                }
            };
            let theirs = base.next_if(|_| theirs);
            let ours = own.next_if(|_| ours);
            let Some(key) = theirs.as_ref().map(|(key, _)| key).or(ours.map(|(key, _)| key)).cloned() else {
                return;
            };
            let (version, old) = theirs.map(|(_, record)| (record.version, record)).unzip();
            if let Some(record) = self.with(ours.map(|(_, write)| write), old)
                && !page.take(&key, record)
            {
                page.more = true;
                page.witness = ours.is_none().then_some(key);
                return;
            }
            page.base.extend(version.map(|version| (key.clone(), version)));
            page.passed = Some(key);
        }
    }
}

fn needs_base(write: Option<&Write>) -> bool {
    matches!(write, None | Some(Write::Add { .. }))
}

/// What is to be remembered of a span. `None`, if no key can be in it.
fn seen(span: Span, mut records: Vec<(Bytes, Version)>) -> Option<Seen> {
    if span.reverse {
        records.reverse();
    }
    let can_hold = span.end.as_ref().is_none_or(|end| *end > span.start);
    can_hold.then(|| Seen { span: Span { reverse: false, ..span }, records })
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
