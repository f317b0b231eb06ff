//! The embedded database as an engine without a thread. Between any two steps others may go first, and what is handed
//! over at one time is committed as one group.

use std::{
    fmt, mem,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mecha_backends::embedded::{Broken, Database, Moment};
use mecha_primitives::{
    clock::{Clock as _, ManualClock},
    commit::{Batch, Budget, Committed, Engine, Error, Expect, Record, Slice, Snapshot, Span},
};
use mecha_tests::simdisk::SimDisk;
use rand::{RngExt as _, rngs::StdRng};

use super::{bug::Bug, scheduler::pause};

type Outcome = Result<Committed, Error>;
type Reply = Arc<Mutex<Option<Outcome>>>;
type Act = Box<dyn FnOnce() + Send>;
pub(super) type Written = Arc<Mutex<Vec<Batch>>>;

pub(super) struct Simulated {
    pub(super) disk: SimDisk,
    clock: Arc<ManualClock>,
    bug: Option<Bug>,
    rng: Arc<Mutex<StdRng>>,
    database: Mutex<Option<Database>>,
    /// What is handed over and not written yet: also what nobody waits for any more.
    queue: Mutex<Vec<(Batch, Reply)>>,
    /// What is to be done when all of that is written.
    acts: Mutex<Vec<Act>>,
    /// Whether batches are refused now and then.
    is_moody: Mutex<bool>,
}

impl Simulated {
    pub(super) fn new(disk: SimDisk, clock: Arc<ManualClock>, bug: Option<Bug>, rng: StdRng) -> Self {
        Self {
            disk,
            clock,
            bug,
            rng: Arc::new(Mutex::new(rng)),
            database: Mutex::default(),
            queue: Mutex::default(),
            acts: Mutex::default(),
            is_moody: Mutex::new(true),
        }
    }

    /// The process begins anew.
    pub(super) fn restart(&self) {
        self.queue.lock().unwrap().clear();
        self.acts.lock().unwrap().clear();
        *self.database.lock().unwrap() = None;
        self.disk.restart();
    }

    /// Refuses no batch any more for no reason.
    pub(super) fn calm(&self) {
        *self.is_moody.lock().unwrap() = false;
    }

    /// What is there now, with nothing left to be written.
    pub(super) fn moment(&self) -> Result<Moment, Error> {
        self.write();
        let now = self.clock.now();
        self.with(|database| database.snapshot(now))
    }

    /// With the database, which is opened anew after it has failed.
    fn with<T>(&self, what: impl FnOnce(&Database) -> Result<T, Broken>) -> Result<T, Error> {
        let mut database = self.database.lock().unwrap();
        if database.is_none() {
            let opened = Database::open(&self.disk, 1 << 20);
            *database = Some(opened.map_err(|error| Error::Unavailable(error.to_string().into()))?);
        }
        let done = what(database.as_ref().unwrap());
        if done.is_err() {
            *database = None;
        }
        Ok(done?)
    }

    fn write(&self) {
        let (mut batches, replies): (Vec<_>, Vec<_>) =
            mem::take(&mut *self.queue.lock().unwrap()).into_iter().unzip();
        if batches.is_empty() {
            return;
        }
        let outcomes = match self.with(|database| self.spoil(database, &mut batches)) {
            Ok(outcomes) => outcomes,
            Err(_) if self.bug == Some(Bug::EarlyAcknowledgment) => {
                batches.iter().map(|_| Ok(Committed::default())).collect()
            }
            Err(error) => batches.iter().map(|_| Err(error.clone())).collect(),
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            *reply.lock().unwrap() = Some(outcome);
        }
        let acts = mem::take(&mut *self.acts.lock().unwrap());
        acts.into_iter().for_each(|act| act());
    }

    /// Commits a group, in the way of the bug.
    fn spoil(&self, database: &Database, batches: &mut [Batch]) -> Result<Vec<Outcome>, Broken> {
        let now = self.clock.now();
        for batch in &mut *batches {
            match self.bug {
                Some(Bug::DroppedChecks) => batch.checks.retain(|check| !is_state(&check.key)),
                Some(Bug::DroppedSpans) => batch.spans.clear(),
                Some(Bug::ForgottenAbsence) => {
                    batch.checks.retain(|check| check.expect != Expect::Absent || !is_state(&check.key));
                }
                Some(Bug::IgnoredLease) => forget_leases(batch),
                _ => {}
            }
        }
        if self.bug == Some(Bug::UncheckedGroup) {
            let before = database.snapshot(now)?;
            batches.iter_mut().for_each(|batch| judge_beforehand(&before, batch));
        }
        database.commit(now, batches)
    }

    async fn pauses(&self, max: usize) {
        pauses(&self.rng, max).await;
    }

    fn draws(&self, chance: f64) -> bool {
        self.rng.lock().unwrap().random_bool(chance)
    }
}

async fn pauses(rng: &Mutex<StdRng>, max: usize) {
    let count = rng.lock().unwrap().random_range(0..=max);
    for _ in 0..count {
        pause().await;
    }
}

fn is_state(key: &[u8]) -> bool {
    key.starts_with(b"shop/state/main/")
}

fn forget_leases(batch: &mut Batch) {
    let is_lease = |key: &[u8]| key.windows(3).any(|part| part == b"/l/" || part == b"/j/");
    batch.checks.retain(|check| !is_lease(&check.key));
    for change in batch.changes.iter_mut().filter(|change| is_lease(&change.key)) {
        change.expect = change.expect.filter(|expect| !matches!(expect, Expect::Version(_)));
    }
}

/// Takes away the checks that hold before the group.
fn judge_beforehand(before: &Moment, batch: &mut Batch) {
    let version = |key: &[u8]| before.get(key).ok().flatten().map(|record| record.version);
    batch.checks.retain(|check| !check.expect.holds(version(&check.key)));
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulated")
    }
}

impl fmt::Display for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated engine")
    }
}

#[async_trait]
impl Engine for Simulated {
    fn is_durable(&self) -> bool {
        true
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.pauses(1).await;
        let now = self.clock.now();
        let moment = self.with(|database| database.snapshot(now))?;
        Ok(Box::new(Slow { moment, rng: self.rng.clone() }))
    }

    async fn commit(&self, batch: Batch) -> Outcome {
        self.pauses(1).await;
        let is_moody = *self.is_moody.lock().unwrap();
        if is_moody && self.draws(0.004) {
            return Err(Error::Busy(None));
        }
        let reply = Reply::default();
        self.queue.lock().unwrap().push((batch, reply.clone()));
        self.pauses(2).await;
        if reply.lock().unwrap().is_none() {
            self.write();
        }
        self.pauses(1).await;
        let outcome = reply.lock().unwrap().take();
        outcome.unwrap_or_else(|| Err(Error::Unknown("the process has ended".into())))
    }

    fn when_written(&self, act: Act) {
        if self.queue.lock().unwrap().is_empty() {
            act();
        } else {
            self.acts.lock().unwrap().push(act);
        }
    }
}

/// A moment that is read step by step.
struct Slow {
    moment: Moment,
    rng: Arc<Mutex<StdRng>>,
}

#[async_trait]
impl Snapshot for Slow {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        pauses(&self.rng, 1).await;
        Ok(self.moment.get(key)?)
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        pauses(&self.rng, 1).await;
        Ok(self.moment.scan(span, budget)?)
    }
}

/// An engine whose snapshots are taken anew for each read.
#[derive(Debug)]
pub(super) struct Fresh(pub(super) Arc<Simulated>);

impl fmt::Display for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl Engine for Fresh {
    fn is_durable(&self) -> bool {
        true
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        Ok(Box::new(Anew(self.0.clone())))
    }

    async fn commit(&self, batch: Batch) -> Outcome {
        self.0.commit(batch).await
    }

    fn when_written(&self, act: Act) {
        self.0.when_written(act);
    }
}

struct Anew(Arc<Simulated>);

#[async_trait]
impl Snapshot for Anew {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        self.0.snapshot().await?.get(key).await
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        self.0.snapshot().await?.scan(span, budget).await
    }
}

/// The unit of work, in the way of a bug.
#[derive(Debug)]
pub(super) struct Spoiled {
    pub(super) unit: Arc<dyn Engine>,
    pub(super) bug: Option<Bug>,
    /// What the runs of this call have written, for a bug that keeps it.
    pub(super) written: Written,
}

impl Spoiled {
    /// Begins a run: nothing is there of the run before, but for a bug.
    pub(super) async fn begin(unit: Arc<dyn Engine>, bug: Option<Bug>, written: &Written) -> Arc<dyn Engine> {
        match bug {
            Some(Bug::KeptRerun) => {
                let before = mem::take(&mut *written.lock().unwrap());
                for batch in before {
                    _ = unit.commit(batch).await;
                }
            }
            Some(Bug::LostNotifications) => {}
            _ => return unit,
        }
        Arc::new(Self { unit, bug, written: written.clone() })
    }
}

impl fmt::Display for Spoiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unit.fmt(f)
    }
}

#[async_trait]
impl Engine for Spoiled {
    fn is_durable(&self) -> bool {
        true
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.unit.snapshot().await
    }

    async fn commit(&self, batch: Batch) -> Outcome {
        let committed = self.unit.commit(batch.clone()).await?;
        if self.bug == Some(Bug::KeptRerun) {
            let changes = batch.changes.into_iter().filter(|change| is_state(&change.key));
            self.written.lock().unwrap().push(Batch { changes: changes.collect(), ..Batch::default() });
        }
        Ok(committed)
    }

    fn afterwards(&self, act: Box<dyn FnOnce() + Send>) {
        if self.bug != Some(Bug::LostNotifications) {
            self.unit.afterwards(act);
        }
    }

    fn on_full(&self, account: bytes::Bytes, room: Arc<dyn mecha_primitives::commit::Room>) {
        self.unit.on_full(account, room);
    }
}
