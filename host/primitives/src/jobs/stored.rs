//! Jobs kept in an engine's records.
//!
//! | key under the account | what |
//! |---|---|
//! | `j/NAME` | the job and how far it is |
//! | `t/TIME NAME` | when it is ready to be taken, in order: due, to be tried again, or its lease ends |
//! | `l/NAME` | it is leased: for who looks for the leases of a former process |
//! | `n` | how many jobs there are |
//!
//! Every verb is one batch, whose first change expects of `j/NAME` the version that was read. The version is new with
//! each change, so it is the lease, too. The batches are to be had without committing them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    Error, Item, Job, Listing, MAX_JOBS, MAX_LIST, MAX_LIST_BYTES, Scheduler, Status, check_name,
    progress::{Began, State},
    record,
};
use crate::{
    clock::{Clock, Timestamp},
    commit::{self, Action, Batch, Budget, Change, Engine, Expect, Quota, Record, Snapshot, Span, Version},
    delivery::{Outcome, Retry, Settled, Source},
    name,
    random::Random,
};

/// How often a change is tried whose job others change at the same time.
const TRIES: usize = 8;
/// How many entries are looked at for a run, so that a few that cannot be read do not hide the others.
const LOOK: usize = 64;

/// How jobs are run and bounded.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long an attempt may take before the run goes to another.
    pub lease: Duration,
    pub retry: Retry,
    /// Bytes that the account may hold.
    pub max_bytes: Option<u64>,
}

/// The jobs of an account, as a [`Scheduler`] and as a [`Source`].
#[derive(Debug, Clone)]
pub struct Jobs {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    account: Bytes,
    options: Options,
    /// This process, as its leases name it.
    owner: u64,
    changed: Arc<Notify>,
}

/// What [`Jobs::reconcile`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconciled {
    Unchanged,
    Created,
    Replaced,
    Removed,
}

/// The account of a component's own jobs.
#[must_use]
pub fn component_account(app: &name::App, component: &name::Component) -> Bytes {
    format!("{app}/jobs/{component}/").into()
}

/// The account of a schedule of the manifest.
#[must_use]
pub fn schedule_account(app: &name::App, schedule: &name::Schedule) -> Bytes {
    format!("{app}/schedules/{schedule}/").into()
}

/// The schedules that an app's former manifests have left, for [`Jobs::reconcile`].
///
/// # Errors
/// The engine's.
pub async fn scheduled_names(
    engine: &dyn Engine,
    app: &name::App,
) -> Result<Vec<name::Schedule>, commit::Error> {
    let prefix = format!("{app}/schedules/");
    let (start, end) = (Bytes::from(prefix.clone()), Bytes::from(format!("{app}/schedules0")));
    let name = |account: &Bytes| {
        let text = account.get(prefix.len()..account.len().saturating_sub(1)).unwrap_or_default();
        std::str::from_utf8(text).ok().and_then(|text| name::Schedule::new(text).ok())
    };
    Ok(commit::accounts(&*engine.snapshot().await?, start, end).await?.iter().filter_map(name).collect())
}

/// A job as it was read.
struct Found {
    version: Version,
    state: State,
}

impl Jobs {
    /// Makes a process of its own of the caller: leases that another had are not this one's.
    pub fn new(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        account: Bytes,
        options: Options,
    ) -> Self {
        let owner = random.next();
        Self { engine, clock, random, account, options, owner, changed: Arc::default() }
    }

    /// The change that [`schedule`](Scheduler::schedule) commits.
    ///
    /// # Errors
    /// As `schedule`.
    pub async fn schedule_batch(&self, job: Job, replace: bool) -> Result<Batch, Error> {
        job.check()?;
        let snapshot = self.engine.snapshot().await?;
        let found = self.find(&*snapshot, &job.name).await?;
        if found.is_some() && !replace {
            return Err(Error::AlreadyExists(job.name.to_string()));
        }
        if found.is_none() && self.count(&*snapshot).await? >= MAX_JOBS {
            return Err(Error::QuotaExceeded(format!("a component has at most {MAX_JOBS} jobs")));
        }
        let Some(state) = State::new(job, self.clock.now()) else {
            return Err(Error::InvalidArgument("the schedule is never due".into()));
        };
        Ok(self.batch(self.changes(found.as_ref(), Some(&state), self.version())))
    }

    /// The change that [`cancel`](Scheduler::cancel) commits; empty if there is no such job.
    ///
    /// # Errors
    /// As `cancel`.
    pub async fn cancel_batch(&self, name: &str) -> Result<Batch, Error> {
        check_name(name)?;
        let found = self.find(&*self.engine.snapshot().await?, name).await?;
        Ok(self.batch(found.map_or(vec![], |found| self.changes(Some(&found), None, self.version()))))
    }

    /// The change that [`settle`](Source::settle) commits, and what it makes of the run. It is empty if the lease is
    /// no longer this attempt's; if it is lost after this, the first of the changes conflicts.
    ///
    /// # Errors
    /// The engine's.
    pub async fn settle_batch(
        &self,
        item: &Item,
        outcome: &Outcome,
    ) -> Result<(Batch, Settled), commit::Error> {
        let found = self.find(&*self.engine.snapshot().await?, &item.job).await?;
        let Some(found) = found.filter(|found| found.version == item.lease) else {
            return Ok((Batch::default(), Settled::Stale));
        };
        let state = found.state.clone();
        let (state, again) = state.settle(outcome, self.clock.now(), &self.options.retry, &*self.random);
        let settled = match (&state, outcome) {
            (Some(state), _) if again => Settled::Later(state.ready),
            (_, Outcome::Done) => Settled::Done,
            _ => Settled::Dead,
        };
        Ok((self.batch(self.changes(Some(&found), state.as_ref(), self.version())), settled))
    }

    /// For who has committed a batch of this: wakes who waits for [`changed`](Source::changed).
    pub fn notify(&self) {
        self.changed.notify_one();
    }

    async fn commit_settlement(&self, item: &Item, outcome: &Outcome) -> Result<Settled, commit::Error> {
        let (batch, settled) = self.settle_batch(item, outcome).await?;
        if batch.changes.is_empty() {
            return Ok(settled);
        }
        // What is leased must be settled in a full account, too.
        match self.engine.commit(Batch { quotas: vec![], ..batch }).await {
            Ok(_) => {
                self.notify_afterwards();
                Ok(settled)
            }
            Err(commit::Error::Conflict { .. }) => Ok(Settled::Stale),
            Err(error) => Err(error),
        }
    }

    fn notify_afterwards(&self) {
        let changed = self.changed.clone();
        self.engine.afterwards(Box::new(move || changed.notify_one()));
    }

    /// Makes the job what a definition says: an equal one keeps its state, another is replaced, and without one it is
    /// removed.
    ///
    /// # Errors
    /// As [`schedule`](Scheduler::schedule).
    pub async fn reconcile(&self, name: &str, definition: Option<Job>) -> Result<Reconciled, Error> {
        check_name(name)?;
        let found = self.find(&*self.engine.snapshot().await?, name).await?;
        match (found, definition) {
            (None, None) => Ok(Reconciled::Unchanged),
            (Some(found), Some(job)) if found.state.job == job => Ok(Reconciled::Unchanged),
            (Some(_), None) => self.cancel(name).await.map(|()| Reconciled::Removed),
            (found, Some(job)) => {
                let done = if found.is_some() { Reconciled::Replaced } else { Reconciled::Created };
                self.schedule(job, true).await.map(|()| done)
            }
        }
    }

    /// At the start of a process that is the only one: what a former process had leased may be taken at once.
    ///
    /// # Errors
    /// The engine's.
    pub async fn recover(&self) -> Result<(), commit::Error> {
        let snapshot = self.engine.snapshot().await?;
        let mut start = self.key(b"l/", b"");
        loop {
            let span = Span { start: start.clone(), end: Some(self.key(b"l0", b"")), reverse: false };
            let budget = Budget { records: 1000, bytes: 1 << 20, values: false };
            let (leased, more) = snapshot.scan(&span, budget).await?;
            for (key, _) in &leased {
                self.void(&*snapshot, &key[self.account.len() + 2..]).await?;
            }
            match leased.last() {
                Some((last, _)) if more => start = [last, &[0][..]].concat().into(),
                _ => break,
            }
        }
        self.notify();
        Ok(())
    }

    async fn void(&self, snapshot: &dyn Snapshot, name: &[u8]) -> Result<(), commit::Error> {
        let Ok(name) = std::str::from_utf8(name) else { return Ok(()) };
        let Some(found) = self.find(snapshot, name).await.ok().flatten() else { return Ok(()) };
        if found.state.owner.is_none_or(|owner| owner == self.owner) {
            return Ok(());
        }
        let state = found.state.clone().void(self.clock.now());
        match self.engine.commit(self.batch(self.changes(Some(&found), Some(&state), self.version()))).await {
            // Somebody has changed it since: then it is not the former process's any more.
            Ok(_) | Err(commit::Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The changes that make one state of a job another. The first is the one with the expectation.
    fn changes(&self, old: Option<&Found>, new: Option<&State>, version: Version) -> Vec<Change> {
        let Some(name) = new.or(old.map(|old| &old.state)).map(|state| state.job.name.clone()) else {
            return vec![];
        };
        let put = |value| Action::Put(Record { version, expires_at: None, media_type: None, value });
        let change = |key, action| Change { key, expect: None, action };
        let expect = old.map_or(Expect::Absent, |old| Expect::Version(old.version));
        let action = new.map_or(Action::Delete, |new| put(record::encode(new)));
        let mut changes =
            vec![Change { expect: Some(expect), ..change(self.key(b"j/", name.as_bytes()), action) }];
        let old = old.map(|old| &old.state);
        changes.extend(old.map(|old| change(self.time_key(old.ready, &name), Action::Delete)));
        changes.extend(new.map(|new| change(self.time_key(new.ready, &name), put(Bytes::new()))));
        let is_leased = |state: Option<&State>| state.is_some_and(|state| state.owner.is_some());
        let lease = self.key(b"l/", name.as_bytes());
        match (is_leased(old), is_leased(new)) {
            (false, true) => changes.push(change(lease, put(Bytes::new()))),
            (true, false) => changes.push(change(lease, Action::Delete)),
            _ => {}
        }
        let growth = i64::from(new.is_some()) - i64::from(old.is_some());
        if growth != 0 {
            let action = Action::Add { delta: growth, expires_at: None, version, told: false };
            changes.push(change(self.key(b"n", b""), action));
        }
        changes
    }

    fn batch(&self, changes: Vec<Change>) -> Batch {
        let quota =
            self.options.max_bytes.map(|max_bytes| Quota { account: self.account.clone(), max_bytes });
        Batch { changes, quotas: quota.into_iter().collect(), ..Batch::default() }
    }

    fn version(&self) -> Version {
        Version::new(self.random.call_id(), 1, 0)
    }

    fn key(&self, table: &[u8], rest: &[u8]) -> Bytes {
        [&self.account, table, rest].concat().into()
    }

    fn time_key(&self, at: Timestamp, name: &str) -> Bytes {
        self.key(b"t/", &[&at.0.to_be_bytes(), name.as_bytes()].concat())
    }

    async fn find(&self, snapshot: &dyn Snapshot, name: &str) -> Result<Option<Found>, commit::Error> {
        let Some(record) = snapshot.get(&self.key(b"j/", name.as_bytes())).await? else { return Ok(None) };
        match record::decode(name, &record.value) {
            Some(state) => Ok(Some(Found { version: record.version, state })),
            None => Err(commit::Error::Unavailable(format!("the job {name:?} cannot be read").into())),
        }
    }

    async fn count(&self, snapshot: &dyn Snapshot) -> Result<u64, commit::Error> {
        // In a unit of work: who schedules does not race with everybody else who does.
        let record = snapshot.peek(&self.key(b"n", b"")).await?;
        let number = record.and_then(|record| std::str::from_utf8(&record.value).ok()?.parse().ok());
        Ok(number.unwrap_or(0))
    }

    /// The names and times of what is ready at `now`, the earliest first.
    async fn ready(
        &self,
        snapshot: &dyn Snapshot,
        now: Option<Timestamp>,
        max: usize,
    ) -> Result<Vec<(Timestamp, Arc<str>)>, commit::Error> {
        let end = match now.and_then(|now| now.0.checked_add(1)) {
            Some(end) => self.key(b"t/", &end.to_be_bytes()),
            None => self.key(b"t0", b""),
        };
        let span = Span { start: self.key(b"t/", b""), end: Some(end), reverse: false };
        let budget = Budget { records: max, bytes: 1 << 20, values: false };
        let (found, _) = snapshot.scan(&span, budget).await?;
        let entry = |key: &Bytes| {
            let (at, name) = key.get(self.account.len() + 2..)?.split_first_chunk()?;
            Some((Timestamp(u64::from_be_bytes(*at)), std::str::from_utf8(name).ok()?.into()))
        };
        Ok(found.iter().filter_map(|(key, _)| entry(key)).collect())
    }

    /// Begins an attempt of each, or passes over what is not to be made.
    async fn begin(&self, found: Vec<Found>, now: Timestamp) -> Result<Vec<Item>, commit::Error> {
        let mut items = vec![];
        let mut changes = vec![];
        for found in found {
            let Options { lease, retry, .. } = &self.options;
            let version = self.version();
            let next = match found.state.clone().begin(now, *lease, self.owner, retry) {
                Began::Attempt(state) => {
                    items.push(item(&state, version));
                    Some(state)
                }
                Began::Passed(state) => Some(state),
                Began::Over => None,
            };
            changes.extend(self.changes(Some(&found), next.as_ref(), version));
        }
        if !changes.is_empty() {
            // What is leased must be leasable in a full account, too.
            self.engine.commit(Batch { changes, ..Batch::default() }).await?;
        }
        Ok(items)
    }
}

fn item(state: &State, lease: Version) -> Item {
    Item {
        job: state.job.name.clone(),
        data: state.job.data.clone(),
        content_type: state.job.content_type.clone(),
        due: state.due,
        attempt: state.attempts,
        until: state.ready,
        lease,
    }
}

fn status(state: State) -> Status {
    Status { job: state.job, runs: state.runs, next_run: state.due, last_run: state.last }
}

#[async_trait]
impl Scheduler for Jobs {
    async fn schedule(&self, job: Job, replace: bool) -> Result<(), Error> {
        for _ in 0..TRIES {
            let batch = self.schedule_batch(job.clone(), replace).await?;
            match self.engine.commit(batch).await {
                Err(commit::Error::Conflict { .. }) => {}
                other => {
                    self.notify_afterwards();
                    return other.map(drop).map_err(Error::from);
                }
            }
        }
        Err(Error::Busy(None))
    }

    async fn get(&self, name: &str) -> Result<Option<Status>, Error> {
        check_name(name)?;
        let found = self.find(&*self.engine.snapshot().await?, name).await?;
        Ok(found.map(|found| status(found.state)))
    }

    async fn cancel(&self, name: &str) -> Result<(), Error> {
        for _ in 0..TRIES {
            let batch = self.cancel_batch(name).await?;
            if batch.changes.is_empty() {
                return Ok(());
            }
            match self.engine.commit(batch).await {
                Err(commit::Error::Conflict { .. }) => {}
                other => return other.map(drop).map_err(Error::from),
            }
        }
        Err(Error::Busy(None))
    }

    async fn list(&self, prefix: &str, limit: usize) -> Result<Listing, Error> {
        let start = self.key(b"j/", prefix.as_bytes());
        // No byte of UTF-8 is 0xff.
        let end = [&start[..], &[0xff]].concat();
        let span = Span { start, end: Some(end.into()), reverse: false };
        let budget = Budget { records: limit.min(MAX_LIST), bytes: MAX_LIST_BYTES, values: true };
        let (records, more) = self.engine.snapshot().await?.scan(&span, budget).await?;
        let state = |(key, record): &(Bytes, Record)| {
            let name = std::str::from_utf8(key.get(self.account.len() + 2..)?).ok()?;
            record::decode(name, &record.value)
        };
        Ok(Listing { jobs: records.iter().filter_map(state).map(status).collect(), more })
    }

    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Scheduler> {
        Arc::new(Self { engine: engine.clone(), ..self.clone() })
    }
}

#[async_trait]
impl Source for Jobs {
    type Item = Item;

    async fn take(&self, max: usize) -> Result<Vec<Item>, commit::Error> {
        let now = self.clock.now();
        let snapshot = self.engine.snapshot().await?;
        let (mut found, mut failed) = (vec![], None);
        for (_, name) in self.ready(&*snapshot, Some(now), max.max(LOOK)).await? {
            match self.find(&*snapshot, &name).await {
                Ok(job) => found.extend(job),
                Err(error) => failed = Some(error),
            }
            if found.len() >= max {
                break;
            }
        }
        // One that cannot be read must not stop the others, but it is not passed over in silence.
        if let (true, Some(error)) = (found.is_empty(), failed) {
            return Err(error);
        }
        match self.begin(found, now).await {
            // Others take, too, or a job is being changed: what is left is there the next time.
            Err(commit::Error::Conflict { .. }) => {
                self.notify();
                Ok(vec![])
            }
            other => other,
        }
    }

    async fn settle(&self, item: &Item, outcome: Outcome) -> Result<Settled, commit::Error> {
        self.commit_settlement(item, &outcome).await
    }

    async fn settle_over(&self, engine: &Arc<dyn Engine>, item: &Item) -> Result<Settled, commit::Error> {
        let over = Self { engine: engine.clone(), ..self.clone() };
        over.commit_settlement(item, &Outcome::Done).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, commit::Error> {
        let next = self.ready(&*self.engine.snapshot().await?, None, 1).await?;
        Ok(next.first().map(|(at, _)| *at))
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }
}
