//! The one thread that writes: takes what is queued as a group, and makes it durable with one commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use mecha_primitives::{
    clock::Clock,
    commit::{Batch, Committed, Error, Observer},
};
use tokio::sync::oneshot;

use super::database::{Broken, Database};

/// Batches in one group at the most, and bytes.
const GROUP: usize = 512;
const GROUP_BYTES: usize = 16 << 20;
/// Batches and bytes that may wait; beyond that a commit is refused as busy.
const QUEUE: usize = 4096;
const QUEUE_BYTES: usize = 64 << 20;
/// How often an idle writer looks for something to sweep, or whether it may close.
const TICK: Duration = Duration::from_millis(500);
/// Expired records that an idle writer removes in one commit.
const SWEEP: usize = 10_000;
/// What a refused caller is told to wait.
const BUSY_AFTER: Duration = Duration::from_millis(20);

type Outcome = Result<Committed, Error>;

struct Job {
    batch: Batch,
    reply: oneshot::Sender<Outcome>,
}

/// A cheap handle to the writer's queue. The thread ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Queue {
    sender: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// Queues a batch; the answer comes when its group is durable.
    pub(super) fn push(&self, batch: Batch) -> Result<oneshot::Receiver<Outcome>, Error> {
        let weight = batch.weight();
        if self.waiting.load(Ordering::Relaxed) + weight > QUEUE_BYTES.max(weight) {
            return Err(Error::Busy(Some(BUSY_AFTER)));
        }
        let (reply, answer) = oneshot::channel();
        self.waiting.fetch_add(weight, Ordering::Relaxed);
        self.sender.try_send(Job { batch, reply }).map_err(|refused| {
            self.waiting.fetch_sub(weight, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => Error::Busy(Some(BUSY_AFTER)),
                TrySendError::Disconnected(_) => Error::Unavailable("the database is closing".into()),
            }
        })?;
        Ok(answer)
    }
}

/// What the writer tells its engine.
pub(super) trait Owner: Send + 'static {
    /// The storage failed. No more is queued after this returns.
    fn broken(&self, why: &str);
    /// Nothing was written for a while: whether to close. If so, no more is queued after this returns.
    fn may_close(&self) -> bool;
}

pub(super) struct Writer<O> {
    database: Arc<Database>,
    jobs: Receiver<Job>,
    waiting: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    owner: O,
}

/// Starts the writer's thread.
pub(super) fn start<O: Owner>(
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    owner: O,
) -> std::io::Result<(Queue, JoinHandle<()>)> {
    let (sender, jobs) = sync_channel(QUEUE);
    let waiting = Arc::new(AtomicUsize::new(0));
    let writer = Writer { database, jobs, waiting: waiting.clone(), clock, observer, owner };
    let thread = std::thread::Builder::new().name("mecha-writer".into()).spawn(move || writer.run())?;
    Ok((Queue { sender, waiting }, thread))
}

impl<O: Owner> Writer<O> {
    fn run(self) {
        let panic = Panic(&self.owner);
        let broken = self.work();
        drop(panic);
        if let Err(broken) = broken {
            self.owner.broken(&broken.why);
            self.refuse_the_rest(&broken);
        }
    }

    /// Until nobody can queue anything any more, or the storage fails.
    fn work(&self) -> Result<(), Broken> {
        let mut swept = began();
        loop {
            match self.jobs.recv_timeout(TICK) {
                // A writer that is never idle sweeps too.
                Ok(first) if swept.elapsed() > TICK => {
                    swept = began();
                    self.group(first)?;
                    self.clear_away()?;
                }
                Ok(first) => self.group(first)?,
                Err(RecvTimeoutError::Timeout) => self.idle()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn group(&self, first: Job) -> Result<(), Broken> {
        let mut weight = first.batch.weight();
        let (mut batches, mut replies) = (vec![first.batch], vec![first.reply]);
        while batches.len() < GROUP && weight < GROUP_BYTES {
            let Ok(job) = self.jobs.try_recv() else { break };
            weight += job.batch.weight();
            batches.push(job.batch);
            replies.push(job.reply);
        }
        self.waiting.fetch_sub(weight, Ordering::Relaxed);
        let started = began();
        match self.database.commit(self.clock.now(), &batches) {
            Ok(outcomes) => {
                self.observer.committed(batches.len(), started.elapsed());
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // A caller that has given up is not told.
                    _ = reply.send(outcome);
                }
                Ok(())
            }
            Err(broken) => {
                for reply in replies {
                    _ = reply.send(Err(broken.clone().into()));
                }
                Err(broken)
            }
        }
    }

    fn idle(&self) -> Result<(), Broken> {
        // If there was something there may be more; but whoever waits to write comes first.
        if self.clear_away()? {
            return Ok(());
        }
        if self.owner.may_close() {
            // Whoever took a handle just before may still push: serve them until they are gone.
            while let Ok(job) = self.jobs.recv() {
                self.group(job)?;
            }
        }
        Ok(())
    }

    /// Removes what has expired, as much as one commit may; whether there was anything.
    fn clear_away(&self) -> Result<bool, Broken> {
        let any = self.database.has_expired(self.clock.now())?;
        if any {
            self.database.sweep(self.clock.now(), SWEEP)?;
        }
        Ok(any)
    }

    fn refuse_the_rest(self, broken: &Broken) {
        // Dropped first, so that the file can be opened again.
        drop(self.database);
        while let Ok(job) = self.jobs.recv() {
            _ = job.reply.send(Err(Error::Unavailable(broken.why.clone())));
        }
    }
}

/// A writer that panics must not look as if it could still write.
struct Panic<'a, O: Owner>(&'a O);

impl<O: Owner> Drop for Panic<'_, O> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken("the writer panicked");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a duration for the operator's metrics: nothing depends on it")]
fn began() -> Instant {
    Instant::now()
}
