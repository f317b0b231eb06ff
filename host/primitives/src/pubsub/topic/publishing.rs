//! What is published is committed: in parts if there is no room for all, after a wait, or in the place of the oldest.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, futures::Notified};

use super::{Full, Topic};
use crate::{
    clock::Timestamp,
    commit::{self, Action, Batch, Budget, Change, Engine, Room, Version},
    pubsub::{Error, Message, Publisher, layout::within},
};

#[async_trait]
impl Publisher for Topic {
    async fn publish(&self, messages: Vec<Message>, deadline: Timestamp) -> Vec<Result<String, Error>> {
        let mut outcomes: Vec<_> = messages.iter().map(|message| self.check(message)).collect();
        // A repetition among them shares the fate of the first.
        let (mut places, mut firsts, mut repetitions) = (vec![], HashMap::new(), vec![]);
        for (index, message) in messages.iter().enumerate().filter(|(index, _)| outcomes[*index].is_ok()) {
            let of = (message.event.source(), message.event.id());
            match self.recognizes(message).then(|| *firsts.entry(of).or_insert(index)) {
                Some(first) if first != index => repetitions.push((index, first)),
                _ => places.push(index),
            }
        }
        if let Err((refused, error)) = self.publish_all(&messages, &places, deadline).await {
            refused.into_iter().for_each(|index| outcomes[index] = Err(error.clone()));
        }
        for (index, first) in repetitions {
            outcomes[index] = outcomes[first].clone();
        }
        let outcomes = messages.iter().zip(outcomes);
        outcomes.map(|(message, outcome)| outcome.map(|()| message.event.id().to_owned())).collect()
    }

    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Publisher> {
        let topic = Arc::new(Self { engine: engine.clone(), ..self.clone() });
        if self.options.full != Full::Refuse {
            // Not the one over the unit, which the unit would hold, and which holds the unit.
            engine.on_full(self.keys.account(), Arc::new(Self { engine: self.home.clone(), ..self.clone() }));
        }
        topic
    }
}

impl Topic {
    fn check(&self, message: &Message) -> Result<(), Error> {
        let size = message.event.size();
        if size > self.options.max_event {
            return Err(Error::TooLarge(self.options.max_event));
        }
        if size > self.options.max_bytes {
            // No wait would make room for it.
            return Err(self.too_full());
        }
        Ok(())
    }

    /// Commits the messages at these places, without repetitions.
    async fn commit(&self, messages: &[Message], places: &[usize]) -> Result<(), commit::Error> {
        let mut left = places.to_vec();
        loop {
            let chosen: Vec<_> = left.iter().map(|index| &messages[*index]).collect();
            let version = Version::new(self.random.call_id(), 0, 0);
            let mut publication = self.publication(&chosen, self.clock.now(), version, 0);
            let changes = std::mem::take(&mut publication.changes);
            if changes.is_empty() {
                return Ok(());
            }
            let quotas = publication.quota.iter().cloned().collect();
            // If nobody waits for the end of it, the groups are to look all the same.
            let mut waking =
                Waking { engine: &*self.engine, wake: std::mem::take(&mut publication.wake), ended: false };
            let outcome = self.engine.commit(Batch { changes, quotas, ..Batch::default() }).await;
            waking.ended = true;
            match outcome {
                Ok(_) => return Ok(()),
                // It may be there: dropping `waking` says so.
                Err(error @ commit::Error::Unknown(_)) => return Err(error),
                Err(commit::Error::Conflict { change, .. }) => {
                    waking.forget();
                    // Published before: it is acknowledged, and not published again.
                    let repeated = publication.recognized.iter().find(|(at, _)| *at == change);
                    let Some((_, index)) = repeated else {
                        return Err(commit::Error::Unavailable("a new key was there already".into()));
                    };
                    left.remove(*index);
                }
                Err(error) => {
                    waking.forget();
                    return Err(error);
                }
            }
        }
    }

    /// What was published before, as far as that is known without trying.
    async fn known(&self, messages: &[Message], places: &[usize]) -> Result<HashSet<usize>, commit::Error> {
        let mut known = HashSet::new();
        let candidates = places.iter().filter(|index| self.recognizes(&messages[**index]));
        let candidates: Vec<_> = candidates.copied().collect();
        if candidates.len() > 1 {
            let snapshot = self.engine.snapshot().await?;
            for index in candidates {
                let event = &messages[index].event;
                if snapshot.get(&self.keys.seen(event.source(), event.id())).await?.is_some() {
                    known.insert(index);
                }
            }
        }
        Ok(known)
    }

    fn recognizes(&self, message: &Message) -> bool {
        message.recognizable && self.options.window.is_some()
    }

    fn too_full(&self) -> Error {
        commit::Error::Quota { account: self.keys.account(), max_bytes: self.options.max_bytes }.into()
    }

    /// Waits for room, or a little. `false` if the deadline has come.
    async fn wait(&self, room: Notified<'_>, deadline: Timestamp) -> bool {
        let now = self.clock.now();
        if now >= deadline {
            return false;
        }
        // What makes room may also be an expiry, of which nobody tells.
        let look = self.clock.sleep_until((now + LOOK).min(deadline));
        tokio::select! { biased; () = room => {}, () = look => {} }
        true
    }

    /// Removes the oldest events. Whether there was one. Groups that have not had them find them gone.
    async fn drop_oldest(&self) -> Result<bool, commit::Error> {
        let budget = Budget { records: DROPPED, bytes: 1 << 20, values: false };
        let (oldest, _) = self.home.snapshot().await?.scan(&within(&self.keys.events()), budget).await?;
        let changes =
            oldest.iter().map(|(key, _)| Change { key: key.clone(), expect: None, action: Action::Delete });
        self.home.commit(Batch { changes: changes.collect(), ..Batch::default() }).await?;
        Ok(!oldest.is_empty())
    }

    /// Publishes in order, in parts if there is no room for all. Gives back the places of those that were not, and why.
    async fn publish_all(
        &self,
        messages: &[Message],
        places: &[usize],
        deadline: Timestamp,
    ) -> Result<(), (Vec<usize>, Error)> {
        let known = self.known(messages, places).await.map_err(|error| (places.to_vec(), error.into()))?;
        let places: Vec<_> = places.iter().filter(|index| !known.contains(index)).copied().collect();
        let (mut left, mut size) = (&*places, places.len());
        while !left.is_empty() {
            let part = &left[..size.min(left.len())];
            let room = self.room.notified();
            match self.commit(messages, part).await {
                Ok(()) => {
                    left = &left[part.len()..];
                    size = part.len().saturating_mul(2);
                }
                Err(commit::Error::Quota { .. }) if part.len() > 1 => size = part.len() / 2,
                Err(commit::Error::Quota { .. }) if self.options.full == Full::Wait => {
                    if !self.wait(room, deadline).await {
                        return Err((left.to_vec(), Error::Busy(Some(LOOK))));
                    }
                }
                Err(commit::Error::Quota { .. }) if self.options.full == Full::DropOldest => {
                    match self.drop_oldest().await {
                        Ok(true) => {}
                        Ok(false) => return Err((left.to_vec(), self.too_full())),
                        Err(error) => return Err((left.to_vec(), error.into())),
                    }
                }
                // What comes behind one that was refused is not taken: order is kept.
                Err(error) => return Err((left.to_vec(), error.into())),
            }
        }
        Ok(())
    }
}

/// Tells the groups of a publication once it is there, unless it is known not to have happened.
struct Waking<'e> {
    engine: &'e dyn Engine,
    wake: Vec<Arc<Notify>>,
    /// Whether its commit has ended. If nobody waits for that, it may still come.
    ended: bool,
}

impl Waking<'_> {
    fn forget(mut self) {
        self.wake.clear();
    }
}

impl Drop for Waking<'_> {
    fn drop(&mut self) {
        let wake = std::mem::take(&mut self.wake);
        if !wake.is_empty() {
            let tell = Box::new(move || wake.iter().for_each(|changed| changed.notify_one()));
            match self.ended {
                true => self.engine.afterwards(tell),
                false => self.engine.when_written(tell),
            }
        }
    }
}

#[async_trait]
impl Room for Topic {
    async fn make(&self, deadline: Timestamp) -> bool {
        match self.options.full {
            Full::Refuse => false,
            Full::Wait => self.wait(self.room.notified(), deadline).await,
            Full::DropOldest => self.drop_oldest().await.unwrap_or(false),
        }
    }
}

/// Events that make room for one publication.
const DROPPED: usize = 64;

/// How often a publisher that waits looks for room by itself.
const LOOK: Duration = Duration::from_millis(500);
