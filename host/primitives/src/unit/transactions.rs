//! Calls that are run, committed, and run again when others were first.

use std::{fmt, num::NonZero, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Bounds, Unit,
    contended::{Contended, Line, Turn},
};
use crate::{
    clock::{Clock, Timestamp},
    commit::{Engine, Error, Span},
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
///
/// A call that lost a race for a key waits for its turn with it, and is run again in its turn. Others who would change
/// that key meanwhile wait, too, before they commit: so who has waited is not overtaken. Nobody waits who has a turn, and
/// nobody has two: there is no circle of waiting.
///
/// # Laws                                                                    checked by
/// - Transfers keep the sum, at every read.                                   `transfers_keep_the_sum`
/// - Two calls that read both rows do not each clear one.                     `write_skew_does_not_occur`
/// - Two calls that list a range do not both insert into it.                  `phantoms_do_not_occur`
/// - Many calls for one key all happen, one after the other.                  `calls_for_one_key_take_turns`
/// - So do many calls for one range.                                          `calls_for_one_range_take_turns`
/// - Calls that add without a look do not run again.                          `blind_additions_run_once`
/// - A call that fails leaves nothing.                                        `a_discarded_call_leaves_nothing`
/// - A call that gives up says which key it lost, and has been heard of.      `who_gives_up_names_the_key`
/// - A call is not run again after its deadline.                              `a_deadline_ends_the_runs`
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

/// How long a call waits at the most for its turn, before it goes on all the same: one that is slow in its turn must not
/// stop the others.
const TURN: Duration = Duration::from_secs(2);

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
        let mut turn: Option<Turn> = None;
        let mut runs = 0;
        loop {
            runs += 1;
            let unit = Unit::new(self.engine.clone(), self.clock.now(), self.options.bounds);
            let value = match call(unit.clone()).await {
                Run::Keep(value) => value,
                Run::Discard(value) => return Ok(value),
            };
            if turn.is_none()
                && let Some(line) = self.taken_line(&unit)
            {
                turn = self.turn(line, deadline).await;
            }
            let listed = unit.listed();
            let key = match unit.commit(deadline).await {
                Ok(()) => return Ok(value),
                Err(Error::Stale { key }) => key,
                Err(error) => return Err(Failed::Commit(error)),
            };
            self.observer.conflicted(&key);
            if runs >= self.options.runs.get() {
                return Err(Failed::Busy { runs, key });
            }
            let line = line(&key, &listed);
            if turn.as_ref().is_none_or(|turn| turn.line != line) {
                drop(turn.take());
                turn = self.turn(line, deadline).await;
            }
            if self.clock.now() >= deadline {
                return Err(Failed::Busy { runs, key });
            }
        }
    }

    /// A line in which somebody has a turn whom this unit could overtake.
    fn taken_line(&self, unit: &Unit) -> Option<Line> {
        let is_taken = |line: &Line| self.contended.is_taken(*line);
        let wanted = |key: &Bytes| Some(Line::of(key)).filter(is_taken);
        self.contended.is_any_taken().then(|| unit.find_wanted(wanted)).flatten()
    }

    /// Waits for a turn, and a little by lot if that takes too long.
    async fn turn(&self, line: Line, deadline: Timestamp) -> Option<Turn> {
        let until = (self.clock.now() + TURN + Duration::from_millis(self.random.next() % 20)).min(deadline);
        tokio::select! {
            biased;
            turn = self.contended.turn(line) => Some(turn),
            () = self.clock.sleep_until(until) => None,
        }
    }
}

/// Where those wait who lost this key. Records that came into a listed range have keys of their own, each another one: it
/// is the range that calls race for.
fn line(key: &Bytes, listed: &[Span]) -> Line {
    let is_within = |span: &&Span| *key >= span.start && span.end.as_ref().is_none_or(|end| key < end);
    Line::of(listed.iter().find(is_within).map_or(key, |span| &span.start))
}
