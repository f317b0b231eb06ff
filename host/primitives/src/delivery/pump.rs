//! Runs attempts at what a source has, as many at once as there are permits.
//!
//! The permit comes before the next lease: that is the backpressure. An attempt ends with a settlement, which is tried
//! again while storage is in trouble; if it cannot be settled at all, its lease runs out and it comes again.

use std::{num::NonZero, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;

use super::{Outcome, Settled, Source};
use crate::{clock::Clock, commit};

/// Makes attempts.
#[async_trait]
pub trait Attempts<I>: Send + Sync + 'static {
    /// The right to one attempt.
    type Permit: Send + 'static;

    /// Waits for a permit.
    async fn permit(&self) -> Self::Permit;

    /// A further permit, if there is one right now: what is leased together shares a commit.
    fn free_permit(&self) -> Option<Self::Permit> {
        None
    }

    /// One attempt at some items, which are one unless batches were asked for: an outcome for each.
    async fn attempt(&self, items: &[I], permit: Self::Permit) -> Vec<Ended>;

    /// Hears what became of an item.
    fn settled(&self, item: &I, outcome: &Outcome, settled: &Settled);

    /// Hears that storage is in the way.
    fn hindered(&self, error: &commit::Error);
}

/// How an attempt at an item ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It is to be settled so.
    Outcome(Outcome),
    /// It was settled within the attempt's own commit.
    Settled(Settled),
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self::Outcome(outcome)
    }
}

/// How much is attempted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Attempts at once.
    pub concurrency: NonZero<usize>,
    /// Items in one attempt.
    pub batch: NonZero<usize>,
    /// How long a batch may wait to become full.
    pub fill: Duration,
}

impl Pace {
    /// One at a time, this many at once.
    #[must_use]
    pub fn single(concurrency: NonZero<usize>) -> Self {
        Self { concurrency, batch: NonZero::<usize>::MIN, fill: Duration::ZERO }
    }
}

/// Attempts that begin with one lease.
const TOGETHER: usize = 64;
/// A batch that holds so many bytes waits for no more.
const HEAVY: usize = 4 << 20;
/// After storage was in the way.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a settlement is tried, each time after twice as long a pause.
const SETTLEMENTS: u32 = 6;
/// After a look that found nothing although something was due.
const BLINK: Duration = Duration::from_millis(1);

/// Pumps until `stop`, then finishes the attempts that have begun.
pub async fn pump<S: Source, A: Attempts<S::Item>>(
    source: Arc<S>,
    attempts: Arc<A>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut pump = Pump { source, attempts, pace, clock, stop, running: FuturesUnordered::new(), barren: 0 };
    while !pump.stop.is_cancelled() {
        pump.step().await;
    }
    while pump.running.next().await.is_some() {}
}

struct Pump<S, A> {
    source: Arc<S>,
    attempts: Arc<A>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    /// Ends every wait. A lease that has begun is never dropped half way: it is taken, and worked on.
    stop: CancellationToken,
    running: FuturesUnordered<BoxFuture<'static, ()>>,
    /// How often in a row something was due that could not be had.
    barren: u32,
}

impl<S: Source, A: Attempts<S::Item>> Pump<S, A> {
    /// One lease and the beginning of its attempt, or a wait.
    async fn step(&mut self) {
        if self.running.len() >= self.pace.concurrency.get() {
            self.running.next().await;
            return;
        }
        let permit = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            permit = self.attempts.permit() => permit,
            Some(()) = self.running.next() => return,
        };
        let permits = self.permits(permit);
        match self.next(permits.len()).await {
            Ok(items) if items.is_empty() => {
                drop(permits);
                self.idle().await;
            }
            Ok(items) => {
                self.barren = 0;
                self.begin(items, permits);
            }
            Err(error) => {
                drop(permits);
                self.attempts.hindered(&error);
                self.pause(PAUSE).await;
            }
        }
    }

    /// One permit for each attempt that may begin now. A batch is one attempt.
    fn permits(&self, first: A::Permit) -> Vec<A::Permit> {
        let mut permits = vec![first];
        let places = self.pace.concurrency.get().saturating_sub(self.running.len()).min(TOGETHER);
        while self.pace.batch.get() == 1 && permits.len() < places {
            match self.attempts.free_permit() {
                Some(permit) => permits.push(permit),
                None => break,
            }
        }
        permits
    }

    /// Begins the attempts at what was leased.
    fn begin(&mut self, items: Vec<S::Item>, permits: Vec<A::Permit>) {
        let is_batch = self.pace.batch.get() > 1;
        let parts: Vec<_> =
            if is_batch { vec![items] } else { items.into_iter().map(|item| vec![item]).collect() };
        for (items, permit) in parts.into_iter().zip(permits) {
            let (source, attempts) = (self.source.clone(), self.attempts.clone());
            self.running.push(attempt(source, attempts, self.clock.clone(), items, permit).boxed());
        }
        // They begin now, whatever comes first hereafter.
        _ = self.running.next().now_or_never();
    }

    /// Leases for so many attempts, or for one at a batch, which waits a while for more if it is not full.
    async fn next(&mut self, attempts: usize) -> Result<Vec<S::Item>, commit::Error> {
        let size = self.pace.batch.get().max(attempts);
        let mut items = self.take(size).await?;
        if items.is_empty() || items.len() >= size || self.pace.fill.is_zero() {
            return Ok(items);
        }
        let full = self.clock.now() + self.pace.fill;
        let source = self.source.clone();
        let weight = |items: &[S::Item]| items.iter().map(|item| source.weight(item)).sum::<usize>();
        while items.len() < size && weight(&items) < HEAVY && self.clock.now() < full {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = self.source.changed() => {}
                () = self.clock.sleep_until(full) => {}
                Some(()) = self.running.next() => continue,
            }
            match self.take(size - items.len()).await {
                Ok(more) => items.extend(more),
                // What is leased already is to be worked on.
                Err(_) => break,
            }
        }
        Ok(items)
    }

    /// Leases, while the attempts that have begun go on.
    async fn take(&mut self, max: usize) -> Result<Vec<S::Item>, commit::Error> {
        let source = self.source.clone();
        let taking = source.take(max);
        tokio::pin!(taking);
        loop {
            tokio::select! {
                biased;
                taken = &mut taking => return taken,
                Some(()) = self.running.next() => {}
            }
        }
    }

    /// Waits for something to do.
    async fn idle(&mut self) {
        let due = self.source.next_due().await;
        let now = self.clock.now();
        let due = match due {
            Ok(Some(due)) if due <= now => {
                self.barren += 1;
                Some(now + (BLINK * (1 << self.barren.min(10))).min(PAUSE))
            }
            Ok(due) => due,
            Err(error) => {
                self.attempts.hindered(&error);
                Some(now + PAUSE)
            }
        };
        let sleep = async {
            match due {
                Some(due) => self.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.source.changed() => return,
                () = &mut sleep => return,
                Some(()) = self.running.next() => {}
            }
        }
    }

    async fn pause(&mut self, by: Duration) {
        let sleep = self.clock.sleep_until(self.clock.now() + by);
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = &mut sleep => return,
                Some(()) = self.running.next() => {}
            }
        }
    }
}

async fn attempt<S: Source, A: Attempts<S::Item>>(
    source: Arc<S>,
    attempts: Arc<A>,
    clock: Arc<dyn Clock>,
    items: Vec<S::Item>,
    permit: A::Permit,
) {
    let mut outcomes = attempts.attempt(&items, permit).await.into_iter();
    let settlements = items.iter().map(|item| {
        let missing = || Outcome::Retry { after: None, why: "the handler gave no outcome for it".into() };
        let ended = outcomes.next().unwrap_or_else(|| missing().into());
        settle(&*source, &*attempts, &*clock, item, ended)
    });
    // All at once, so that they share a commit.
    futures_util::future::join_all(settlements).await;
}

async fn settle<S: Source, A: Attempts<S::Item>>(
    source: &S,
    attempts: &A,
    clock: &dyn Clock,
    item: &S::Item,
    ended: Ended,
) {
    let outcome = match ended {
        Ended::Outcome(outcome) => outcome,
        Ended::Settled(settled) => return attempts.settled(item, &Outcome::Done, &settled),
    };
    for failed in 0..SETTLEMENTS {
        match source.settle(item, outcome.clone()).await {
            Ok(settled) => return attempts.settled(item, &outcome, &settled),
            Err(error) => {
                attempts.hindered(&error);
                clock.sleep_until(clock.now() + PAUSE.saturating_mul(1 << failed)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
