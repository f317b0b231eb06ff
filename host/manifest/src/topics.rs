//! The app's `topics`.

use std::time::Duration;

use mecha_primitives::name;

use crate::{
    app::{Span, Spanned, Topic, TopicKind, WhenFull},
    facts::Facts,
    limits::{size, size_up_to},
    pattern,
    read::{Item, Reader},
    route,
};

pub(crate) const KEYS: &[&str] = &["embedded", "memory", "keep", "deduplicate", "http", "type"];
pub(crate) const KIND_KEYS: &[&str] = &["max-size", "max-event", "full"];

const KINDS: &[(&str, TopicKind)] = &[("embedded", TopicKind::Embedded), ("memory", TopicKind::Memory)];
const FULL: &[(&str, WhenFull)] =
    &[("refuse", WhenFull::Refuse), ("wait", WhenFull::Wait), ("drop-oldest", WhenFull::DropOldest)];

const MAX_MAX_EVENT: u64 = 4 << 20;
const MAX_AGE: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

impl Topic {
    /// A topic of which nothing is said but its kind.
    pub(crate) fn plain(name: name::Topic, kind: TopicKind, at: Span) -> Self {
        Self {
            name,
            kind,
            max_size: match kind {
                TopicKind::Embedded => 1 << 30,
                TopicKind::Memory => 64 << 20,
            },
            max_event: 1 << 20,
            full: WhenFull::Refuse,
            keep: None,
            deduplicate: Some(Duration::from_secs(600)),
            ingress: None,
            event_type: "mecha.event.v1".to_owned(),
            implicit: false,
            at,
        }
    }
}

/// A topic: a kind, or a map with one kind as its key.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<Topic> {
    let name: Option<name::Topic> = reader.key_name(key, item, "a topic");
    let plain = |kind: Option<TopicKind>| {
        Some(Topic::plain(name.clone()?, kind.unwrap_or(TopicKind::Embedded), key.at))
    };
    if item.is_scalar() {
        let kind = reader.choice(item, "kind of topic", KINDS);
        return plain(kind);
    }
    let Some(fields) = reader.fields_or(item, "a kind of topic or a map", KEYS) else { return plain(None) };
    let kind = reader.kind(&fields, key.at, "topic", KINDS);
    let sizes = kind.as_ref().and_then(|(_, options)| sizes(reader, options));
    let keep = fields.or("keep", None, |item| reader.duration_up_to(item, MAX_AGE, "3650d").map(Some));
    let window = fields.get("deduplicate").map(|item| window(reader, &item));
    let ingress = fields.or("http", None, |item| {
        let route = route::read_exact(reader, item)?;
        facts.routes.push((route.clone(), item.key.clone()));
        Some(Some(route))
    });
    let event_type = fields.get("type").and_then(|item| reader.parse(&item, pattern::event_type));
    let base = plain(kind.map(|(kind, _)| kind))?;
    let sizes = sizes.unwrap_or_default();
    Some(Topic {
        max_size: sizes.max_size.unwrap_or(base.max_size),
        max_event: sizes.max_event.unwrap_or(base.max_event),
        full: sizes.full.unwrap_or(base.full),
        keep: keep.flatten(),
        deduplicate: window.unwrap_or(Some(base.deduplicate)).flatten(),
        ingress: ingress.flatten(),
        event_type: event_type.unwrap_or(base.event_type),
        ..base
    })
}

/// What is given of a kind's options.
#[derive(Default)]
struct Sizes {
    max_size: Option<u64>,
    max_event: Option<u64>,
    full: Option<WhenFull>,
}

/// Nothing at all, as in `embedded:`, stands for the defaults.
fn sizes(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Sizes> {
    if item.is_null() {
        return None;
    }
    let fields = reader.fields(item, KIND_KEYS)?;
    Some(Sizes {
        max_size: fields.get("max-size").and_then(|item| size(reader, &item)),
        max_event: fields.get("max-event").and_then(|item| size_up_to(reader, &item, MAX_MAX_EVENT, "4MiB")),
        full: fields.get("full").and_then(|item| reader.choice(&item, "way to be full", FULL)),
    })
}

/// How long repetitions are recognized, or `off`.
fn window(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<Duration>> {
    if matches!(item.scalar(), Some("off")) {
        return Some(None);
    }
    reader.duration_up_to(item, MAX_AGE, "3650d").map(Some)
}
