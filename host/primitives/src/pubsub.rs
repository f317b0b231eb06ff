//! Events that are published to topics and delivered to groups of subscribers.
//!
//! A publication is one batch: the event's record, and for each consumer group that wants it an entry in that group's
//! queue. From then on each group goes its own way: it leases an entry to an attempt, and settles it.
//!
//! ```text
//!   Topic::publish ──▶ event ─┬─▶ Queue of group a ──take──▶ lease ──settle──▶ done · later · dead letter
//!                             └─▶ Queue of group b
//! ```
//!
//! | module | idea |
//! |---|---|
//! | [`event`] | CloudEvents 1.0 |
//! | [`filter`] | which events a group wants: CEL |
//! | [`layout`] | keys and records on an engine |
//! | [`topic`] | publication: fan-out, deduplication, quotas |
//! | [`begin`] | where a new group begins |
//! | [`queue`] | a group's events on one topic: order, leases, retries |
//! | [`group`] | a subscription: the queues of its topics |
//! | [`letters`] | dead letters, for the operator |
//! | [`census`] | how the groups of a topic stand |
//! | [`conformance`] | a test for each law |

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    class::Class,
    clock::Timestamp,
    commit::{self, Engine},
};

mod codec;

pub mod begin;
pub mod census;
pub mod conformance;
pub mod event;
pub mod filter;
pub mod group;
pub mod layout;
pub mod letters;
pub mod queue;
pub mod topic;

pub use event::Event;

/// The longest ordering key, in bytes.
pub const MAX_KEY: usize = 255;
/// Messages in one `publish-many`.
pub const MAX_MESSAGES: usize = 1000;
/// The longest delay and time to live.
pub const MAX_TIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// An event on its way to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub event: Event,
    /// Whether the publisher gave the id itself: only then is a second one with the same source and id a repetition.
    pub recognizable: bool,
    /// Messages with the same key are delivered in the order of publication.
    pub key: Option<Arc<str>>,
    /// Not delivered before this has passed.
    pub delay: Option<Duration>,
    /// Discarded if not delivered within this.
    pub ttl: Option<Duration>,
}

impl Message {
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, recognizable: false, key: None, delay: None, ttl: None }
    }
}

/// Takes events for a topic.
///
/// # Laws                                                                  checked by
/// - What was acknowledged is delivered to every group that wants it.       `every_group_gets_every_event`
/// - A repetition within the window is acknowledged and not delivered.      `a_repetition_is_delivered_once`
/// - A refused publication leaves nothing.                                  `a_full_topic_refuses_and_leaves_nothing`
/// - Of many messages those that have room are taken, in order.             `a_part_is_taken_in_order`
/// - Or the publisher waits, but not beyond its deadline.                   `a_publisher_waits_for_room`
/// - Or the oldest events make room.                                        `the_oldest_make_room`
/// - Groups that cannot match are not asked, and change nothing.            `who_does_not_match_costs_nothing`
/// - In a unit of work it is there with the commit, and heard of then.      `a_unit_publishes_with_its_commit`
/// - A unit that meets a full topic does as a publisher does.               `a_unit_finds_room_as_a_publisher_does`
///
/// Those of delivery are at [`queue::Queue`].
#[async_trait]
pub trait Publisher: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// Publishes messages in order, and says of each its id or why it was refused. A topic that is full may make the
    /// publisher wait, but not beyond `deadline`.
    async fn publish(&self, messages: Vec<Message>, deadline: Timestamp) -> Vec<Result<String, Error>>;

    /// The same topic over another engine: the unit of work of an atomic call. Its groups hear of what is published
    /// when that is committed; whether there is room is found out then, too.
    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Publisher>;
}

/// Why a publication was refused. But for [`Timeout`](Error::Timeout), nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidArgument(String),
    #[error("{0}")]
    Denied(String),
    /// The event is larger than this many bytes.
    #[error("an event has at most {0} bytes")]
    TooLarge(u64),
    #[error("{0}")]
    QuotaExceeded(String),
    #[error("too many publications for now")]
    Busy(Option<Duration>),
    /// The event may or may not have been taken.
    #[error("it is unknown whether the event was taken")]
    Timeout,
    #[error("the topic is unavailable: {0}")]
    Unavailable(String),
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::InvalidArgument(_) => Class::Invalid,
            Self::Denied(_) => Class::Denied,
            Self::TooLarge(_) => Class::TooLarge,
            Self::QuotaExceeded(_) => Class::Quota,
            Self::Busy(after) => Class::Busy(*after),
            Self::Timeout => Class::Timeout,
            Self::Unavailable(_) => Class::Unavailable,
        }
    }
}

impl From<commit::Error> for Error {
    fn from(error: commit::Error) -> Self {
        match error {
            commit::Error::Quota { max_bytes, .. } => {
                Self::QuotaExceeded(format!("the topic holds {max_bytes} bytes, which is all that it may"))
            }
            commit::Error::Held { .. } => Self::QuotaExceeded(error.to_string()),
            commit::Error::Busy(after) => Self::Busy(after),
            commit::Error::Unknown(_) => Self::Timeout,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Why an event is in a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub topic: String,
    pub group: String,
    /// What the last attempt ended with.
    pub reason: String,
    pub attempts: u32,
    pub at: Timestamp,
}
