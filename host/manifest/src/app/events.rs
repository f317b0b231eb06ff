//! Topics, who may publish to them, and who is given their events.

use std::time::Duration;

use mecha_primitives::{clock::Timestamp, delivery::Retry, name};

use super::{EnvValue, Route, Span, Spanned};
use crate::{pattern::TypePattern, url::Url};

/// A topic that the app declares, or that its subscriptions need for what they give up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: name::Topic,
    pub kind: TopicKind,
    /// Quota of events and queue entries, in bytes.
    pub max_size: u64,
    /// The largest event, in bytes; at most 4 MiB.
    pub max_event: u64,
    pub full: WhenFull,
    /// How long events are kept, delivered or not. `None`: until all groups have them.
    pub keep: Option<Duration>,
    /// How long a publication with the same source and id is recognized as a repetition. `None`: never.
    pub deduplicate: Option<Duration>,
    /// Where CloudEvents come in over HTTP. The path is exact, without captures.
    pub ingress: Option<Route>,
    /// The CloudEvents type of what is published without one.
    pub event_type: String,
    /// Nobody declared it: it takes the dead letters of subscriptions that name no topic for them. No pattern
    /// stands for it.
    pub implicit: bool,
    /// Of its name; of the first subscription that needs it, if it is implicit.
    pub at: Span,
}

impl Topic {
    /// Whether the pattern means it. An implicit topic has to be named: who writes `>` means the topics that they
    /// know.
    #[must_use]
    pub fn meant_by(&self, pattern: &name::TopicPattern) -> bool {
        pattern.matches(&self.name) && (!self.implicit || pattern.is_exact())
    }
}

/// Where a topic keeps its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicKind {
    /// In the tenant's database file.
    Embedded,
    /// In memory: lost when the host stops.
    Memory,
}

/// What a publisher gets when its topic is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// `quota-exceeded`.
    Refuse,
    /// It waits until there is room, or until its deadline.
    Wait,
    /// The oldest events make room, whether or not all groups have them.
    DropOldest,
}

/// That a component may publish. If several grants cover a topic, one that allows the event is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub topics: name::TopicPattern,
    /// The CloudEvents types that it may publish. None: any.
    pub types: Vec<TypePattern>,
    pub at: Span,
}

impl Publish {
    /// Whether the grant is about this topic.
    #[must_use]
    pub fn covers(&self, topic: &Topic) -> bool {
        topic.meant_by(&self.topics)
    }

    #[must_use]
    pub fn allows_type(&self, event_type: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|allowed| allowed.matches(event_type))
    }
}

/// Who is given a topic's events, and how. No two subscriptions of one group take the same topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub name: name::Subscription,
    /// At least one, and each means at least one topic of the app.
    pub topics: Vec<Spanned<name::TopicPattern>>,
    pub group: name::Group,
    /// Who gets what no route matches. `None`: it is settled unseen. Never `None` without routes.
    pub to: Option<Target>,
    /// A CEL expression: events of which it is false are not for this subscription.
    pub filter: Option<Spanned<String>>,
    /// The first that matches wins.
    pub routes: Vec<Case>,
    /// Deliveries in flight, from 1 to 1,000.
    pub concurrency: u32,
    /// Events with the same key are delivered one at a time, in the order of publication.
    pub ordered: bool,
    /// Events go to the batch handler.
    pub batch: Option<Batch>,
    pub start: Start,
    /// Events wait until it is resumed.
    pub paused: bool,
    pub retry: Retry,
    /// A topic of the app that takes what is given up. `None`: it is discarded.
    pub dead_letter: Option<Spanned<name::Topic>>,
    /// `None`: as each component says. Never given if no component gets events.
    pub atomic: Option<bool>,
    /// Of its name.
    pub at: Span,
}

impl Subscription {
    /// Whether events of this topic are for it.
    #[must_use]
    pub fn takes(&self, topic: &Topic) -> bool {
        self.topics.iter().any(|pattern| topic.meant_by(&pattern.value))
    }
}

/// Where an event goes for which a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// A CEL expression.
    pub when: Spanned<String>,
    pub to: Target,
    pub at: Span,
}

/// Who gets an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A component of the app.
    Component(Spanned<name::Component>),
    /// A URL outside of it.
    Sink(Box<Sink>),
}

/// A URL that events are sent to, as CloudEvents over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    pub url: Url,
    /// Names are in lowercase and unique; none is the transport's or CloudEvents' own.
    pub headers: Vec<(String, EnvValue)>,
    pub mode: SinkMode,
    pub timeout: Duration,
    /// The name may resolve to loopback, private and link-local addresses.
    pub private: bool,
    pub at: Span,
}

/// How an event becomes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkMode {
    /// Attributes as headers, the data as the body.
    Binary,
    /// All of it as one JSON document.
    Structured,
}

/// How many events a batch handler gets at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// At the most, from 1 to 1,000.
    pub size: u32,
    /// How long the first event waits for further ones; at most a minute.
    pub wait: Duration,
}

/// Which of a topic's events a group gets that is new to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Those that are published from now on.
    New,
    /// All that are kept.
    Earliest,
    /// Those published at this time or later.
    At(Timestamp),
}
