//! From due to leased.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    Delivery, Leased, Queue,
    cursors::Look,
    search::{Found, Search},
    until,
};
use crate::{
    clock::Timestamp,
    commit::{self, Action, Batch, Budget, Change, Expect, Span, Version},
    delivery::Outcome,
    pubsub::{
        layout::{Entry, Place, Stored, behind, whereabouts},
        topic::record,
    },
};

impl Queue {
    pub(super) async fn try_take(&self, max: usize) -> Result<Vec<Delivery>, commit::Error> {
        if max == 0 {
            return Ok(vec![]);
        }
        let _one = self.taking.lock().await;
        let now = self.clock.now();
        self.forgo().await?;
        let expired = until(&self.keys.leased(), None, now);
        if let Err(error) = self.fail(expired, |_| true, "the lease ran out").await {
            self.cursors().trouble = Some(error);
        }
        loop {
            self.lapse(now).await?;
            let look = Look::begin(self, max);
            let snapshot = self.engine.snapshot().await?;
            let turn = self.cursors().turn();
            let mut finds = Search::new(self, &*snapshot, now, max).run(&look, turn).await?;
            drop(snapshot);
            let is_tidy = finds.gone.is_empty() && finds.awaiting.is_empty();
            self.tidy(std::mem::take(&mut finds.gone), std::mem::take(&mut finds.awaiting)).await?;
            let taken = self.lease(finds.due, now).await?;
            look.end(finds.unseen);
            if !taken.is_empty() {
                return Ok(taken);
            }
            if is_tidy {
                return match self.cursors().trouble.take() {
                    Some(trouble) => Err(trouble),
                    None => Ok(taken),
                };
            }
        }
    }

    /// Ends leases of which nobody knows, if they happened at all.
    async fn forgo(&self) -> Result<(), commit::Error> {
        let lost = self.cursors().lost.clone();
        for leased in lost {
            self.settle_lease(&leased, Outcome::Returned, None, None).await?;
            self.cursors().lost.retain(|other| other.lease != leased.lease || other.stamp != leased.stamp);
        }
        Ok(())
    }

    /// Ends leases whose attempts will not: these count, and failed.
    pub(super) async fn fail(
        &self,
        mut span: Span,
        is_lost: impl Fn(&Leased) -> bool,
        why: &str,
    ) -> Result<(), commit::Error> {
        let mut outcome = Ok(());
        loop {
            let budget = Budget { records: 100, bytes: 1 << 20, values: true };
            let (entries, more) = self.engine.snapshot().await?.scan(&span, budget).await?;
            let lost = entries.iter().filter_map(|(key, found)| self.leased(key, found));
            let lost: Vec<_> = lost.filter(&is_lost).collect();
            let again = || Outcome::Retry { after: Some(std::time::Duration::ZERO), why: why.into() };
            // All at once, so that they share a commit. One that cannot be settled is not in the way of others.
            let settled =
                join_all(lost.iter().map(|leased| self.settle_lease(leased, again(), None, None))).await;
            outcome = settled.into_iter().find_map(Result::err).map_or(outcome, Err);
            match entries.last() {
                Some((last, _)) if more => span.start = behind(last),
                _ => return outcome,
            }
        }
    }

    /// Frees the keys of entries that have expired.
    async fn lapse(&self, now: Timestamp) -> Result<(), commit::Error> {
        loop {
            let span = until(&self.keys.lapses(), None, now);
            let budget = Budget { records: 256, bytes: 1 << 20, values: true };
            let (lapsed, more) = self.engine.snapshot().await?.scan(&span, budget).await?;
            if lapsed.is_empty() {
                return Ok(());
            }
            {
                let mut cursors = self.cursors();
                let keys = lapsed.iter().filter_map(|(_, found)| found.value.as_ref().try_into().ok());
                keys.for_each(|key| cursors.free(key));
            }
            let changes =
                lapsed.into_iter().map(|(key, _)| Change { key, expect: None, action: Action::Delete });
            self.engine.commit(Batch { changes: changes.collect(), ..Batch::default() }).await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Removes entries whose events are gone, and makes those ready that have waited.
    async fn tidy(&self, mut gone: Vec<Found>, mut awaiting: Vec<Found>) -> Result<(), commit::Error> {
        while gone.len() + awaiting.len() > 0 {
            let version = self.version();
            // Those that expect something come first, so that their place says which one it was.
            let mut changes: Vec<_> = gone.iter().chain(&awaiting).map(removal).collect();
            for found in &gone {
                self.release(&mut changes, found.stamp, &found.entry, version);
            }
            for found in &awaiting {
                self.place(&mut changes, found.stamp, &found.entry, Place::Ready, version);
            }
            match self.engine.commit(Batch { changes, ..Batch::default() }).await {
                Ok(_) => break,
                // It has expired in this very moment.
                Err(commit::Error::Conflict { change, .. }) if change < gone.len() => {
                    drop(gone.remove(change));
                }
                Err(commit::Error::Conflict { change, .. }) if change - gone.len() < awaiting.len() => {
                    awaiting.remove(change - gone.len());
                }
                Err(error) => return Err(error),
            }
        }
        let mut cursors = self.cursors();
        gone.iter().filter_map(|found| found.entry.key).for_each(|key| cursors.free(key));
        Ok(())
    }

    /// Leases what was found, but for what is no longer as it was found.
    async fn lease(
        &self,
        mut due: Vec<(Found, Stored)>,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, commit::Error> {
        let until = now + self.options.lease;
        let lease = self.version();
        while !due.is_empty() {
            let mut changes: Vec<_> = due.iter().map(|(found, _)| removal(found)).collect();
            let leases: Vec<_> = due.iter().map(|(found, _)| self.new_lease(found, until, lease)).collect();
            for leased in &leases {
                let Leased { stamp, entry, .. } = leased;
                self.place(&mut changes, *stamp, entry, Place::Leased(until), lease);
            }
            self.cursors().lost.extend(leases.iter().cloned());
            let outcome = self.engine.commit(Batch { changes, ..Batch::default() }).await;
            if !matches!(outcome, Err(commit::Error::Unknown(_))) {
                self.cursors().lost.retain(|lost| lost.lease != lease);
            }
            match outcome {
                Ok(_) => break,
                // It expired in this very moment.
                Err(commit::Error::Conflict { change, .. }) if change < due.len() => drop(due.remove(change)),
                Err(error) => return Err(error),
            }
        }
        let delivery = |(found, event): (Found, Stored)| {
            let leased = self.new_lease(&found, until, lease);
            Delivery {
                topic: self.topic.clone(),
                event,
                attempt: leased.entry.attempts,
                leased_until: until,
                leased,
                unsure: Arc::default(),
            }
        };
        Ok(due.into_iter().map(delivery).collect())
    }

    fn new_lease(&self, found: &Found, until: Timestamp, lease: Version) -> Leased {
        let attempts = found.entry.attempts.saturating_add(1);
        let entry = Entry { attempts, owner: self.owner, ..found.entry };
        Leased { until, stamp: found.stamp, entry, lease }
    }

    /// The changes that put an entry in its place. One that is leased does not expire, nor does its turn.
    pub(super) fn place(
        &self,
        changes: &mut Vec<Change>,
        stamp: commit::Stamp,
        entry: &Entry,
        place: Place,
        version: Version,
    ) {
        let expires_at = entry.expires_at.filter(|_| !matches!(place, Place::Leased(_)));
        let mut put = |key, value| {
            let action = Action::Put(record(version, expires_at, value));
            changes.push(Change { key, expect: None, action });
        };
        put(self.keys.entry(place, stamp), entry.encode());
        // A lease need not be in the order of its key, unless what is there would expire.
        let is_told = entry.expires_at.is_some() || !matches!(place, Place::Leased(_));
        if let Some(key) = entry.key.as_ref().filter(|_| is_told) {
            put(stamp.key(&self.keys.order(key)), whereabouts(place));
        }
    }
}

fn removal(found: &Found) -> Change {
    Change { key: found.key.clone(), expect: Some(Expect::Version(found.version)), action: Action::Delete }
}
