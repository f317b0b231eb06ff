//! Topics, publications, subscriptions and schedules.

use schemars::JsonSchema;

use super::{Name, Path, Size, Time, bindings::Headers};

/// Names with dots between them; at most 63 characters.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TopicName(#[schemars(regex(pattern = r"^[a-z0-9-]+(\.[a-z0-9-]+)*$"))] String);

/// A topic, or a pattern: `*` stands for one part between dots, a last `>` for all that follow.
#[derive(JsonSchema)]
pub(super) struct TopicPattern(
    #[schemars(regex(pattern = r"^([a-z0-9-]+|\*)(\.([a-z0-9-]+|\*))*(\.>)?$|^>$"))] String,
);

/// A topic: a kind, or a map with one kind as its key.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Topic {
    Kind(TopicKind),
    Full(Box<FullTopic>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum TopicKind {
    /// In the tenant's database file.
    Embedded,
    /// In memory: lost when the host stops.
    Memory,
}

#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["embedded"] }, { "required": ["memory"] }])
)]
pub(super) struct FullTopic {
    /// In the tenant's database file.
    #[schemars(default)]
    embedded: Option<TopicOptions>,
    /// In memory: lost when the host stops.
    #[schemars(default)]
    memory: Option<TopicOptions>,
    /// Keep events this long, delivered or not; until all groups have them by default. At most 3650d.
    #[schemars(default, with = "Time")]
    keep: Option<Time>,
    /// How long a publication with the same source and id is taken for a repetition; `off` for never.
    #[schemars(default, with = "TimeOrOff", extend("default" = "10m"))]
    deduplicate: Option<TimeOrOff>,
    /// Where CloudEvents come in over HTTP: an exact path.
    #[schemars(default, with = "ExactRoute")]
    http: Option<ExactRoute>,
    /// The CloudEvents type of what is published without one.
    #[schemars(default, with = "String", extend("default" = "mecha.event.v1"))]
    r#type: Option<String>,
}

/// A path, or a path with a host, of the host's own.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum ExactRoute {
    Path(Path),
    Full(FullExactRoute),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct FullExactRoute {
    path: Path,
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "String")]
    host: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct TopicOptions {
    /// Quota of events and queue entries; 1GiB by default, 64MiB in memory.
    #[schemars(default, with = "Size")]
    max_size: Option<Size>,
    /// The largest event; at most 4MiB.
    #[schemars(default, with = "Size", extend("default" = "1MiB"))]
    max_event: Option<Size>,
    #[schemars(default, with = "WhenFull", extend("default" = "refuse"))]
    full: Option<WhenFull>,
}

/// What a publisher gets when the topic is full.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum WhenFull {
    /// `quota-exceeded`.
    Refuse,
    /// It waits until there is room, or until its deadline.
    Wait,
    /// The oldest events make room, whether or not all groups have them.
    DropOldest,
}

/// A duration, or `off`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum TimeOrOff {
    Time(Time),
    Off(Off),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Off {
    Off,
}

/// A topic or a pattern, or one with the types that are allowed.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Publish {
    Topic(TopicPattern),
    Full(FullPublish),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullPublish {
    topic: TopicPattern,
    /// CloudEvents types, exact or with a last `*`; any by default.
    #[schemars(default, extend("minItems" = 1))]
    types: Vec<String>,
}

/// Who is given a topic's events, and how.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Subscription {
    /// A topic, a pattern, or a list of them.
    topic: Topics,
    /// Each event goes once to each group. The subscription's name by default.
    #[schemars(default, with = "Name")]
    group: Option<Name>,
    /// Who gets the events that no route matches: a component or a URL.
    #[schemars(default, with = "Target")]
    to: Option<Target>,
    /// A CEL expression over `event` and `data`: what it is false for is not for this subscription.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "String", length(min = 1))]
    filter: Option<String>,
    /// The first that matches wins.
    #[schemars(default)]
    routes: Vec<Case>,
    /// Deliveries in flight.
    #[schemars(default, with = "u32", range(min = 1, max = 1000), extend("default" = 10))]
    concurrency: Option<u32>,
    /// Events with the same key one at a time, in their order.
    #[schemars(default, with = "bool", extend("default" = true))]
    ordered: Option<bool>,
    /// Several events for one call of the batch handler.
    #[schemars(default, with = "Batch")]
    batch: Option<Batch>,
    /// `new`, `earliest` or a time (RFC 3339): what a group gets that is new.
    #[schemars(default, with = "String", extend("default" = "new"))]
    start: Option<String>,
    /// Events wait until it is resumed.
    #[schemars(default)]
    paused: bool,
    #[schemars(default, with = "Retry")]
    retry: Option<Retry>,
    /// A topic for what is given up, or `off`.
    #[schemars(default, with = "TopicName", extend("default" = "dead-letters"))]
    dead_letter: Option<TopicName>,
    /// Calls of components for it are transactions; as each component says by default.
    #[schemars(default, with = "bool", skip_serializing_if = "Option::is_none")]
    atomic: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Topics {
    One(TopicPattern),
    Several(#[schemars(extend("minItems" = 1))] Vec<TopicPattern>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Case {
    /// A CEL expression over `event` and `data`.
    #[schemars(length(min = 1))]
    when: String,
    to: Target,
}

/// A component's name, or a URL.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Target {
    Component(Name),
    Sink(Box<Sink>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Sink {
    /// Where CloudEvents are posted to.
    #[schemars(regex(pattern = "^[Hh][Tt][Tt][Pp][Ss]?://"))]
    url: String,
    /// `${env:NAME}` and `${file:path}` put in secrets.
    #[schemars(default)]
    headers: Headers,
    #[schemars(default, with = "SinkMode", extend("default" = "binary"))]
    mode: Option<SinkMode>,
    #[schemars(default, with = "Time", extend("default" = "30s"))]
    timeout: Option<Time>,
    /// The host may have a loopback, private or link-local address.
    #[schemars(default)]
    private: bool,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum SinkMode {
    /// Attributes as headers, the data as the body.
    Binary,
    /// All of it as one JSON document.
    Structured,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Batch {
    /// Events at the most.
    #[schemars(range(min = 1, max = 1000))]
    size: u32,
    /// How long the first event waits for others; at most 60s.
    #[schemars(default, with = "Time", extend("default" = "100ms"))]
    wait: Option<Time>,
}

/// When to try again, and when to give up.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Retry {
    /// The first included; or `forever`.
    #[schemars(default, with = "Attempts")]
    attempts: Option<Attempts>,
    /// Before the second attempt; doubled before every further one.
    #[schemars(default, with = "Time")]
    min: Option<Time>,
    /// Between two attempts at the most.
    #[schemars(default, with = "Time")]
    max: Option<Time>,
    /// No further attempt begins after this long; no end by default.
    #[schemars(default, with = "Time")]
    age: Option<Time>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Attempts {
    Number(#[schemars(range(min = 1))] u32),
    Forever(Forever),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Forever {
    Forever,
}

/// What a component does at given times. Exactly one of `cron` and `every`.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["cron"] }, { "required": ["every"] }])
)]
pub(super) struct Schedule {
    /// Five fields, or six with the seconds first.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    #[schemars(default, with = "Time")]
    every: Option<Time>,
    /// An IANA name, for `cron`.
    #[schemars(default, with = "String", extend("default" = "UTC"))]
    time_zone: Option<String>,
    /// The component whose job handler is called.
    to: Name,
    /// What the handler is given; at most 64 KiB.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Of `data`.
    #[schemars(default, with = "String", extend("default" = "text/plain; charset=utf-8"))]
    content_type: Option<String>,
    #[schemars(default, with = "Missed", extend("default" = "run-once"))]
    missed: Option<Missed>,
    #[schemars(default, with = "Retry")]
    retry: Option<Retry>,
    /// Its runs are transactions; as the component says by default.
    #[schemars(default, with = "bool", skip_serializing_if = "Option::is_none")]
    atomic: Option<bool>,
}

/// What happens to times that passed while the host was down.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Missed {
    Skip,
    /// One run makes up for all of them.
    RunOnce,
    RunAll,
}
