//! The handle: opens the database at first use, closes it when idle, and opens it again after an error.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use mecha_primitives::{
    clock::{Clock, Timestamp},
    commit::{self, Batch, Budget, Committed, Error, Observer, Record, Slice, Snapshot, Span},
};

use super::{
    Broken, Database, Disk, Moment,
    writer::{self, Owner, Queue},
};

/// How an engine uses memory and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The page cache, in bytes.
    pub cache: usize,
    /// Close the file after this long without use.
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: 32 << 20, idle: Duration::from_secs(300) }
    }
}

/// How long to wait before the storage is opened again: doubled with every failure.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LAST_DELAY: Duration = Duration::from_secs(5);

/// An engine in one redb file.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    options: Options,
    /// Held for a few lines at a time, never across an await: a std mutex is right.
    state: Mutex<State>,
    /// Held while the storage is being opened, so that it is opened once.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// The thread of the last open database: it must have ended before the file is opened again.
    thread: Option<JoinHandle<()>>,
    /// Counts how often the storage was opened: an old writer cannot close a new database.
    generation: u64,
    last_use: Timestamp,
    failures: u32,
}

#[derive(Default)]
enum Phase {
    #[default]
    Closed,
    Open(Open),
    Broken {
        until: Timestamp,
        why: Arc<str>,
    },
    Shut,
}

#[derive(Clone)]
struct Open {
    database: Arc<Database>,
    queue: Queue,
    generation: u64,
}

impl Engine {
    /// Does not touch the disk yet.
    #[must_use]
    pub fn new(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        options: Options,
    ) -> Self {
        Self(Arc::new(Shared {
            disk,
            clock,
            observer,
            options,
            state: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }))
    }

    /// Opens the storage now, to find out whether it can be.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with what is in the way.
    pub async fn open(&self) -> Result<(), Error> {
        self.handle().await.map(|_| ())
    }

    /// Finishes what is queued and closes the file. Every later use is refused.
    pub async fn close(&self) {
        let thread = {
            let mut state = self.0.lock();
            state.phase = Phase::Shut;
            state.thread.take()
        };
        join(thread).await;
    }

    /// Bytes of keys and values by account, for the operator. `None` if the storage is not open: it is not opened,
    /// nor kept open, for this.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the storage failed.
    pub fn usage(&self) -> Result<Option<HashMap<Bytes, u64>>, Error> {
        let open = match &self.0.lock().phase {
            Phase::Open(open) => open.clone(),
            _ => return Ok(None),
        };
        let usage = open.database.usage().map_err(|broken| self.0.fail(open.generation, &broken.why))?;
        Ok(Some(usage))
    }

    async fn handle(&self) -> Result<Open, Error> {
        if let Some(open) = self.0.current()? {
            return Ok(open);
        }
        // In a task of its own: a caller that gives up must not leave an opening half done behind.
        let shared = self.0.clone();
        let opened = tokio::spawn(async move {
            let _once = shared.opening.lock().await;
            if let Some(open) = shared.current()? {
                return Ok(open);
            }
            let previous = shared.lock().thread.take();
            join(previous).await;
            let shared = shared.clone();
            tokio::task::spawn_blocking(move || shared.open()).await.unwrap_or_else(|error| Err(lost(&error)))
        });
        opened.await.unwrap_or_else(|error| Err(lost(&error)))
    }
}

fn lost(error: &tokio::task::JoinError) -> Error {
    Error::Unavailable(error.to_string().into())
}

/// Waits for a writer's thread. That it panicked was logged when it did.
async fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole, so a panic elsewhere does not poison it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open database, if there is one; an error, if it must not be opened now.
    fn current(&self) -> Result<Option<Open>, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.last_use = now;
        match &state.phase {
            Phase::Open(open) => Ok(Some(open.clone())),
            Phase::Broken { until, why } if now < *until => Err(Error::Unavailable(why.clone())),
            Phase::Closed | Phase::Broken { .. } => Ok(None),
            Phase::Shut => Err(Error::Unavailable("the host is shutting down".into())),
        }
    }

    fn open(self: Arc<Self>) -> Result<Open, Error> {
        let generation = self.lock().generation;
        let database = Database::open(&*self.disk, self.options.cache)
            .map_err(|error| self.fail(generation, &error.to_string()))?;
        let database = Arc::new(database);
        let generation = generation + 1;
        let owner = Handle { shared: Arc::downgrade(&self), generation };
        let (queue, thread) =
            writer::start(database.clone(), self.clock.clone(), self.observer.clone(), owner)
                .map_err(|error| Error::Unavailable(error.to_string().into()))?;
        let open = Open { database, queue, generation };
        let mut state = self.lock();
        if matches!(state.phase, Phase::Shut) {
            return Err(Error::Unavailable("the host is shutting down".into()));
        }
        *state = State {
            phase: Phase::Open(open.clone()),
            thread: Some(thread),
            generation,
            last_use: self.clock.now(),
            failures: state.failures,
        };
        Ok(open)
    }

    /// Notes that the storage failed, unless it has been opened anew since.
    fn fail(&self, generation: u64, why: &str) -> Error {
        let mut state = self.lock();
        if state.generation == generation && !matches!(state.phase, Phase::Shut) {
            let delay = FIRST_DELAY.saturating_mul(1 << state.failures.min(10)).min(LAST_DELAY);
            state.failures += 1;
            state.phase = Phase::Broken { until: self.clock.now() + delay, why: why.into() };
            self.observer.failed(why);
        }
        Error::Unavailable(why.into())
    }

    fn succeeded(&self) {
        let mut state = self.lock();
        if state.failures > 0 {
            state.failures = 0;
        }
    }
}

/// What a writer knows of its engine: nothing that keeps it alive.
struct Handle {
    shared: Weak<Shared>,
    generation: u64,
}

impl Owner for Handle {
    fn broken(&self, why: &str) {
        if let Some(shared) = self.shared.upgrade() {
            shared.fail(self.generation, why);
        }
    }

    fn may_close(&self) -> bool {
        let Some(shared) = self.shared.upgrade() else { return true };
        let now = shared.clock.now();
        let mut state = shared.lock();
        let idle = now.since(state.last_use) >= shared.options.idle;
        let ours = state.generation == self.generation && matches!(state.phase, Phase::Open(_));
        if idle && ours {
            state.phase = Phase::Closed;
        }
        idle && ours
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({:?})", self.0.disk)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.disk.fmt(f)
    }
}

#[async_trait]
impl commit::Engine for Engine {
    fn is_durable(&self) -> bool {
        true
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let open = self.handle().await?;
        let moment = open
            .database
            .snapshot(self.0.clock.now())
            .map_err(|broken| self.0.fail(open.generation, &broken.why))?;
        Ok(Box::new(Reader { moment, engine: self.0.clone(), generation: open.generation }))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        let answer = self.handle().await?.queue.push(batch)?;
        let outcome = answer.await.unwrap_or_else(|_| Err(Error::Unknown("the writer ended".into())));
        if outcome.is_ok() {
            self.0.succeeded();
        }
        outcome
    }

    fn when_written(&self, act: Box<dyn FnOnce() + Send>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return act() };
        let engine = self.clone();
        runtime.spawn(async move {
            // The writer takes what is queued in order: what changes nothing is answered after all before it.
            _ = engine.commit(Batch::default()).await;
            act();
        });
    }
}

/// A moment that reports to its engine when the storage fails under it.
struct Reader {
    moment: Moment,
    engine: Arc<Shared>,
    generation: u64,
}

impl Reader {
    fn checked<T>(&self, result: Result<T, Broken>) -> Result<T, Error> {
        result.map_err(|broken| self.engine.fail(self.generation, &broken.why))
    }
}

#[async_trait]
impl Snapshot for Reader {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        self.checked(self.moment.get(key))
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        // A page may read much of the disk: not on a thread that others wait for.
        let (moment, span) = (self.moment.clone(), span.clone());
        let scanned = tokio::task::spawn_blocking(move || moment.scan(&span, budget));
        self.checked(scanned.await.map_err(|error| lost(&error))?)
    }
}
