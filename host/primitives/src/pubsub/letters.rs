//! Dead letters, for the operator: to list, to look at, to deliver again, to drop.

use std::sync::Arc;

use super::{
    layout::{Entry, Place, Release, Stored, behind, from, hash, whereabouts, within},
    topic::{Member, Topic, record},
};
use crate::{
    clock::Clock,
    commit::{self, Action, Batch, Budget, Change, Expect, Stamp, Version},
};

/// What a dead-letter topic holds.
#[derive(Debug)]
pub struct Letters {
    topic: Arc<Topic>,
    clock: Arc<dyn Clock>,
}

/// An event that was given up. Its stamp is its number for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub stamp: Stamp,
    pub stored: Stored,
    version: Version,
}

impl Letters {
    pub fn new(topic: Arc<Topic>, clock: Arc<dyn Clock>) -> Self {
        Self { topic, clock }
    }

    /// Up to `limit` letters, the oldest first, behind `after`; and whether there are more. What was published to the
    /// topic otherwise is none.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn list(
        &self,
        after: Option<Stamp>,
        limit: usize,
    ) -> Result<(Vec<Letter>, bool), commit::Error> {
        let prefix = self.topic.keys().events();
        let mut span =
            after.map_or_else(|| within(&prefix), |after| from(&prefix, behind(&after.key(&prefix))));
        let snapshot = self.topic.engine().snapshot().await?;
        loop {
            let budget = Budget { records: limit, bytes: 4 << 20, values: true };
            let (found, more) = snapshot.scan(&span, budget).await?;
            let letters: Vec<_> = found.iter().filter_map(|(key, record)| letter(key, record)).collect();
            match found.last() {
                // A page of what was published here by others.
                Some((last, _)) if more && letters.is_empty() => span = from(&prefix, behind(last)),
                _ => return Ok((letters, more)),
            }
        }
    }

    /// # Errors
    /// Those of the engine.
    pub async fn get(&self, stamp: Stamp) -> Result<Option<Letter>, commit::Error> {
        let key = stamp.key(&self.topic.keys().events());
        let found = self.topic.engine().snapshot().await?.get(&key).await?;
        Ok(found.and_then(|record| letter(&key, &record)))
    }

    /// Removes a letter. Whether it was there.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn drop(&self, letter: &Letter) -> Result<bool, commit::Error> {
        let batch = Batch { changes: vec![self.removal(letter)], ..Batch::default() };
        done(self.topic.engine().commit(batch).await)
    }

    fn removal(&self, letter: &Letter) -> Change {
        let key = letter.stamp.key(&self.topic.keys().events());
        Change { key, expect: Some(Expect::Version(letter.version)), action: Action::Delete }
    }

    /// Puts the event back into the queue that gave it up, as if it had just been published to that group alone, and
    /// removes the letter: both or neither, if the topics are on one engine. Whether it was there.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn replay(
        &self,
        letter: &Letter,
        origin: &Topic,
        member: &Member,
    ) -> Result<bool, commit::Error> {
        let now = self.clock.now();
        let version = Version::new(origin.random().call_id(), 0, 0);
        let keys = origin.keys().group(&member.group);
        let key = letter.stored.key.as_deref().filter(|_| member.ordered).map(|key| hash(&[key]));
        let append = |key, value| {
            let action = Action::Append { ordinal: 0, record: record(version, None, value) };
            Change { key, expect: None, action }
        };
        let entry =
            Entry { release: Release::Event, attempts: 0, first_due: now, owner: 0, key, expires_at: None };
        let stored = Stored { dead: None, ..letter.stored.clone() };
        let mut changes = vec![
            append(keys.place(Place::Ready), entry.encode()),
            append(origin.keys().events(), stored.encode()),
        ];
        if let Some(key) = &key {
            changes.push(append(keys.order(key), whereabouts(Place::Ready)));
        }
        let is_one = Arc::ptr_eq(origin.engine(), self.topic.engine());
        if is_one {
            changes.insert(0, self.removal(letter));
        } else {
            // It is put back once, however often the removal fails.
            let what = format!("replay {} {}", letter.stamp, letter.version);
            changes.insert(0, origin.once(&what, now, version));
        }
        let replayed = done(origin.engine().commit(Batch { changes, ..Batch::default() }).await)?;
        if replayed {
            member.changed.notify_one();
        }
        if is_one { Ok(replayed) } else { self.drop(letter).await }
    }
}

fn letter(key: &[u8], found: &commit::Record) -> Option<Letter> {
    let stored = Stored::decode(&found.value)?;
    stored.dead.as_ref()?;
    Some(Letter { stamp: Stamp::of(key)?, stored, version: found.version })
}

fn done(outcome: Result<commit::Committed, commit::Error>) -> Result<bool, commit::Error> {
    match outcome {
        Ok(_) => Ok(true),
        Err(commit::Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
