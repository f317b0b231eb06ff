//! What is handed out, tried again and settled: an event, a tick, an input. They have one shape.
//!
//! A [`Source`] leases what is due to an attempt, and takes back how the attempt ended. Who runs attempts (see
//! [`pump`]) knows nothing of what they are about.
//!
//! Both the lease and the settlement are batches of the engine, and a settlement checks that the lease is still this
//! attempt's: one that comes too late changes nothing.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    commit::{self, Engine},
    random::Random,
};

pub mod inbox;
pub mod pump;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// To be tried again: after this long, or as the policy says.
    Retry { after: Option<Duration>, why: Arc<str> },
    /// Trying it again would not help.
    Reject { why: Arc<str> },
    /// There was no attempt (no permit, a shutdown): it goes back as it was, and is not counted.
    Returned,
}

impl Outcome {
    /// Why it is not done; empty if it is, or if there was no attempt.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Retry { why, .. } | Self::Reject { why } => why,
            Self::Done | Self::Returned => "",
        }
    }
}

/// What a settlement made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    Done,
    /// It will be tried again at this time.
    Later(Timestamp),
    /// It was given up: dead-lettered, or discarded if there is nowhere to.
    Dead,
    /// The lease had gone to another attempt, or what it was for is gone: nothing was changed.
    Stale,
}

/// When to try again, and when to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts at the most, the first included. `None`: no end.
    pub max_attempts: Option<u32>,
    /// No further attempt begins after this long, counted from when it first was due.
    pub max_age: Option<Duration>,
    /// Before the second attempt; doubled before every further one.
    pub min: Duration,
    /// Between two attempts at the most.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: Some(10),
            max_age: None,
            min: Duration::from_secs(1),
            max: Duration::from_secs(300),
        }
    }
}

/// The longest that a handler may ask to wait: what is asked for the end of all days would hold up its key for ever.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl Retry {
    /// When to try again after `attempt` (1 for the first) has failed at `now`; `None`: never. Without a time of the
    /// guest's, it is the exponential backoff with half of it drawn by lot, so that what failed together does not come
    /// again together.
    #[must_use]
    pub fn next(
        &self,
        attempt: u32,
        first_due: Timestamp,
        now: Timestamp,
        asked: Option<Duration>,
        random: &dyn Random,
    ) -> Option<Timestamp> {
        if self.max_attempts.is_some_and(|max| attempt >= max) {
            return None;
        }
        let at = now + asked.map_or_else(|| self.backoff(attempt, random), |asked| asked.min(LONGEST));
        let too_old = self.max_age.is_some_and(|age| at.since(first_due) > age);
        (!too_old).then_some(at)
    }

    fn backoff(&self, attempt: u32, random: &dyn Random) -> Duration {
        let doubled = self.min.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(self.max);
        let millis = u64::try_from(doubled.as_millis()).unwrap_or(u64::MAX);
        let half = millis / 2;
        Duration::from_millis(millis - half + random.next() % (half + 1))
    }
}

/// Where due things come from. Dropping a leased item loses nothing: its lease runs out.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Something that is leased to one attempt.
    type Item: Send + Sync + 'static;

    /// Leases what is due, up to `max`.
    async fn take(&self, max: usize) -> Result<Vec<Self::Item>, commit::Error>;

    /// Ends the lease.
    async fn settle(&self, item: &Self::Item, outcome: Outcome) -> Result<Settled, commit::Error>;

    /// Settles the item as done within a unit of work: when that is committed, and if the lease is this attempt's
    /// still. What cannot be settled there is marked there as consumed.
    async fn settle_over(
        &self,
        engine: &Arc<dyn Engine>,
        item: &Self::Item,
    ) -> Result<Settled, commit::Error>;

    /// Bytes that an item holds: a batch that waits for more does not gather without bound.
    fn weight(&self, _: &Self::Item) -> usize {
        0
    }

    /// When the next thing may be due, if nothing changes. `None`: not before something changes.
    async fn next_due(&self) -> Result<Option<Timestamp>, commit::Error>;

    /// Resolves when something has changed since the last time that this resolved.
    async fn changed(&self);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn backoff_doubles_up_to_its_maximum_with_half_of_it_by_lot() {
        let retry = Retry { max: 10 * SECOND, max_attempts: None, ..Retry::default() };
        let random = Seeded::new(1);
        for (attempt, whole) in [(1, 1000), (2, 2000), (3, 4000), (4, 8000), (5, 10_000), (60, 10_000)] {
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..50 {
                let at = retry.next(attempt, Timestamp(0), Timestamp(0), None, &random).unwrap().0;
                assert!((whole / 2..=whole).contains(&at), "{at} after attempt {attempt}");
                seen.insert(at);
            }
            assert!(seen.len() > 30, "they come again together");
        }
    }

    #[test]
    fn an_end_comes_with_attempts_and_with_age() {
        let random = Seeded::new(1);
        let retry = Retry { max_attempts: Some(3), max_age: Some(60 * SECOND), ..Retry::default() };
        let next = |attempt, now, asked| retry.next(attempt, Timestamp(0), Timestamp(now), asked, &random);
        assert!(next(2, 1000, None).is_some());
        assert_eq!(next(3, 1000, None), None);
        assert_eq!(next(1, 1000, Some(5 * SECOND)), Some(Timestamp(6000)), "the guest's own time counts");
        assert_eq!(next(1, 59_000, Some(5 * SECOND)), None, "it would be too old then");
        let longest = Retry::default().next(1, Timestamp(0), Timestamp(0), Some(Duration::MAX), &random);
        assert_eq!(longest, Some(Timestamp(0) + LONGEST), "the end of all days is not waited for");
    }
}
