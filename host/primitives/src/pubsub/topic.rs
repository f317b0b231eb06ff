//! Publication: an event becomes a record, and an entry in the queue of every group that wants it, in one batch.
//!
//! What is changed is made by a pure function ([`Topic::publication`]); `publishing` commits it.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    DeadLetter, Message, begin,
    event::Event,
    filter::{Facts, Filter, FilterIndex, Verdict},
    layout::{Entry, Place, Release, Stored, TopicKeys, hash, whereabouts},
};
use crate::{
    clock::{Clock, Timestamp},
    commit::{self, Action, Change, Engine, Expect, Quota, Record, Version},
    name,
    random::Random,
};

mod publishing;

/// How a topic treats what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes of events and entries that the topic may hold.
    pub max_bytes: u64,
    /// The largest event, in bytes.
    pub max_event: u64,
    pub full: Full,
    /// Events are gone after this long, and not before. `None`: they are gone when every group has settled them.
    pub keep: Option<Duration>,
    /// How long a publication is recognized when it is repeated. `None`: never.
    pub window: Option<Duration>,
}

/// What a publisher meets when the topic holds as much as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// An error.
    Refuse,
    /// It waits until there is room, or its deadline.
    Wait,
    /// The oldest events go, whether or not every group has them.
    DropOldest,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_event: 1 << 20,
            full: Full::Refuse,
            keep: None,
            window: Some(Duration::from_secs(600)),
        }
    }
}

/// A group that a topic delivers to.
#[derive(Debug, Clone)]
pub struct Member {
    pub group: name::Group,
    /// The events that it wants; `None`: all.
    pub filter: Option<Filter>,
    /// Whether it keeps order by key.
    pub ordered: bool,
    /// Told when there is something new.
    pub changed: Arc<Notify>,
}

/// A topic on an engine, and who it delivers to. Cheap to clone.
#[derive(Clone)]
pub struct Topic {
    name: name::Topic,
    keys: TopicKeys,
    engine: Arc<dyn Engine>,
    /// Where its records are: the engine, or what is below it if that is a unit of work.
    home: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: Options,
    members: Arc<FilterIndex<Member>>,
    /// Told when something was settled: there may be room.
    room: Arc<Notify>,
}

/// Changes that publish messages, and who is to be told when they are committed.
#[derive(Debug, Default)]
pub struct Publication {
    pub changes: Vec<Change>,
    pub quota: Option<Quota>,
    pub wake: Vec<Arc<Notify>>,
    /// For each change that is there to recognize a repetition, its message.
    pub(super) recognized: Vec<(usize, usize)>,
}

impl Topic {
    /// `room` is shared with the queues of the topic.
    pub fn new(
        app: &name::App,
        name: name::Topic,
        engine: Arc<dyn Engine>,
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
        options: Options,
        members: Vec<Member>,
    ) -> Self {
        let keys = TopicKeys::new(app, &name);
        let members =
            FilterIndex::new(members.into_iter().map(|member| (member.filter.clone(), member)).collect());
        let (home, members) = (engine.clone(), Arc::new(members));
        Self { name, keys, engine, home, clock, random, options, members, room: Arc::default() }
    }

    #[must_use]
    pub fn name(&self) -> &name::Topic {
        &self.name
    }

    #[must_use]
    pub fn keys(&self) -> &TopicKeys {
        &self.keys
    }

    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    pub(super) fn random(&self) -> &dyn Random {
        &*self.random
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    #[must_use]
    pub fn room(&self) -> Arc<Notify> {
        self.room.clone()
    }

    /// Of how many groups the filter is asked for an event.
    pub(super) fn candidates(&self, event: &Event) -> usize {
        self.members.candidates(event).count()
    }

    /// The changes that publish these messages, as one batch or as part of one. Their place in `messages` is the ordinal
    /// of their stamps, counted from `first`.
    #[must_use]
    pub fn publication(
        &self,
        messages: &[&Message],
        now: Timestamp,
        version: Version,
        first: u32,
    ) -> Publication {
        let mut publication = Publication { quota: Some(self.quota()), ..Publication::default() };
        for (ordinal, (index, message)) in (first..).zip(messages.iter().enumerate()) {
            if let Some(window) = self.options.window.filter(|_| message.recognizable) {
                publication.recognized.push((publication.changes.len(), index));
                let key = self.keys.seen(message.event.source(), message.event.id());
                let record = record(version, Some(now + window), Bytes::new());
                publication.changes.push(Change {
                    key,
                    expect: Some(Expect::Absent),
                    action: Action::Put(record),
                });
            }
            self.fan_out(&mut publication, message, None, now, version, ordinal);
        }
        publication
    }

    /// The changes that put a dead letter here.
    #[must_use]
    pub fn bury(&self, buried: Stored, dead: DeadLetter, now: Timestamp, version: Version) -> Publication {
        let mut publication = Publication { quota: Some(self.quota()), ..Publication::default() };
        let message = Message { key: buried.key.map(Arc::from), ..Message::new(buried.event) };
        self.fan_out(&mut publication, &message, Some((dead, buried.published)), now, version, 0);
        publication
    }

    fn quota(&self) -> Quota {
        Quota { account: self.keys.account(), max_bytes: self.options.max_bytes }
    }

    /// A change that is refused when it comes again within a day.
    pub(super) fn once(&self, what: &str, now: Timestamp, version: Version) -> Change {
        let action = Action::Put(record(version, Some(now + ONCE), Bytes::new()));
        Change { key: self.keys.seen("", what), expect: Some(Expect::Absent), action }
    }

    fn fan_out(
        &self,
        publication: &mut Publication,
        message: &Message,
        dead: Option<(DeadLetter, Timestamp)>,
        now: Timestamp,
        version: Version,
        ordinal: u32,
    ) {
        let facts = Facts::new(&message.event, self.name.as_str());
        // A filter that cannot tell (a field is missing, say) does not match.
        let matching = self.members.matching(&facts).filter(|(_, verdict)| *verdict == Verdict::Yes);
        let mut wanted: Vec<&Member> = matching.map(|(member, _)| member).collect();
        // Two subscriptions of one group share its deliveries.
        let mut groups = HashSet::new();
        wanted.retain(|member| groups.insert(&member.group));
        let is_kept = self.options.keep.is_some() || dead.is_some();
        let release = match wanted.len() {
            _ if is_kept => Release::Kept,
            0 => return,
            1 => Release::Event,
            _ => Release::Counted,
        };
        let expires_at = message.ttl.map(|ttl| now + ttl);
        let kept_until = self.options.keep.map(|keep| now + keep);
        let mut append = |key, expires_at, value| {
            let action = Action::Append { ordinal, record: record(version, expires_at, value) };
            publication.changes.push(Change { key, expect: None, action });
        };
        let first_due = message.delay.map_or(now, |delay| now + delay);
        let place = if first_due > now { Place::Waiting(first_due) } else { Place::Ready };
        for member in &wanted {
            let keys = self.keys.group(&member.group);
            let key = message.key.as_ref().filter(|_| member.ordered).map(|key| hash(&[key]));
            let entry = Entry { release, attempts: 0, first_due, owner: 0, key, expires_at };
            append(keys.place(place), expires_at, entry.encode());
            if let Some(key) = &key {
                append(keys.order(key), expires_at, whereabouts(place));
            }
            if let (Some(key), Some(at)) = (&key, expires_at) {
                append(keys.lapse(at), None, Bytes::copy_from_slice(key));
            }
        }
        if release == Release::Counted {
            append(self.keys.counts(), expires_at, wanted.len().to_string().into());
        }
        let key = message.key.as_ref().map(ToString::to_string);
        // A dead letter says when the event was published, not when it was given up.
        let published = dead.as_ref().map_or(now, |(_, published)| *published);
        let dead = dead.map(|(dead, _)| dead);
        let stored = Stored { published, key, dead, event: message.event.clone() };
        append(self.keys.events(), expires_at.into_iter().chain(kept_until).min(), stored.encode());
        publication.wake.extend(wanted.iter().map(|member| member.changed.clone()));
    }

    /// Makes the group known. One that was not known begins with what is published from now on, unless it is to begin
    /// earlier and the topic keeps events. To be done before this topic is published to and the group's queue is taken
    /// from: what this topic publishes, the group gets anyway.
    ///
    /// # Errors
    /// Those of the engine. What was done until then is not done again.
    pub async fn begin(&self, member: &Member, start: begin::Start) -> Result<(), commit::Error> {
        begin::begin(self, member, start).await
    }
}

/// How long a dead letter from another engine is recognized.
const ONCE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn record(version: Version, expires_at: Option<Timestamp>, value: Bytes) -> Record {
    Record { version, expires_at, media_type: None, value }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:?}, {:?})", self.name, self.options)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} on {}", self.name, self.engine)
    }
}
