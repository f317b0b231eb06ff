//! What is kept of a delivery: the event as CloudEvents' JSON has it, and how it came here.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mecha_guest::{
    events::{Delivery, Event},
    json::{Map, Value, from_slice, json},
};
use sha2::{Digest as _, Sha256};

/// A delivery, to be kept.
#[derive(Debug, Clone)]
pub struct Record {
    /// The same whenever the same event comes again to the same subscription.
    pub mark: String,
    pub shown: Map<String, Value>,
}

impl Record {
    /// Data of more than `max_data` bytes is left out.
    pub fn new(delivery: &Delivery, max_data: usize) -> Self {
        let mut shown = Map::new();
        shown.insert("topic".into(), delivery.topic.clone().into());
        shown.insert("subscription".into(), delivery.subscription.clone().into());
        shown.insert("published_ms".into(), delivery.published_ms.into());
        if let Some(key) = &delivery.key {
            shown.insert("key".into(), key.clone().into());
        }
        if let Some(dead) = &delivery.dead_letter {
            let dead = json!({
                "topic": dead.topic,
                "subscription": dead.subscription,
                "reason": dead.reason,
                "attempts": dead.attempts,
                "at_ms": dead.at_ms,
            });
            shown.insert("dead_letter".into(), dead);
        }
        let event = &delivery.event;
        let mut attributes = attributes(event);
        if event.data.len() > max_data {
            shown.insert("data_bytes".into(), event.data.len().into());
        } else if !event.data.is_empty() {
            let (name, value) = data(event);
            attributes.insert(name.into(), value);
        }
        shown.insert("event".into(), attributes.into());
        Self { mark: mark(delivery), shown }
    }
}

/// Those of CloudEvents win: no extension should have such a name.
fn attributes(event: &Event) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        event.extensions.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let given = [
        ("specversion", Some("1.0")),
        ("id", Some(event.id.as_str())),
        ("source", Some(&event.source)),
        ("type", Some(&event.event_type)),
        ("subject", event.subject.as_deref()),
        ("time", event.time.as_deref()),
        ("datacontenttype", event.content_type.as_deref()),
        ("dataschema", event.schema.as_deref()),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            all.insert(name.into(), value.into());
        }
    }
    all
}

/// What can be read is kept readable.
fn data(event: &Event) -> (&'static str, Value) {
    if event.content_type.as_deref().is_none_or(is_json)
        && let Ok(value) = from_slice(&event.data)
    {
        return ("data", value);
    }
    match event.text() {
        Some(text) => ("data", text.into()),
        None => ("data_base64", BASE64_STANDARD.encode(&event.data).into()),
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// An event is known by source and id together. Of a topic for dead letters, one may be given up several times.
fn mark(delivery: &Delivery) -> String {
    let event = &delivery.event;
    let dead = delivery
        .dead_letter
        .as_ref()
        .map(|dead| format!("{} {} {}", dead.topic, dead.subscription, dead.at_ms));
    let parts =
        [&delivery.topic, &delivery.subscription, &event.source, &event.id, &dead.unwrap_or_default()];
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts are the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use mecha_guest::events::{DeadLetter, Message};

    use super::*;

    fn record(message: Message, max_data: usize) -> Value {
        Record::new(&Delivery::new("log", message), max_data).shown.into()
    }

    #[test]
    fn a_record_is_the_event_as_cloudevents_has_it() {
        let message = Message::json("order.placed", &json!({ "total": 7 }))
            .unwrap()
            .id("7")
            .source("/shop")
            .subject("order-7")
            .extension("tone", "warm")
            .key("k");
        let expected = json!({
            "topic": "test",
            "subscription": "log",
            "published_ms": 0,
            "key": "k",
            "event": {
                "specversion": "1.0",
                "id": "7",
                "source": "/shop",
                "type": "order.placed",
                "subject": "order-7",
                "datacontenttype": "application/json",
                "tone": "warm",
                "data": { "total": 7 },
            },
        });
        assert_eq!(record(message, 1000), expected);
    }

    #[test]
    fn data_is_kept_readable_and_only_if_it_is_small() {
        let deep = "[".repeat(10_000);
        let cases = [
            (Message::text("t", "hello"), "data", json!("hello")),
            (Message::bytes("t", "application/json", "{"), "data", json!("{")),
            (Message::bytes("t", "application/json", deep.clone()), "data", json!(deep)),
            (Message::bytes("t", "a/b+json", "[1]"), "data", json!([1])),
            (Message::bytes("t", "image/png", [0xff, 0]), "data_base64", json!("/wA=")),
            (Message::new("t"), "data", Value::Null),
        ];
        for (message, name, value) in cases {
            assert_eq!(record(message, 10_000)["event"][name], value);
        }
        let large = record(Message::text("t", "x".repeat(11)), 10);
        assert_eq!(large["data_bytes"], 11);
        assert_eq!(large["event"].get("data"), None);
    }

    #[test]
    fn the_same_event_has_the_same_mark_and_no_other_has() {
        let delivery =
            |id: &str, source: &str| Delivery::new("log", Message::text("t", "x").id(id).source(source));
        let dead = |at_ms| {
            let letter = DeadLetter {
                topic: "a".into(),
                subscription: "b".into(),
                reason: String::new(),
                attempts: 1,
                at_ms,
            };
            Delivery { dead_letter: Some(letter), ..delivery("1", "/a") }
        };
        let again = Delivery { attempt: 2, published_ms: 9, ..delivery("1", "/a") };
        assert_eq!(mark(&delivery("1", "/a")), mark(&again));
        let others = [
            delivery("1", "/a"),
            delivery("2", "/a"),
            delivery("1", "/b"),
            delivery("a1", "/"),
            Delivery { topic: "other".into(), ..delivery("1", "/a") },
            Delivery { subscription: "other".into(), ..delivery("1", "/a") },
            dead(1),
            dead(2),
        ];
        let mut marks: Vec<_> = others.iter().map(mark).collect();
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), others.len());
    }
}
