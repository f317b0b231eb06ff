//! Makes a group known, and gives it what the topic already has.

use bytes::Bytes;

use super::{
    filter::{Facts, Verdict},
    layout::{self, Entry, GroupKeys, Place, Release, Stored, behind, hash, whereabouts},
    topic::{Member, Topic, record},
};
use crate::{
    clock::Timestamp,
    commit::{self, Action, Batch, Budget, Change, Record, Span, Stamp, Version},
};

/// Where a new group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    New,
    /// With the earliest event that the topic still has.
    Earliest,
    /// With what was published from then on and that the topic still has.
    At(Timestamp),
}

/// Events in one batch.
const PAGE: usize = 500;

pub(super) async fn begin(topic: &Topic, member: &Member, start: Start) -> Result<(), commit::Error> {
    let keys = topic.keys().group(&member.group);
    let events = topic.keys().events();
    let snapshot = topic.engine().snapshot().await?;
    let from = match start {
        Start::New => Timestamp(u64::MAX),
        Start::Earliest => Timestamp(0),
        Start::At(time) => time,
    };
    // The record is empty once the group has all that it began with. Until then it holds the stamp of the last event
    // that it begins with (what came later, it was given when that was published), and how far it got.
    let (last, mut at) = match snapshot.get(&keys.known()).await? {
        Some(record) => match record.value.split_first_chunk() {
            Some((last, at)) => (*last, Bytes::copy_from_slice(at)),
            None => return Ok(()),
        },
        None => {
            let newest = Span { reverse: true, ..layout::within(&events) };
            let (newest, _) = snapshot.scan(&newest, Budget { records: 1, bytes: 1, values: false }).await?;
            let newest = newest.first().and_then(|(key, _)| Stamp::of(key)).filter(|_| start != Start::New);
            let Some(last) = newest.map(Stamp::to_bytes) else {
                return put(topic, vec![(keys.known(), None, Bytes::new())]).await;
            };
            // First of all, so that after an interruption the same event is the last.
            put(topic, vec![(keys.known(), None, [&last[..], &events].concat().into())]).await?;
            (last, events.clone())
        }
    };
    let end = behind(&[&*events, &last].concat());
    let mut more = true;
    while more {
        let span = Span { start: at.clone(), end: Some(end.clone()), reverse: false };
        let budget = Budget { records: PAGE, bytes: 4 << 20, values: true };
        let (page, is_more) = topic.engine().snapshot().await?.scan(&span, budget).await?;
        more = is_more;
        if let Some((last, _)) = page.last() {
            at = behind(last);
        }
        let entries = page.iter().filter_map(|(key, record)| entry(topic, member, &keys, from, key, record));
        let mut made: Vec<_> = entries.flatten().collect();
        let progress = if more { [&last[..], &at].concat().into() } else { Bytes::new() };
        made.push((keys.known(), None, progress));
        put(topic, made).await?;
    }
    member.changed.notify_one();
    Ok(())
}

async fn put(topic: &Topic, made: Vec<Made>) -> Result<(), commit::Error> {
    let version = Version::new(topic.random().call_id(), 0, 0);
    let changes = made.into_iter().map(|(key, expires_at, value)| {
        let action = Action::Put(record(version, expires_at, value));
        Change { key, expect: None, action }
    });
    topic.engine().commit(Batch { changes: changes.collect(), ..Batch::default() }).await.map(drop)
}

/// Key, expiry and value of a record.
type Made = (Bytes, Option<Timestamp>, Bytes);

fn entry(
    topic: &Topic,
    member: &Member,
    keys: &GroupKeys,
    from: Timestamp,
    key: &[u8],
    found: &Record,
) -> Option<Vec<Made>> {
    let (stamp, stored) = (Stamp::of(key)?, Stored::decode(&found.value)?);
    let filter = member.filter.as_ref();
    let facts = Facts::new(&stored.event, topic.name().as_str());
    let is_wanted = filter.is_none_or(|filter| filter.matches(&facts) == Verdict::Yes);
    if stored.published < from || !is_wanted {
        return None;
    }
    let key = stored.key.as_deref().filter(|_| member.ordered).map(|key| hash(&[key]));
    let expires_at = found.expires_at;
    let entry =
        Entry { release: Release::Kept, attempts: 0, first_due: stored.published, owner: 0, key, expires_at };
    let mut made = vec![(keys.entry(Place::Ready, stamp), expires_at, entry.encode())];
    if let Some(key) = &key {
        made.push((stamp.key(&keys.order(key)), expires_at, whereabouts(Place::Ready)));
        let lapse = expires_at.map(|at| (stamp.key(&keys.lapse(at)), None, Bytes::copy_from_slice(key)));
        made.extend(lapse);
    }
    Some(made)
}
