//! HTTP ingress: requests become events of a topic. (CloudEvents HTTP Protocol Binding 1.0.2, section 3.)
//!
//! Structured, binary and batched CloudEvents are taken, and anything else as the data of an event that the host makes.
//! An event is answered with 202 when the topic has it durably, and with its id.

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode};
use mecha_primitives::{
    class::Class,
    clock::Clock,
    name,
    pubsub::{
        Error, Event, Message, Publisher as _,
        event::{
            Defaults, Draft, Wrong,
            http::{Received, read},
        },
        topic::Topic,
    },
    random::Random,
};
use mecha_runtime::imports::event_id;
use serde_json::json;

use super::reply;
use crate::{
    body::Incoming,
    dispatch::http::{Answer, problem},
    trace,
};

/// A topic that takes events over HTTP.
#[derive(Debug)]
pub struct Ingress {
    pub app: name::App,
    pub topic: Arc<Topic>,
    pub default_type: String,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub room: reply::Room,
}

/// How long a publisher may wait for room.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a batch at the most. Each event has the topic's own limit.
const BATCH: u64 = 8 << 20;

impl Ingress {
    pub async fn answer(&self, request: Request<impl Incoming>) -> Answer {
        if request.method() != http::Method::POST {
            return reply::not_posted();
        }
        let (parts, body, _place) = match self.room.whole(request, BATCH).await {
            Ok(whole) => whole,
            Err(answer) => return answer,
        };
        let fields = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let received = match read(fields, &body) {
            Ok(received) => received,
            Err(wrong) => return refuse(&wrong),
        };
        let traceparent = parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
        let trace = trace::child(traceparent, bytes(&*self.random), bytes(&*self.random));
        let (messages, is_batch) = match received {
            Received::Event(event) => (vec![message(traced(event, &trace), true)], false),
            Received::Batch(events) => {
                (events.into_iter().map(|event| message(traced(event, &trace), true)).collect(), true)
            }
            Received::Plain(draft) => match self.complete(draft, &trace) {
                Ok(event) => (vec![message(event, false)], false),
                Err(wrong) => return refuse(&wrong),
            },
        };
        if let Some(forged) = messages.iter().find(|message| self.is_forged(&message.event)) {
            let detail =
                format!("attribute `source`: `{}` is a component's of this app", forged.event.source());
            let body = json!({ "error": "denied", "attribute": "source", "detail": detail });
            return reply::json(StatusCode::FORBIDDEN, &body);
        }
        // In a task of its own: a client that goes away does not keep the groups from being told.
        let (topic, deadline) = (self.topic.clone(), self.clock.now() + PATIENCE);
        let published = tokio::spawn(async move { topic.publish(messages, deadline).await });
        let Ok(outcomes) = published.await else { return problem(StatusCode::INTERNAL_SERVER_ERROR, None) };
        let status =
            outcomes.iter().find_map(|outcome| outcome.as_ref().err()).map_or(StatusCode::ACCEPTED, status);
        let mut told = outcomes.iter().map(|outcome| match outcome {
            Ok(id) => json!({ "id": id }),
            Err(error) => json!({ "error": error.class().as_str(), "detail": error.to_string() }),
        });
        let body = if is_batch { told.collect() } else { told.next().unwrap_or_default() };
        reply::json(status, &body)
    }

    /// Whether somebody outside names a component of the app as the source.
    fn is_forged(&self, event: &Event) -> bool {
        let rest = event.source().strip_prefix('/').and_then(|rest| rest.strip_prefix(self.app.as_str()));
        rest.is_some_and(|rest| rest.starts_with('/') && rest != "/ingress")
    }

    fn complete(&self, draft: Draft, trace: &str) -> Result<Event, Wrong> {
        let id = event_id(&*self.random);
        let source = format!("/{}/ingress", self.app);
        let time = self.clock.now();
        draft.complete(&Defaults {
            id: &id,
            source: &source,
            kind: &self.default_type,
            time,
            traceparent: Some(trace),
        })
    }
}

/// An event that says to which trace it belongs: its own, or that of the request.
fn traced(event: Event, trace: &str) -> Event {
    if event.extension("traceparent").is_some() {
        return event;
    }
    let mut draft = event.clone().into_draft();
    draft.extensions.push(("traceparent".to_owned(), trace.to_owned()));
    // One that has as many extensions as it may stays as it is.
    draft.check().unwrap_or(event)
}

fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    std::array::from_fn(|_| random.next() as u8)
}

/// The extension `partitionkey` is the ordering key. (CloudEvents Partitioning Extension)
fn message(event: Event, recognizable: bool) -> Message {
    let key = event.extension("partitionkey").filter(|key| !key.is_empty()).map(Arc::from);
    Message { key, recognizable, ..Message::new(event) }
}

fn refuse(wrong: &Wrong) -> Answer {
    let body = json!({ "error": "invalid", "attribute": wrong.attribute, "detail": wrong.to_string() });
    reply::json(StatusCode::BAD_REQUEST, &body)
}

fn status(error: &Error) -> StatusCode {
    match error.class() {
        Class::Invalid => StatusCode::BAD_REQUEST,
        Class::Denied => StatusCode::FORBIDDEN,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::Quota => StatusCode::INSUFFICIENT_STORAGE,
        Class::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
        Class::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
