//! Calls that are run, committed, and run again when others were first.

use std::{fmt, num::NonZero, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use super::{Bounds, Unit, contended::Contended};
use crate::{
    clock::{Clock, Timestamp},
    commit::{Engine, Error},
    random::Random,
};

/// What a call's run has come to.
#[derive(Debug)]
pub enum Run<T> {
    /// What it did is to happen.
    Keep(T),
    /// It failed: nothing of it is to happen.
    Discard(T),
}

/// Why a call that succeeded did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failed {
    /// Others changed what it had read, again and again.
    #[error(
        "others changed what it read, in each of {runs} runs; the last time {}",
        String::from_utf8_lossy(key)
    )]
    Busy { runs: u32, key: Bytes },
    /// The engine refused it, or it is unknown whether it happened.
    #[error("the commit failed: {0}")]
    Commit(#[source] Error),
}

/// Hears of conflicts, for the operator.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A run was in vain, since another commit had changed what is under this key.
    fn conflicted(&self, key: &[u8]);
}

/// Makes transactions of calls, on one engine.
#[derive(Debug)]
pub struct Transactions {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    observer: Arc<dyn Observer>,
    options: Options,
    contended: Contended,
}

/// How calls are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Runs of one call at the most.
    pub runs: NonZero<u32>,
    pub bounds: Bounds,
}

impl Default for Options {
    fn default() -> Self {
        Self { runs: NonZero::new(5).unwrap_or(NonZero::<u32>::MIN), bounds: Bounds::default() }
    }
}

/// How long a call waits at the most for its turn with a key, before it is run all the same.
const TURN: Duration = Duration::from_millis(250);

impl Transactions {
    pub fn new(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        observer: Arc<dyn Observer>,
        options: Options,
    ) -> Self {
        Self { engine, clock, random, observer, options, contended: Contended::default() }
    }

    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Whether a unit is of the same engine: then a call of this can be a part of it.
    #[must_use]
    pub fn is_on(&self, unit: &Unit) -> bool {
        unit.is_of(&self.engine)
    }

    /// Runs a call with a unit of work of its own, and commits it; and once more from the beginning, each time that
    /// something which it read has changed meanwhile.
    ///
    /// # Errors
    /// If it succeeded, but did not happen. After [`Error::Unknown`] it may have.
    pub async fn run<T, F>(
        &self,
        deadline: Timestamp,
        mut call: impl FnMut(Unit) -> F + Send,
    ) -> Result<T, Failed>
    where
        F: Future<Output = Run<T>> + Send,
        T: Send,
    {
        let mut turn = None;
        let mut runs = 0;
        loop {
            runs += 1;
            let unit = Unit::new(self.engine.clone(), self.clock.now(), self.options.bounds);
            let value = match call(unit.clone()).await {
                Run::Keep(value) => value,
                Run::Discard(value) => return Ok(value),
            };
            let key = match unit.commit(deadline).await {
                Ok(()) => return Ok(value),
                Err(Error::Stale { key }) => key,
                // What was added to is no number any more: that is seen when it is run again.
                Err(Error::NotANumber { .. } | Error::Overflow { .. } | Error::Conflict { .. }) => {
                    Bytes::new()
                }
                Err(error) => return Err(Failed::Commit(error)),
            };
            self.observer.conflicted(&key);
            drop(turn.take());
            if runs >= self.options.runs.get() || self.clock.now() >= deadline {
                return Err(Failed::Busy { runs, key });
            }
            turn = self.turn(&key, deadline).await;
        }
    }

    /// Waits for a turn with the key that was lost, and a little by lot.
    async fn turn(&self, key: &[u8], deadline: Timestamp) -> Option<OwnedMutexGuard<()>> {
        let until = (self.clock.now() + TURN + Duration::from_millis(self.random.next() % 20)).min(deadline);
        tokio::select! {
            biased;
            turn = self.contended.turn(key) => Some(turn),
            () = self.clock.sleep_until(until) => None,
        }
    }
}
