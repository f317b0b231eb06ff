//! Publishes what it is told to, and writes down what it receives.

use std::{collections::BTreeMap, time::Duration};

use mecha_guest::{
    events::{BatchSubscriber, Delivery, Message, Nack, Subscriber, Topic},
    http::{Error, Request, Response},
    json::{self, Value, json},
    state::{self, Store},
};
use serde::Deserialize;

use crate::{
    Courier,
    behave::behave,
    record::{append, now_ms, readable},
    refused,
};

/// A message as a story writes it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Draft {
    data: Option<Value>,
    text: Option<String>,
    /// So many bytes of data, so that large ones need no large request.
    size: Option<usize>,
    content_type: Option<String>,
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    source: Option<String>,
    subject: Option<String>,
    schema: Option<String>,
    key: Option<String>,
    delay_ms: Option<u64>,
    ttl_ms: Option<u64>,
    #[serde(default)]
    extensions: BTreeMap<String, String>,
}

impl Draft {
    fn message(self) -> Result<Message, Error> {
        let event_type = self.event_type.unwrap_or_else(|| "courier.test".to_owned());
        let (given, data) = match (self.size, self.text, self.data) {
            (Some(size), _, _) => ("application/octet-stream", vec![b'x'; size]),
            (_, Some(text), _) => ("text/plain; charset=utf-8", text.into_bytes()),
            (_, _, data) => ("application/json", json::to_vec(&data)?),
        };
        let content_type = self.content_type.unwrap_or_else(|| given.to_owned());
        let mut message = Message::bytes(event_type, content_type, data);
        if let Some(id) = self.id {
            message = message.id(id);
        }
        if let Some(source) = self.source {
            message = message.source(source);
        }
        if let Some(subject) = self.subject {
            message = message.subject(subject);
        }
        if let Some(schema) = self.schema {
            message = message.schema(schema);
        }
        if let Some(key) = self.key {
            message = message.key(key);
        }
        if let Some(ms) = self.delay_ms {
            message = message.delay(Duration::from_millis(ms));
        }
        if let Some(ms) = self.ttl_ms {
            message = message.ttl(Duration::from_millis(ms));
        }
        for (name, value) in self.extensions {
            message = message.extension(name, value);
        }
        Ok(message)
    }
}

pub fn publish(topic: &str, request: &Request) -> Result<Response, Error> {
    let message = request.json::<Draft>()?.message()?;
    match Topic::open(topic).and_then(|topic| topic.publish(&message)) {
        Ok(id) => Response::json(&json!({ "id": id })),
        Err(error) => refused::response(refused::event(error)),
    }
}

pub fn publish_many(topic: &str, request: &Request) -> Result<Response, Error> {
    let drafts: Vec<Draft> = request.json_within(16 << 20)?;
    let messages = drafts.into_iter().map(Draft::message).collect::<Result<Vec<_>, _>>()?;
    match Topic::open(topic).and_then(|topic| topic.publish_many(messages)) {
        Ok(outcomes) => Response::json(&outcomes.into_iter().map(outcome).collect::<Vec<_>>()),
        Err(error) => refused::response(refused::event(error)),
    }
}

fn outcome(outcome: Result<String, mecha_guest::events::Error>) -> Value {
    match outcome {
        Ok(id) => json!({ "id": id }),
        Err(error) => refused::value(refused::event(error)),
    }
}

impl Subscriber for Courier {
    fn handle(delivery: Delivery) -> Result<(), Nack> {
        write_down(&delivery)?;
        behave(&delivery.event.data, delivery.attempt)
    }
}

impl BatchSubscriber for Courier {
    fn handle_batch(deliveries: Vec<Delivery>) -> Vec<Result<(), Nack>> {
        if let Some(first) = deliveries.first() {
            let key = format!("batches/{}", first.subscription);
            if let Err(error) = append(&key, &json!(deliveries.len())) {
                return vec![Err(error.into()); deliveries.len()];
            }
        }
        deliveries.into_iter().map(Self::handle).collect()
    }
}

fn write_down(delivery: &Delivery) -> Result<(), state::Error> {
    let event = &delivery.event;
    let seen = json!({
        "attempt": delivery.attempt,
        "topic": delivery.topic,
        "key": delivery.key,
        "published-ms": delivery.published_ms,
        "type": event.event_type,
        "source": event.source,
        "subject": event.subject,
        "time": event.time,
        "schema": event.schema,
        "content-type": event.content_type,
        "extensions": event.extensions.iter().cloned().collect::<BTreeMap<_, _>>(),
        "data": readable(&event.data),
        "size": event.data.len(),
        "dead-letter": delivery.dead_letter.as_ref().map(|dead| json!({
            "topic": dead.topic,
            "subscription": dead.subscription,
            "reason": dead.reason,
            "attempts": dead.attempts,
            "at-ms": dead.at_ms,
        })),
        "at": now_ms(),
    });
    append(&format!("event/{}/{}", delivery.subscription, event.id), &seen)?;
    Store::open("seen")?.add(&format!("count/{}", delivery.subscription), 1)
}
