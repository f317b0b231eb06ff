//! One group's events on one topic: which are due, who has them, what became of them.
//!
//! An entry is in one of three places: ready, waiting for a time, leased. Taking moves it to `leased` under the time at
//! which the lease runs out, and settling removes it or moves it to `waiting`. So a delay, a retry and a lease that ran
//! out are found in the same way, by their time, and nothing needs a timer of its own.
//!
//! | module | idea |
//! |---|---|
//! | `search` | what is due |
//! | `taking` | from due to leased |
//! | `settlement` | the end of a lease |
//! | `cursors` | how far the queue has looked: all that it has in memory, and that does not grow with the backlog |
//!
//! A process has one queue for a group and a topic, whoever shares it: another one would not hear which ordering keys
//! are free again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    layout::{GroupKeys, Stored, TopicKeys, within},
    topic::Topic,
};
use crate::{
    clock::{Clock, Timestamp},
    commit::{self, Budget, Engine, Span, Stamp, Version},
    delivery::{Outcome, Retry, Settled},
    name,
    random::Random,
};

mod cursors;
mod forget;
mod search;
mod settlement;
mod taking;

use cursors::Cursors;
use settlement::{Attempt, Leased};

/// How a group treats its events.
#[derive(Debug, Clone)]
pub struct Options {
    pub retry: Retry,
    /// How long an attempt may take before its event goes to another.
    pub lease: Duration,
    /// Where events go that are given up. `None`: nowhere.
    pub dead_letters: Option<Arc<Topic>>,
}

/// A group's events on one topic.
///
/// # Laws                                                                       checked by
/// - An event is with one attempt at a time.                                     `an_event_is_leased_once`
/// - A lease that has run out goes to another attempt, and counts.               `a_lease_that_ran_out_goes_on`
/// - Settled is settled, across restarts; all else comes again.                  `what_was_not_settled_comes_again`
/// - A lease that went to another attempt settles nothing.                       `a_stale_lease_settles_nothing`
/// - In a unit of work it is settled with the commit, or not at all.             `a_unit_settles_with_its_commit`
/// - A unit whose lease has gone does nothing.                                   `a_unit_without_its_lease_does_nothing`
/// - Of a unit of which nobody knows, settling once more tells.                  `a_unit_of_which_nobody_knows_is_told`
/// - A settlement of which nobody knows is told when it is tried again.          `a_settlement_is_told_in_the_end`
/// - A lease of which nobody knows is not counted as an attempt.                 `a_lease_of_nobody_is_no_attempt`
/// - With one key: in the order of publication, one at a time, retries included. `order_holds_per_key`
/// - What comes behind an entry of its key goes on, however that one ended.      `a_key_is_never_stuck`
/// - No key, and no retry, keeps others from their turn.                         `nothing_starves`
/// - Nothing comes before its time.                                              `a_delay_is_waited_for`
/// - What became due late is found, whatever was found before.                   `what_comes_late_is_found`
/// - What outlived its time to live is not delivered; what has begun is settled. `what_outlived_its_time_is_gone`
/// - What was not attempted goes back uncounted.                                 `what_was_returned_is_not_counted`
/// - What is given up is in the dead-letter topic, as it was published.          `what_is_given_up_is_a_dead_letter`
/// - Also if that is on another engine: once, unless it was never told.          `a_dead_letter_may_be_elsewhere`
/// - If there is no room for it, it stays in its queue.                          `a_dead_letter_waits_for_room`
/// - An event is kept until its last group has settled it.                       `an_event_goes_with_its_last_group`
/// - What cannot be read stays, is told, and holds up nothing but its key.       `what_cannot_be_read_is_told`
/// - A `take` that is dropped half way has taken nothing.                        `a_dropped_take_takes_nothing`
/// - What a topic holds is gone when all is settled.                             `nothing_is_left_behind`
/// - A group that is forgotten keeps nothing.                                    `a_forgotten_group_holds_nothing`
pub struct Queue {
    topic: name::Topic,
    group: name::Group,
    topic_keys: TopicKeys,
    keys: GroupKeys,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: Options,
    /// Of this process: leases of another are void, since an engine belongs to one at a time.
    owner: u64,
    cursors: Arc<Mutex<Cursors>>,
    /// One at a time takes: what a take has found is not to be moved by another.
    taking: tokio::sync::Mutex<()>,
    changed: Arc<Notify>,
    room: Arc<Notify>,
}

/// An event that is leased to an attempt.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub topic: name::Topic,
    pub event: Stored,
    /// 1 for the first attempt.
    pub attempt: u32,
    pub leased_until: Timestamp,
    leased: Leased,
    /// Settlements of which it is unknown whether they happened.
    unsure: Arc<Mutex<Vec<Attempt>>>,
}

impl Delivery {
    /// The number of the event in its topic.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.leased.stamp
    }
}

impl Queue {
    pub fn new(
        topic: &Topic,
        group: name::Group,
        changed: Arc<Notify>,
        options: Options,
        owner: u64,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            topic: topic.name().clone(),
            keys: topic.keys().group(&group),
            group,
            topic_keys: topic.keys().clone(),
            engine: topic.engine().clone(),
            clock,
            random,
            options,
            owner,
            cursors: Arc::default(),
            taking: tokio::sync::Mutex::default(),
            changed,
            room: topic.room(),
        }
    }

    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        // Every critical section leaves the cursors whole.
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self) -> Version {
        Version::new(self.random.call_id(), 0, 0)
    }

    /// Settles what a process that has ended had leased: those attempts count, and failed.
    ///
    /// # Errors
    /// Those of the engine. What was settled until then stays so.
    pub async fn recover(&self) -> Result<(), commit::Error> {
        let others = |lost: &Leased| lost.entry.owner != self.owner;
        self.fail(within(&self.keys.leased()), others, "the host ended during the attempt").await
    }

    /// Leases what is due, up to `max` and to some megabytes. Empty only if nothing is due.
    ///
    /// # Errors
    /// Those of the engine, and one for an event that cannot be read: then nothing was leased.
    pub async fn take(&self, max: usize) -> Result<Vec<Delivery>, commit::Error> {
        self.try_take(max).await
    }

    /// Ends a lease.
    ///
    /// # Errors
    /// Those of the engine. It may be tried again.
    pub async fn settle(&self, delivery: &Delivery, outcome: Outcome) -> Result<Settled, commit::Error> {
        self.settle_delivery(delivery, outcome).await
    }

    /// Ends a lease as done within a unit of work: when that is committed, and if the lease is this attempt's still.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn settle_over(
        &self,
        engine: &Arc<dyn Engine>,
        delivery: &Delivery,
    ) -> Result<Settled, commit::Error> {
        self.settle_delivery_over(&**engine, delivery).await
    }

    /// When the next entry may be due, if nothing changes.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, commit::Error> {
        let mut first = self.cursors().has_work().then(|| self.clock.now());
        let snapshot = self.engine.snapshot().await?;
        for prefix in [self.keys.waiting(), self.keys.leased(), self.keys.lapses()] {
            let (found, _) = snapshot.scan(&within(&prefix), ONE).await?;
            first = first.into_iter().chain(found.first().and_then(|(key, _)| self.keys.time(key))).min();
        }
        Ok(first)
    }

    /// Resolves when there may be something new.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    #[must_use]
    pub fn topic(&self) -> &name::Topic {
        &self.topic
    }
}

const ONE: Budget = Budget { records: 1, bytes: 1, values: false };

/// What has a time in its key that has come.
fn until(prefix: &Bytes, start: Option<Bytes>, now: Timestamp) -> Span {
    let end = [&**prefix, &now.0.saturating_add(1).to_be_bytes()].concat();
    Span { start: start.unwrap_or_else(|| prefix.clone()), end: Some(end.into()), reverse: false }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({}, {})", self.topic, self.group)
    }
}
