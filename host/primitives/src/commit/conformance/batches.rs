//! The words that laws are written in.

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    commit::{
        Action, Batch, Budget, Change, Check, Engine, Expect, Quota, Record, Seen, Snapshot, Span, Version,
    },
    identity::CallId,
};

/// The account of all keys.
const ACCOUNT: &str = "app/law/s/";

pub(super) fn key(name: &str) -> Bytes {
    format!("{ACCOUNT}{name}").into()
}

pub(super) fn v(number: u32) -> Version {
    Version::new(CallId(7), 1, number)
}

pub(super) fn record(value: impl Into<Bytes>) -> Record {
    Record { version: v(1), expires_at: None, media_type: None, value: value.into() }
}

pub(super) fn expiring(value: impl Into<Bytes>, at: Timestamp) -> Record {
    Record { expires_at: Some(at), ..record(value) }
}

fn change(name: &str, action: Action) -> Change {
    Change { key: key(name), expect: None, action }
}

pub(super) fn put(name: &str, value: impl Into<Bytes>) -> Change {
    change(name, Action::Put(record(value)))
}

pub(super) fn put_record(name: &str, record: Record) -> Change {
    change(name, Action::Put(record))
}

pub(super) fn delete(name: &str) -> Change {
    change(name, Action::Delete)
}

pub(super) fn add(name: &str, delta: i64) -> Change {
    change(name, Action::Add { delta, expires_at: None, version: v(2), told: true })
}

pub(super) fn append(name: &str, ordinal: u32, value: impl Into<Bytes>) -> Change {
    change(name, Action::Append { ordinal, record: record(value) })
}

pub(super) fn countdown(name: &str, last: &[&str]) -> Change {
    let last = last.iter().map(|name| key(name)).collect();
    change(name, Action::Countdown { last, version: v(3) })
}

pub(super) fn verify(name: &str, expect: Expect) -> Change {
    Change { key: key(name), expect: Some(expect), action: Action::Verify }
}

pub(super) fn check(name: &str, expect: Expect) -> Check {
    Check { key: key(name), expect }
}

pub(super) fn span(start: &str, end: Option<&str>) -> Span {
    Span { start: key(start), end: end.map(key), reverse: false }
}

/// A listing of records that are as [`record`] makes them.
pub(super) fn seen(start: &str, end: Option<&str>, names: &[&str]) -> Seen {
    let records = names.iter().map(|name| (key(name), v(1))).collect();
    Seen { span: span(start, end), records }
}

pub(super) fn quota(max_bytes: u64) -> Quota {
    Quota { account: ACCOUNT.into(), max_bytes }
}

pub(super) fn batch(changes: impl Into<Vec<Change>>) -> Batch {
    Batch { changes: changes.into(), ..Batch::default() }
}

pub(super) async fn value_of(engine: &dyn Engine, name: &str) -> Option<Bytes> {
    let snapshot = engine.snapshot().await.unwrap();
    snapshot.get(&key(name)).await.unwrap().map(|record| record.value)
}

pub(super) async fn everything(snapshot: &dyn Snapshot) -> Vec<(Bytes, Record)> {
    let span = Span { start: Bytes::new(), end: None, reverse: false };
    let budget = Budget { records: usize::MAX, bytes: usize::MAX, values: true };
    let (found, more) = snapshot.scan(&span, budget).await.unwrap();
    assert!(!more, "there is no end of the budget");
    found
}

/// All that an engine shows now.
pub(super) async fn content(engine: &dyn Engine) -> Vec<(Bytes, Record)> {
    everything(&*engine.snapshot().await.unwrap()).await
}
