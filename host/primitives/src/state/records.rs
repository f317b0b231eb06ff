//! State kept in an engine's records: a pure translation of steps into a batch, and back.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Abilities, Action, Applied, Error, Failure, Item, Key, Listing, MAX_PAGE_BYTES, Page, Range, Step, Store,
};
use crate::{
    clock::Clock,
    commit::{self, Batch, Budget, Change, Engine, Quota, Record, Span},
};

/// A store whose keys are an engine's keys.
#[derive(Debug)]
pub struct Records {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    quota: Option<Quota>,
}

impl Records {
    pub fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>) -> Self {
        Self { engine, clock, quota: None }
    }

    /// Refuses writes that would make an account larger than this.
    #[must_use]
    pub fn with_quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    fn change(&self, step: Step) -> Change {
        let expires_at = |ttl: Option<_>| ttl.map(|ttl| self.clock.now() + ttl);
        let action = match step.action {
            Action::Set { value, content_type, ttl, version } => commit::Action::Put(Record {
                version,
                expires_at: expires_at(ttl),
                media_type: content_type,
                value,
            }),
            Action::Delete => commit::Action::Delete,
            Action::Check => commit::Action::Verify,
            Action::Add { delta, ttl, version, told } => {
                commit::Action::Add { delta, expires_at: expires_at(ttl), version, told }
            }
        };
        Change { key: bytes_of(&step.key), expect: step.expect, action }
    }
}

fn bytes_of(key: &Key) -> Bytes {
    Bytes::copy_from_slice(key.as_str().as_bytes())
}

fn item(record: Record) -> Item {
    Item {
        value: record.value,
        version: record.version,
        content_type: record.media_type,
        expires_at: record.expires_at,
    }
}

fn written(action: &commit::Action) -> Option<commit::Version> {
    match action {
        commit::Action::Put(record) => Some(record.version),
        commit::Action::Add { version, .. } => Some(*version),
        commit::Action::Append { record, .. } => Some(record.version),
        commit::Action::Delete | commit::Action::Verify | commit::Action::Countdown { .. } => None,
    }
}

/// The part of the key space that a range means; `None` if it is empty.
fn span(range: &Range) -> Option<Span> {
    let mut start = range.prefix.clone().into_bytes();
    let mut end = successor(range.prefix.as_bytes());
    let raise = |start: &mut Vec<u8>, to: Vec<u8>| *start = to.max(std::mem::take(start));
    let lower = |end: &mut Option<Vec<u8>>, to: Vec<u8>| {
        *end = Some(end.take().map_or(to.clone(), |end| end.min(to)));
    };
    if let Some(from) = &range.start {
        raise(&mut start, from.clone().into_bytes());
    }
    if let Some(to) = &range.end {
        lower(&mut end, to.clone().into_bytes());
    }
    match &range.after {
        Some(last) if range.reverse => lower(&mut end, last.clone().into_bytes()),
        // The smallest key behind `last` is `last` with a zero byte.
        Some(last) => raise(&mut start, [last.as_bytes(), &[0]].concat()),
        None => {}
    }
    if end.as_ref().is_some_and(|end| *end <= start) {
        return None;
    }
    Some(Span { start: start.into(), end: end.map(Bytes::from), reverse: range.reverse })
}

/// The smallest key that is greater than all keys with this prefix.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

impl From<commit::Error> for Error {
    fn from(error: commit::Error) -> Self {
        match error {
            commit::Error::Stale { .. } => Self::Conflict(None),
            commit::Error::Conflict { found, .. } => Self::Conflict(found),
            commit::Error::NotANumber { .. } | commit::Error::Overflow { .. } => {
                Self::InvalidArgument(error.to_string())
            }
            commit::Error::Quota { .. } | commit::Error::Held { .. } => {
                Self::QuotaExceeded(error.to_string())
            }
            commit::Error::Busy(after) => Self::Busy(after),
            commit::Error::Unavailable(why) => Self::Unavailable(why.to_string()),
            commit::Error::Unknown(_) => Self::Timeout,
        }
    }
}

fn failure(error: commit::Error) -> Failure {
    use commit::Error as E;
    match error {
        E::Conflict { change, .. } | E::NotANumber { change } | E::Overflow { change } => {
            Failure::Step(change, error.into())
        }
        E::Stale { .. }
        | E::Quota { .. }
        | E::Held { .. }
        | E::Busy(_)
        | E::Unavailable(_)
        | E::Unknown(_) => Failure::Whole(error.into()),
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

#[async_trait]
impl Store for Records {
    fn abilities(&self) -> Abilities {
        Abilities { durable: self.engine.is_durable(), ttl: true, transactions: true }
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let found = self.engine.snapshot().await?.get(key.as_str().as_bytes()).await?;
        Ok(found.map(item))
    }

    async fn peek(&self, key: &Key) -> Result<Option<Item>, Error> {
        let found = self.engine.snapshot().await?.peek(key.as_str().as_bytes()).await?;
        Ok(found.map(item))
    }

    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Store> {
        Arc::new(Self { engine: engine.clone(), clock: self.clock.clone(), quota: self.quota.clone() })
    }

    async fn scan(&self, range: &Range, page: Page) -> Result<Listing, Error> {
        let Some(span) = span(range) else { return Ok(Listing::default()) };
        let budget = Budget { records: page.limit, bytes: MAX_PAGE_BYTES, values: page.values };
        let (records, more) = self.engine.snapshot().await?.scan(&span, budget).await?;
        let entries = records.into_iter().map(|(key, record)| {
            let key = String::from_utf8(key.into()).map_err(|_| Error::Other("a key is not UTF-8".into()))?;
            Ok((Key::unchecked(key), item(record)))
        });
        Ok(Listing { entries: entries.collect::<Result<_, Error>>()?, more })
    }

    async fn apply(&self, steps: Vec<Step>) -> Result<Vec<Applied>, Failure> {
        let changes: Vec<_> = steps.into_iter().map(|step| self.change(step)).collect();
        let versions: Vec<_> = changes.iter().map(|change| written(&change.action)).collect();
        let batch = Batch { changes, quotas: self.quota.iter().cloned().collect(), ..Batch::default() };
        let sums = self.engine.commit(batch).await.map_err(failure)?.sums;
        Ok(versions.into_iter().zip(sums).map(|(version, sum)| Applied { version, sum }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix_bounds_its_keys() {
        let cases: [(&[u8], Option<&[u8]>); 4] =
            [(b"", None), (b"a", Some(b"b")), (b"a\xff", Some(b"b")), (b"\xff\xff", None)];
        for (prefix, expected) in cases {
            assert_eq!(successor(prefix).as_deref(), expected);
        }
    }

    #[test]
    fn a_range_that_cannot_hold_a_key_is_empty() {
        let range = |start: &str, end: &str| Range {
            start: Some(start.into()),
            end: Some(end.into()),
            ..Range::default()
        };
        assert_eq!(span(&range("b", "b")), None);
        assert_eq!(span(&range("b", "a")), None);
        assert!(span(&range("a", "b")).is_some());
        assert_eq!(span(&Range { prefix: "a".into(), ..range("b", "c") }), None);
    }
}
