//! The end of a lease: done, later, dead, or too late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Cursors, Delivery, Queue};
use crate::{
    clock::Timestamp,
    commit::{self, Action, Batch, Change, Engine, Expect, Quota, Stamp, Version},
    delivery::{Outcome, Settled},
    pubsub::{
        DeadLetter,
        layout::{Entry, KeyHash, Place, Release, Stored},
        topic::Topic,
    },
};

/// Characters of a reason that are kept with a dead letter.
const REASON: usize = 1000;

/// A lease, as a settlement needs it.
#[derive(Debug, Clone)]
pub(super) struct Leased {
    pub(super) until: Timestamp,
    pub(super) stamp: Stamp,
    pub(super) entry: Entry,
    pub(super) lease: Version,
}

/// A settlement of which it is unknown whether it happened.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    settled: Settled,
    /// Where the entry went with it, and as what.
    moved: Option<(Bytes, Version)>,
}

struct Settlement {
    changes: Vec<Change>,
    quotas: Vec<Quota>,
    /// What is to be changed before, if the dead-letter topic is on another engine.
    elsewhere: Option<(Arc<Topic>, Batch)>,
    attempt: Attempt,
    /// Who is to be told when it is committed.
    wake: Vec<Arc<Notify>>,
}

/// What becomes of a dead letter.
enum Buried {
    Yes,
    /// It cannot be read, or there is no room for it: the event stays here for now.
    NotNow,
}

impl Queue {
    pub(super) fn leased(&self, key: &[u8], found: &commit::Record) -> Option<Leased> {
        Some(Leased {
            until: self.keys.time(key)?,
            stamp: Stamp::of(key)?,
            entry: Entry::decode(&found.value)?,
            lease: found.version,
        })
    }

    pub(super) async fn settle_delivery(
        &self,
        delivery: &Delivery,
        outcome: Outcome,
    ) -> Result<Settled, commit::Error> {
        self.settle_lease(&delivery.leased, outcome, Some(&delivery.event), Some(&delivery.unsure)).await
    }

    pub(super) async fn settle_lease(
        &self,
        leased: &Leased,
        outcome: Outcome,
        event: Option<&Stored>,
        unsure: Option<&Mutex<Vec<Attempt>>>,
    ) -> Result<Settled, commit::Error> {
        // However it ends: what is behind it may have its turn, and it is looked at.
        let _freed = AtEnd(self.freed(leased));
        let settlement = self.settlement(leased, &outcome, event, false).await?;
        match self.commit(leased, settlement, unsure).await {
            Err(commit::Error::Quota { .. }) => {
                // The dead-letter topic is full: it stays here, where it counts against who publishes.
                let settlement = self.settlement(leased, &outcome, event, true).await?;
                self.commit(leased, settlement, unsure).await
            }
            other => other,
        }
    }

    /// Puts the settlement of something done into a unit of work. After a commit of which nobody knows whether it
    /// happened, [`settle_delivery`](Self::settle_delivery) tells: both expect the lease, so one of them happens at the
    /// most, and if the lease is gone, the unit's is among those that may have ended it.
    pub(super) async fn settle_delivery_over(
        &self,
        engine: &dyn Engine,
        delivery: &Delivery,
    ) -> Result<Settled, commit::Error> {
        let Delivery { leased, unsure, .. } = delivery;
        let Settlement { changes, attempt, .. } =
            self.settlement(leased, &Outcome::Done, None, false).await?;
        match engine.commit(Batch { changes, ..Batch::default() }).await {
            Ok(_) => {
                let (freed, unsure) = (self.freed(leased), unsure.clone());
                engine.afterwards(Box::new(move || {
                    unsure.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
                    freed.tell();
                }));
                Ok(Settled::Done)
            }
            Err(commit::Error::Conflict { change: 0, .. }) => Ok(Settled::Stale),
            Err(error) => Err(error),
        }
    }

    fn freed(&self, leased: &Leased) -> Freed {
        Freed {
            cursors: self.cursors.clone(),
            changed: self.changed.clone(),
            room: self.room.clone(),
            key: leased.entry.key,
        }
    }

    async fn commit(
        &self,
        leased: &Leased,
        settlement: Settlement,
        unsure: Option<&Mutex<Vec<Attempt>>>,
    ) -> Result<Settled, commit::Error> {
        let Settlement { changes, quotas, elsewhere, attempt, wake } = settlement;
        if let Some((topic, batch)) = elsewhere {
            // The dead letter is there before the event is gone here: it is never lost.
            match topic.engine().commit(batch).await {
                // It is there already, from a settlement that went no further.
                Ok(_) | Err(commit::Error::Conflict { change: 0, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let attempts = || unsure.map(|unsure| unsure.lock().unwrap_or_else(PoisonError::into_inner));
        let settled = attempt.settled.clone();
        attempts().into_iter().for_each(|mut attempts| attempts.push(attempt.clone()));
        let outcome = self.engine.commit(Batch { changes, quotas, ..Batch::default() }).await;
        let is_unknown = matches!(outcome, Err(commit::Error::Unknown(_)));
        if outcome.is_ok() || is_unknown {
            wake.iter().for_each(|changed| changed.notify_one());
        }
        if is_unknown {
            return Err(commit::Error::Unknown("the settlement may have happened".into()));
        }
        let before = attempts().map(|mut attempts| {
            attempts.pop();
            attempts.clone()
        });
        match outcome {
            Ok(_) => Ok(settled),
            Err(commit::Error::Conflict { change: 0, found: None }) => {
                self.which(leased, before.unwrap_or_default()).await
            }
            Err(commit::Error::Conflict { change: 0, .. }) => Ok(Settled::Stale),
            Err(error) => Err(error),
        }
    }

    /// Which of the settlements that nobody knows of has happened, if the lease is gone.
    async fn which(&self, leased: &Leased, unsure: Vec<Attempt>) -> Result<Settled, commit::Error> {
        if unsure.is_empty() {
            return Ok(Settled::Stale);
        }
        let snapshot = self.engine.snapshot().await?;
        for attempt in &unsure {
            if let Some((key, version)) = &attempt.moved
                && snapshot.get(key).await?.is_some_and(|found| found.version == *version)
            {
                return Ok(attempt.settled.clone());
            }
        }
        // Until it runs out nobody else ends a lease.
        let is_ours = self.clock.now() < leased.until;
        Ok(unsure.into_iter().next().filter(|_| is_ours).map_or(Settled::Stale, |attempt| attempt.settled))
    }

    /// The changes that settle a lease. The first of them checks that it is still this attempt's.
    async fn settlement(
        &self,
        leased: &Leased,
        outcome: &Outcome,
        event: Option<&Stored>,
        is_full: bool,
    ) -> Result<Settlement, commit::Error> {
        let (version, now) = (self.version(), self.clock.now());
        let key = self.keys.entry(Place::Leased(leased.until), leased.stamp);
        let expect = Some(Expect::Version(leased.lease));
        let mut settlement = Settlement {
            changes: vec![Change { key, expect, action: Action::Delete }],
            quotas: vec![],
            elsewhere: None,
            attempt: Attempt { settled: Settled::Done, moved: None },
            wake: vec![],
        };
        let mut entry = leased.entry;
        let mut again = match outcome {
            Outcome::Done | Outcome::Reject { .. } => None,
            Outcome::Returned => {
                entry.attempts = entry.attempts.saturating_sub(1);
                Some(now)
            }
            Outcome::Retry { after, .. } => {
                self.options.retry.next(entry.attempts, entry.first_due, now, *after, &*self.random)
            }
        };
        if let (None, Outcome::Retry { why, .. } | Outcome::Reject { why }) = (again, outcome) {
            settlement.attempt.settled = Settled::Dead;
            let buried = match is_full {
                true => Buried::NotNow,
                false => self.bury(&mut settlement, leased, event, (why, now, version)).await?,
            };
            if matches!(buried, Buried::NotNow) {
                again = Some(now + self.options.retry.max.max(Duration::from_secs(1)));
            }
        }
        match again {
            Some(at) => {
                // Not in the moment of this very look.
                let at = at.max(now + Duration::from_millis(1));
                let place = Place::Waiting(at);
                settlement.attempt.settled = Settled::Later(at);
                settlement.attempt.moved = Some((self.keys.entry(place, leased.stamp), version));
                self.place(&mut settlement.changes, leased.stamp, &entry, place, version);
            }
            None => self.release(&mut settlement.changes, leased.stamp, &entry, version),
        }
        Ok(settlement)
    }

    async fn bury(
        &self,
        settlement: &mut Settlement,
        leased: &Leased,
        event: Option<&Stored>,
        (why, now, version): (&str, Timestamp, Version),
    ) -> Result<Buried, commit::Error> {
        // A dead letter that cannot be delivered is where it belongs already.
        let Some(topic) = self.options.dead_letters.as_ref().filter(|topic| *topic.name() != self.topic)
        else {
            return Ok(Buried::Yes);
        };
        let stored = match event {
            Some(event) => event.clone(),
            None => {
                let key = leased.stamp.key(&self.topic_keys.events());
                // Without a record it has expired, and is not wanted any more.
                let Some(found) = self.engine.snapshot().await?.get(&key).await? else {
                    return Ok(Buried::Yes);
                };
                let Some(stored) = Stored::decode(&found.value) else { return Ok(Buried::NotNow) };
                stored
            }
        };
        let dead = DeadLetter {
            topic: self.topic.to_string(),
            group: self.group.to_string(),
            reason: why.chars().take(REASON).collect(),
            attempts: leased.entry.attempts,
            at: now,
        };
        let buried = topic.bury(stored, dead, now, version);
        let quotas = buried.quota.iter().cloned().collect();
        if Arc::ptr_eq(topic.engine(), &self.engine) {
            settlement.changes.extend(buried.changes);
            settlement.quotas = quotas;
        } else {
            let lease = format!("{}/{} {} {}", self.topic, self.group, leased.stamp, leased.lease);
            let once = topic.once(&lease, now, version);
            let changes = [once].into_iter().chain(buried.changes).collect();
            settlement.elsewhere = Some((topic.clone(), Batch { changes, quotas, ..Batch::default() }));
        }
        settlement.wake.extend(buried.wake);
        Ok(Buried::Yes)
    }

    /// The changes by which a group gives up its part in an event.
    pub(super) fn release(&self, changes: &mut Vec<Change>, stamp: Stamp, entry: &Entry, version: Version) {
        let mut push = |key, action| changes.push(Change { key, expect: None, action });
        if let Some(key) = &entry.key {
            push(stamp.key(&self.keys.order(key)), Action::Delete);
            if let Some(at) = entry.expires_at {
                push(stamp.key(&self.keys.lapse(at)), Action::Delete);
            }
        }
        let event = stamp.key(&self.topic_keys.events());
        match entry.release {
            Release::Event => push(event, Action::Delete),
            Release::Counted => {
                push(stamp.key(&self.topic_keys.counts()), Action::Countdown { last: vec![event], version });
            }
            Release::Kept => {}
        }
    }
}

/// Lets what is behind an entry have its turn.
struct Freed {
    cursors: Arc<Mutex<Cursors>>,
    changed: Arc<Notify>,
    room: Arc<Notify>,
    key: Option<KeyHash>,
}

impl Freed {
    fn tell(&self) {
        if let Some(key) = self.key {
            self.cursors.lock().unwrap_or_else(PoisonError::into_inner).free(key);
        }
        self.changed.notify_one();
        self.room.notify_waiters();
    }
}

/// Tells at the end, however that comes about.
struct AtEnd(Freed);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.tell();
    }
}
