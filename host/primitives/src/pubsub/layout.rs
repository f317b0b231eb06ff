//! How a topic lies on an engine: its keys, and what their records hold.
//!
//! ```text
//!   {app}/pubsub/{topic}/                     the account that its bytes are counted by
//!     e/ stamp                                an event
//!     c/ stamp                                how many groups have yet to settle it, if more than one
//!     x/ hash of source and id                a publication that can be recognized when it is repeated; expires
//!     m/ group                                that the group is known, and since when
//!     g/ group / r/ stamp                     an entry that is ready
//!     g/ group / d/ due stamp                 an entry that waits for a time
//!     g/ group / l/ until stamp               an entry that is leased to an attempt
//!     g/ group / k/ hash of the key, stamp    the order of entries with one key; says where the entry is
//!     g/ group / t/ expiry stamp              that an entry with a key expires then: the next of its key may go on
//! ```
//!
//! Stamps are those of the commit that published the event, so all of these are in the order of publication. Times are
//! eight bytes, big-endian. An entry moves between the three places; its record goes along.
//!
//! An entry with a time to live expires by itself, but for one that is leased: what has begun is settled.

use bytes::Bytes;

use super::{
    DeadLetter, Event,
    codec::{Reader, Writer},
    event,
};
use crate::{
    clock::Timestamp,
    commit::{Span, Stamp},
    name,
};

/// What tells one ordering key from another.
pub type KeyHash = [u8; 16];

pub(super) fn hash(parts: &[&str]) -> KeyHash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut hash = KeyHash::default();
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

/// The keys of one topic.
#[derive(Debug, Clone)]
pub struct TopicKeys {
    root: Bytes,
}

impl TopicKeys {
    #[must_use]
    pub fn new(app: &name::App, topic: &name::Topic) -> Self {
        Self { root: format!("{app}/pubsub/{topic}/").into() }
    }

    /// The account that all of the topic's bytes are counted by.
    #[must_use]
    pub fn account(&self) -> Bytes {
        self.root.clone()
    }

    fn under(&self, part: &[u8]) -> Bytes {
        [&self.root, part].concat().into()
    }

    #[must_use]
    pub fn events(&self) -> Bytes {
        self.under(b"e/")
    }

    #[must_use]
    pub fn counts(&self) -> Bytes {
        self.under(b"c/")
    }

    pub(super) fn seen(&self, source: &str, id: &str) -> Bytes {
        [&*self.root, b"x/", &hash(&[source, id])].concat().into()
    }

    #[must_use]
    pub fn groups(&self) -> Bytes {
        self.under(b"m/")
    }

    #[must_use]
    pub fn group(&self, group: &name::Group) -> GroupKeys {
        GroupKeys {
            known: self.under(format!("m/{group}").as_bytes()),
            root: self.under(format!("g/{group}/").as_bytes()),
        }
    }
}

/// The keys of one group on one topic.
#[derive(Debug, Clone)]
pub struct GroupKeys {
    known: Bytes,
    root: Bytes,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Ready,
    /// Until then.
    Waiting(Timestamp),
    /// To an attempt, until then.
    Leased(Timestamp),
}

impl GroupKeys {
    pub(super) fn known(&self) -> Bytes {
        self.known.clone()
    }

    /// Everything of the group.
    #[must_use]
    pub fn all(&self) -> Span {
        within(&self.root)
    }

    #[must_use]
    pub fn ready(&self) -> Bytes {
        [&*self.root, b"r/"].concat().into()
    }

    #[must_use]
    pub fn waiting(&self) -> Bytes {
        [&*self.root, b"d/"].concat().into()
    }

    #[must_use]
    pub fn leased(&self) -> Bytes {
        [&*self.root, b"l/"].concat().into()
    }

    /// What comes before the stamp in the key of an entry that is there.
    pub(super) fn place(&self, place: Place) -> Bytes {
        match place {
            Place::Ready => self.ready(),
            Place::Waiting(at) => [&*self.root, b"d/", &at.0.to_be_bytes()].concat().into(),
            Place::Leased(until) => [&*self.root, b"l/", &until.0.to_be_bytes()].concat().into(),
        }
    }

    pub(super) fn entry(&self, place: Place, stamp: Stamp) -> Bytes {
        stamp.key(&self.place(place))
    }

    /// That entries with a key expire.
    pub(super) fn lapses(&self) -> Bytes {
        [&*self.root, b"t/"].concat().into()
    }

    /// What comes before the stamp in the key that says so.
    pub(super) fn lapse(&self, at: Timestamp) -> Bytes {
        [&*self.root, b"t/", &at.0.to_be_bytes()].concat().into()
    }

    /// The order of the entries with one key.
    pub(super) fn order(&self, key: &KeyHash) -> Bytes {
        [&*self.root, b"k/", key].concat().into()
    }

    /// The time in the key of an entry that waits or is leased, or of a lapse.
    pub(super) fn time(&self, key: &[u8]) -> Option<Timestamp> {
        let (bytes, _) = key.get(self.root.len() + 2..)?.split_first_chunk::<8>()?;
        Some(Timestamp(u64::from_be_bytes(*bytes)))
    }
}

/// Where an entry is, as the order of its key says it: when it is due, or 0 if it is ready.
pub(super) fn whereabouts(place: Place) -> Bytes {
    let at = match place {
        Place::Ready => Timestamp(0),
        Place::Waiting(at) | Place::Leased(at) => at,
    };
    Bytes::copy_from_slice(&at.0.to_be_bytes())
}

/// All keys that begin with this.
pub(super) fn within(prefix: &[u8]) -> Span {
    from(prefix, Bytes::copy_from_slice(prefix))
}

/// The keys with this prefix from `start` on.
pub(super) fn from(prefix: &[u8], start: Bytes) -> Span {
    // A prefix here ends with a slash or is part of a longer key: its last byte is no 0xff, or one before it is none.
    let end = prefix.iter().rposition(|byte| *byte < u8::MAX).map(|last| {
        let mut end = prefix[..=last].to_vec();
        end[last] += 1;
        end.into()
    });
    Span { start, end, reverse: false }
}

/// The smallest key behind this one.
pub(super) fn behind(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

/// What becomes of the event's record when a group settles its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// No other group has it: it goes.
    Event,
    /// Others may have it: it goes with the last.
    Counted,
    /// The topic keeps events: it stays.
    Kept,
}

/// A group's entry for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub release: Release,
    /// Attempts that have begun.
    pub attempts: u32,
    /// When the first attempt was due.
    pub first_due: Timestamp,
    /// Who leases it: a number that each process draws anew.
    pub owner: u64,
    /// The ordering key, if the group keeps order.
    pub key: Option<KeyHash>,
    /// No attempt begins from then on.
    pub expires_at: Option<Timestamp>,
}

const FORMAT: u8 = 1;

impl Entry {
    pub(super) fn encode(&self) -> Bytes {
        let release = match self.release {
            Release::Event => 0,
            Release::Counted => 1,
            Release::Kept => 2,
        };
        let writer = Writer::new(FORMAT).byte(release).bytes(&self.attempts.to_be_bytes());
        let writer = writer.time(self.first_due).number(self.owner);
        let writer = match self.expires_at {
            Some(at) => writer.byte(1).time(at),
            None => writer.byte(0),
        };
        writer.bytes(self.key.as_ref().map_or(&[][..], |key| key)).done().into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, FORMAT)?;
        let release = match reader.byte()? {
            0 => Release::Event,
            1 => Release::Counted,
            2 => Release::Kept,
            _ => return None,
        };
        let attempts = u32::from_be_bytes(reader.array()?);
        let (first_due, owner) = (reader.time()?, reader.number()?);
        let expires_at = match reader.byte()? {
            0 => None,
            _ => Some(reader.time()?),
        };
        let key = match reader.rest() {
            [] => None,
            key => Some(key.try_into().ok()?),
        };
        Some(Self { release, attempts, first_due, owner, key, expires_at })
    }
}

/// An event as a topic keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub published: Timestamp,
    pub key: Option<String>,
    pub dead: Option<DeadLetter>,
    pub event: Event,
}

impl Stored {
    pub(super) fn encode(&self) -> Bytes {
        let mut writer = Writer::new(FORMAT).time(self.published);
        writer = match &self.key {
            Some(key) => writer.byte(1).text(key),
            None => writer.byte(0),
        };
        writer = match &self.dead {
            Some(dead) => (writer.byte(1).text(&dead.topic).text(&dead.group).text(&dead.reason))
                .number(dead.attempts.into())
                .time(dead.at),
            None => writer.byte(0),
        };
        writer.bytes(&event::stored::encode(&self.event)).done().into()
    }

    /// `None` if the bytes are no stored event.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, FORMAT)?;
        let published = reader.time()?;
        let key = match reader.byte()? {
            0 => None,
            _ => Some(reader.text()?.to_owned()),
        };
        let dead = match reader.byte()? {
            0 => None,
            _ => Some(DeadLetter {
                topic: reader.text()?.to_owned(),
                group: reader.text()?.to_owned(),
                reason: reader.text()?.to_owned(),
                attempts: u32::try_from(reader.number()?).ok()?,
                at: reader.time()?,
            }),
        };
        Some(Self { published, key, dead, event: event::stored::decode(reader.rest())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_and_anything_else_is_refused() {
        for (key, expires_at) in [(None, None), (Some([7; 16]), None), (Some([7; 16]), Some(Timestamp(5)))] {
            for release in [Release::Event, Release::Counted, Release::Kept] {
                let (first_due, owner) = (Timestamp(9), u64::MAX);
                let entry = Entry { release, attempts: 3, first_due, owner, key, expires_at };
                let bytes = entry.encode();
                assert_eq!(Entry::decode(&bytes), Some(entry));
                for end in 0..bytes.len() {
                    assert!(Entry::decode(&bytes[..end]).is_none_or(|cut| cut.key.is_none()), "{end}");
                }
            }
        }
    }

    #[test]
    fn keys_are_in_the_order_of_time_and_publication() {
        let keys = TopicKeys::new(&"shop".parse().unwrap(), &"orders.paid".parse().unwrap());
        let group = keys.group(&"mail".parse().unwrap());
        let stamp = |commit| Stamp { commit, ordinal: 0 };
        let key = |at, commit| group.entry(Place::Waiting(Timestamp(at)), stamp(commit));
        assert!(key(1, 9) < key(2, 1) && key(2, 1) < key(2, 2) && key(255, 1) < key(256, 1));
        assert_eq!(group.time(&key(77, 5)), Some(Timestamp(77)));
        assert_eq!(Stamp::of(&key(77, 5)), Some(stamp(5)));
        assert_eq!(crate::commit::account(&key(1, 1)), &keys.account());
    }
}
