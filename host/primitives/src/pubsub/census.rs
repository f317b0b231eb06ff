//! How a group stands on a topic: what is ready, waiting and leased, and how old the oldest is.

use bytes::Bytes;

use super::layout::{Stored, TopicKeys, behind, from, within};
use crate::{
    clock::Timestamp,
    commit::{self, Budget, Engine, Snapshot, Stamp},
    name,
};

/// Counts of one group's entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    pub ready: u64,
    /// For a delay or another attempt.
    pub waiting: u64,
    pub leased: u64,
    /// When the oldest entry's event was published.
    pub oldest: Option<Timestamp>,
}

/// Entries that are looked at in one page.
const PAGE: usize = 10_000;

/// Counts a group's entries. It reads all of them: this is for an operator who asks.
///
/// # Errors
/// Those of the engine.
pub async fn census(
    engine: &dyn Engine,
    keys: &TopicKeys,
    group: &name::Group,
) -> Result<Census, commit::Error> {
    let snapshot = engine.snapshot().await?;
    let (of_group, mut first) = (keys.group(group), None);
    let mut count = async |prefix: Bytes| -> Result<u64, commit::Error> {
        let (mut span, mut counted) = (within(&prefix), 0);
        loop {
            let budget = Budget { records: PAGE, bytes: 4 << 20, values: false };
            let (page, more) = snapshot.scan(&span, budget).await?;
            counted += page.len() as u64;
            first = page.iter().filter_map(|(key, _)| Stamp::of(key)).chain(first).min();
            match page.last() {
                Some((last, _)) if more => span = from(&prefix, behind(last)),
                _ => return Ok(counted),
            }
        }
    };
    let ready = count(of_group.ready()).await?;
    let waiting = count(of_group.waiting()).await?;
    let leased = count(of_group.leased()).await?;
    let oldest = match first {
        Some(stamp) => published(&*snapshot, keys, stamp).await?,
        None => None,
    };
    Ok(Census { ready, waiting, leased, oldest })
}

async fn published(
    snapshot: &dyn Snapshot,
    keys: &TopicKeys,
    stamp: Stamp,
) -> Result<Option<Timestamp>, commit::Error> {
    let found = snapshot.get(&stamp.key(&keys.events())).await?;
    Ok(found.and_then(|found| Some(Stored::decode(&found.value)?.published)))
}

/// The groups that a topic knows, also those that the manifest no longer has.
///
/// # Errors
/// Those of the engine.
pub async fn groups(engine: &dyn Engine, keys: &TopicKeys) -> Result<Vec<name::Group>, commit::Error> {
    let prefix = keys.groups();
    let budget = Budget { records: 10_000, bytes: 4 << 20, values: false };
    let (found, _) = engine.snapshot().await?.scan(&within(&prefix), budget).await?;
    let name = |key: &[u8]| std::str::from_utf8(key.strip_prefix(&*prefix)?).ok()?.parse().ok();
    Ok(found.iter().filter_map(|(key, _)| name(key)).collect())
}

/// Events that a topic holds.
///
/// # Errors
/// Those of the engine.
pub async fn events(engine: &dyn Engine, keys: &TopicKeys) -> Result<u64, commit::Error> {
    let (prefix, mut counted) = (keys.events(), 0);
    let snapshot = engine.snapshot().await?;
    let mut span = within(&prefix);
    loop {
        let budget = Budget { records: PAGE, bytes: 4 << 20, values: false };
        let (page, more) = snapshot.scan(&span, budget).await?;
        counted += page.len() as u64;
        match page.last() {
            Some((last, _)) if more => span = from(&prefix, behind(last)),
            _ => return Ok(counted),
        }
    }
}
