//! The words that laws are written in.

use super::*;

/// The account of all keys, unless a law says otherwise.
const ACCOUNT: &str = "app/law/s/";

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn key(name: &str) -> Bytes {
    format!("{ACCOUNT}{name}").into()
}

/// Another value has another version.
pub(super) fn record(value: &str) -> Record {
    let hash = blake3::hash(value.as_bytes());
    let version =
        Version::new(CallId(hash.as_bytes().iter().fold(0, |id, byte| id << 4 ^ u128::from(*byte))), 1, 1);
    Record { version, expires_at: None, media_type: None, value: Bytes::copy_from_slice(value.as_bytes()) }
}

fn change(name: &str, action: Action) -> Change {
    Change { key: key(name), expect: None, action }
}

pub(super) fn put(name: &str, value: &str) -> Change {
    change(name, Action::Put(record(value)))
}

pub(super) fn expiring(name: &str, value: &str, at: Timestamp) -> Change {
    change(name, Action::Put(Record { expires_at: Some(at), ..record(value) }))
}

pub(super) fn delete(name: &str) -> Change {
    change(name, Action::Delete)
}

fn addition(name: &str, delta: i64, told: bool) -> Change {
    let version = record(&format!("{name} and {delta}")).version;
    change(name, Action::Add { delta, expires_at: None, version, told })
}

/// An addition whose sum is wanted.
pub(super) fn add(name: &str, delta: i64) -> Change {
    addition(name, delta, true)
}

/// An addition whose sum nobody wants.
pub(super) fn add_blindly(name: &str, delta: i64) -> Change {
    addition(name, delta, false)
}

pub(super) fn append(name: &str, ordinal: u32, value: &str) -> Change {
    change(name, Action::Append { ordinal, record: record(value) })
}

pub(super) fn countdown(name: &str, last: &[&str]) -> Change {
    let last = last.iter().map(|name| key(name)).collect();
    change(name, Action::Countdown { last, version: record("countdown").version })
}

pub(super) fn verify(name: &str, expect: Expect) -> Change {
    Change { expect: Some(expect), ..change(name, Action::Verify) }
}

pub(super) fn batch(changes: impl Into<Vec<Change>>) -> Batch {
    Batch { changes: changes.into(), ..Batch::default() }
}

/// Commits changes to an engine, which may be a unit.
pub(super) async fn commit(engine: &dyn Engine, changes: impl Into<Vec<Change>>) -> Result<Committed, Error> {
    engine.commit(batch(changes)).await
}

pub(super) async fn value_of(engine: &dyn Engine, name: &str) -> Option<String> {
    let found = engine.snapshot().await.unwrap().get(&key(name)).await.unwrap();
    found.map(|record| String::from_utf8(record.value.into()).unwrap())
}

/// All keys that begin so.
pub(super) fn span(prefix: &str) -> Span {
    Span { start: key(prefix), end: Some(key(&format!("{prefix}\u{10ffff}"))), reverse: false }
}

pub(super) fn page_of(records: usize) -> Budget {
    Budget { records, bytes: usize::MAX, values: true }
}

pub(super) const WHOLE: Budget = Budget { records: usize::MAX, bytes: usize::MAX, values: true };

/// Names and values of a part of an engine.
pub(super) async fn list(engine: &dyn Engine, span: &Span, budget: Budget) -> Vec<(String, String)> {
    let (found, _) = engine.snapshot().await.unwrap().scan(span, budget).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = |key: &Bytes| text(key.strip_prefix(ACCOUNT.as_bytes()).unwrap_or(key));
    found.iter().map(|(key, record)| (name(key), text(&record.value))).collect()
}

/// All records that an engine shows now, or a unit.
pub(super) async fn content(engine: &dyn Engine) -> Vec<(Bytes, Record)> {
    let all = Span { start: Bytes::new(), end: None, reverse: false };
    engine.snapshot().await.unwrap().scan(&all, WHOLE).await.unwrap().0
}

pub(super) fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

pub(super) fn unit(fixture: &impl Fixture) -> Unit {
    unit_of(fixture, fixture.engine())
}

pub(super) fn unit_of(fixture: &impl Fixture, engine: Arc<dyn Engine>) -> Unit {
    Unit::new(engine, fixture.clock().now(), Bounds::default())
}

/// The end of a unit, with time enough.
pub(super) async fn end(fixture: &impl Fixture, unit: &Unit) -> Result<(), Error> {
    unit.commit(fixture.clock().now() + SECOND).await
}

/// An engine that answers commits in a way of its own.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) engine: Arc<dyn Engine>,
    /// What it answers; if nothing, it never does.
    pub(super) answer: Option<Error>,
}

impl std::fmt::Display for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.engine.fmt(f)
    }
}

#[async_trait::async_trait]
impl Engine for Answering {
    fn is_durable(&self) -> bool {
        self.engine.is_durable()
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.engine.snapshot().await
    }

    async fn commit(&self, _: Batch) -> Result<Committed, Error> {
        match &self.answer {
            Some(error) => Err(error.clone()),
            None => std::future::pending().await,
        }
    }
}

/// An engine that lets others go on before it shows a record.
#[derive(Debug)]
pub(super) struct Pausing(pub(super) Arc<dyn Engine>);

struct Paused(Box<dyn Snapshot>);

impl std::fmt::Display for Pausing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait::async_trait]
impl Engine for Pausing {
    fn is_durable(&self) -> bool {
        self.0.is_durable()
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        Ok(Box::new(Paused(self.0.snapshot().await?)))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        self.0.commit(batch).await
    }
}

#[async_trait::async_trait]
impl Snapshot for Paused {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        tokio::task::yield_now().await;
        self.0.get(key).await
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        tokio::task::yield_now().await;
        self.0.scan(span, budget).await
    }
}

/// Counts the acts of a unit.
#[derive(Debug, Clone, Default)]
pub(super) struct Acts(Arc<AtomicUsize>);

impl Acts {
    pub(super) fn one(&self) -> Box<dyn FnOnce() + Send> {
        let done = self.0.clone();
        Box::new(move || _ = done.fetch_add(1, Ordering::SeqCst))
    }

    pub(super) fn done(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
