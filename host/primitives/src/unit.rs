//! A unit of work: what an atomic call reads and writes, held back until it is known whether the call succeeds.
//!
//! A [`Unit`] is an [`Engine`] over another one. Its snapshots show one moment of that engine with the unit's own
//! writes over it, and what is read through them is remembered. Its `commit` judges a batch against the same view, and
//! holds its changes back. So every primitive works in an atomic call as it does outside of one, over another engine.
//! In the end [`commit`](Unit::commit) gives all of it to the engine as one batch, which is refused if anything that was
//! read has changed since: then the call is to be run again, from the beginning, with a new unit.
//!
//! ```text
//!   store · topic · jobs · settlement          Transactions: run, commit, run again
//!            │ snapshot, commit                            │ commit
//!            ▼                                             ▼
//!          Unit ── reads, writes, appends, acts ──▶ one Batch ──▶ Engine
//! ```
//!
//! | module | idea |
//! |---|---|
//! | `held` | what is remembered and held back, within bounds, and back to a savepoint |
//! | `view` | the engine's moment with the unit's own writes over it |
//! | `judge` | batches against that view |
//! | `savepoints` | parts that can be undone alone |
//! | `contended` | turns with the keys that calls race for |
//! | [`transactions`] | calls that are run again until they commit |
//! | [`conformance`] | a test for each law |

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    clock::Timestamp,
    commit::{Action, Batch, Change, Committed, Engine, Error, Room, Snapshot, Span},
};
use async_trait::async_trait;
use bytes::Bytes;

pub mod conformance;
mod contended;
mod held;
mod judge;
mod savepoints;
pub mod transactions;
mod view;

pub use held::Bounds;
use held::{Act, Held};
use savepoints::Mark;
pub use transactions::{Failed, Observer, Run, Transactions};

/// What an atomic call reads and writes. Cheap to clone: all clones are the same unit.
///
/// It differs from the engine below it in four points: a snapshot shows what the unit does later, too; a commit is
/// judged, but not yet durable, so it has no number; quotas are judged at the end only; and what was appended or counted
/// down is not seen before it, so a key of these is not to be read or written through the same unit in another way.
///
/// # Laws                                                                    checked by
/// - All of it happens, or none.                                              `all_of_a_unit_or_none`
/// - Before its commit nobody sees anything of it.                            `nobody_sees_what_is_held`
/// - Reads agree with each other while others commit.                         `reads_are_of_one_moment`
/// - Its own writes are seen, in listings too.                                `its_own_writes_are_seen`
/// - What was read and changed since refuses it, absent keys included.        `a_changed_read_refuses_the_unit`
/// - So does a record that came into a listed range.                          `a_phantom_refuses_the_unit`
/// - Records beyond the page that was listed do not, while there is one.      `what_was_not_listed_does_not_matter`
/// - What was peeked at may change.                                           `what_was_peeked_at_may_change`
/// - Additions that nobody reads do not conflict.                             `blind_additions_do_not_conflict`
/// - What a nested call did is undone alone.                                  `a_nested_call_is_undone_alone`
/// - Acts come after the commit, and not without it.                          `acts_come_after_the_commit`
/// - Who makes room in a full account is asked.                               `room_is_made`
/// - What it holds is bounded, and a batch is held as a whole or not at all.  `what_is_held_is_bounded`
/// - A unit that changes nothing needs no commit.                             `reading_needs_no_commit`
/// - After its commit nothing is held any more.                               `nothing_is_held_after_the_commit`
/// - Appended records keep the order in which they were made.                 `appended_records_keep_their_order`
/// - What it commits is what its steps would have left.                       `a_unit_does_what_its_steps_would`
#[derive(Clone)]
pub struct Unit(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    /// The moment at which its own writes expire, or do not yet.
    now: Timestamp,
    /// What the engine held at the first read, until the commit: the engine need not keep it for longer.
    base: Mutex<Option<Arc<dyn Snapshot>>>,
    /// Held for a few lines, never across an await: a std mutex is right.
    held: Mutex<Held>,
    /// Held while a batch is judged.
    judging: tokio::sync::Mutex<()>,
}

impl Unit {
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, now: Timestamp, bounds: Bounds) -> Self {
        let held = Mutex::new(Held::new(bounds));
        Self(Arc::new(Inner {
            engine,
            now,
            base: Mutex::default(),
            held,
            judging: tokio::sync::Mutex::default(),
        }))
    }

    /// The unit as an engine, for the primitives.
    #[must_use]
    pub fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    /// Makes everything happen that the unit holds, or nothing. Once this is polled, it may happen even if it is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::Stale`] if something that was read has changed. Otherwise those of the engine; after
    /// [`Error::Unknown`] it may have happened.
    pub async fn commit(&self, deadline: Timestamp) -> Result<(), Error> {
        let (batch, rooms, acts) = self.held().finish()?;
        let mut acts = Acts { acts, due: Due::Now, engine: &*self.0.engine };
        if batch.changes.is_empty() {
            // What was read was true at one moment, and nothing depends on it later.
            return Ok(());
        }
        drop(self.base_slot().take());
        let again = !rooms.is_empty()
            || batch.changes.iter().any(|change| matches!(change.action, Action::Add { .. }));
        let mut batch = batch;
        loop {
            let kept = if again { batch.clone() } else { Batch::default() };
            acts.due = Due::Later;
            let outcome = self.0.engine.commit(std::mem::replace(&mut batch, kept)).await;
            acts.due = Due::Now;
            let error = match outcome {
                Ok(_) => return Ok(()),
                // It may be there: the acts say so.
                Err(error @ Error::Unknown(_)) => return Err(error),
                Err(error) => error,
            };
            acts.due = Due::Never;
            let room = match &error {
                Error::Quota { account, .. } => rooms.get(account),
                _ => None,
            };
            let has_room = match room {
                Some(room) => room.make(deadline).await,
                None => false,
            };
            if !has_room {
                return Err(changed_since(error, &batch));
            }
        }
    }

    /// Begins a part that can be undone alone: it is, when the savepoint is dropped without [`keep`](Savepoint::keep).
    pub fn savepoint(&self) -> Savepoint {
        Savepoint { mark: Some(self.held().mark()), unit: self.clone() }
    }

    pub(super) fn is_of(&self, engine: &Arc<dyn Engine>) -> bool {
        Arc::ptr_eq(&self.0.engine, engine)
    }

    /// How many reads are remembered and writes held, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.held().size()
    }

    /// Of what it changes, and of where it began to list, the first in which something is found.
    fn find_wanted<T>(&self, find: impl FnMut(&Bytes) -> Option<T>) -> Option<T> {
        self.held().wanted().find_map(find)
    }

    /// What it has listed.
    fn listed(&self) -> Vec<Span> {
        self.held().spans().map(|seen| seen.span.clone()).collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Every critical section leaves it whole.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn base(&self) -> Result<Arc<dyn Snapshot>, Error> {
        if let Some(base) = &*self.base_slot() {
            return Ok(base.clone());
        }
        let first = Arc::from(self.0.engine.snapshot().await?);
        Ok(self.base_slot().get_or_insert(first).clone())
    }

    fn base_slot(&self) -> MutexGuard<'_, Option<Arc<dyn Snapshot>>> {
        self.0.base.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Engine for Unit {
    fn is_durable(&self) -> bool {
        self.0.engine.is_durable()
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        Ok(Box::new(self.clone()))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        self.judge(batch).await
    }

    fn afterwards(&self, act: Box<dyn FnOnce() + Send>) {
        self.held().act(act);
    }

    fn on_full(&self, account: Bytes, room: Arc<dyn Room>) {
        self.held().rooms.insert(account, room);
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = self.size();
        write!(f, "Unit({entries} entries, {bytes} bytes)")
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.engine.fmt(f)
    }
}

/// A part of a unit that is undone unless it is kept.
#[must_use]
pub struct Savepoint {
    unit: Unit,
    mark: Option<Mark>,
}

impl Savepoint {
    pub fn keep(mut self) {
        if let Some(mark) = self.mark.take() {
            self.unit.held().keep(&mark);
        }
    }
}

impl Drop for Savepoint {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            let undone = self.unit.held().undo(&mark);
            drop(undone);
        }
    }
}

/// What a refusal means to the call. An addition that nobody has read was possible when it was made: that it is not any
/// more is a change like others.
fn changed_since(error: Error, batch: &Batch) -> Error {
    match error {
        Error::NotANumber { change } | Error::Overflow { change } => match batch.changes.get(change) {
            Some(Change { key, action: Action::Add { .. }, .. }) => Error::Stale { key: key.clone() },
            _ => error,
        },
        error => error,
    }
}

/// What is to be done after the commit: also if nobody waits for its end, since it may have happened.
struct Acts<'e> {
    acts: Vec<Act>,
    due: Due,
    engine: &'e dyn Engine,
}

enum Due {
    Now,
    /// The commit is on its way, and may come when nobody waits for it any more.
    Later,
    Never,
}

impl Drop for Acts<'_> {
    fn drop(&mut self) {
        let acts = std::mem::take(&mut self.acts);
        match self.due {
            Due::Now => acts.into_iter().for_each(|act| act()),
            Due::Later => self.engine.when_written(Box::new(|| acts.into_iter().for_each(|act| act()))),
            Due::Never => {}
        }
    }
}
