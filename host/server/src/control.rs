//! What an operator can ask of an app: how its topics stand, what was given up, to pause, to call.
//!
//! The same questions are answered by a running host (over a socket in its data directory, which the system lets only
//! its owner open; see [`socket`]) and by the command line itself, when no host has the data.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use mecha_primitives::{
    class::Class,
    clock::Clock,
    commit::{self, Action, Batch, Change, Stamp, Version},
    invoke::{self, Options, Request},
    name,
    pubsub::{
        letters::{Letter, Letters},
        topic,
    },
    random::Random,
};
use serde_json::{Value, json};

use crate::{
    conflicts::{Conflicts, Hot},
    dispatch::calls::Switchboard,
    wire::events::{Events, Subscription, paused_key},
};

pub mod socket;
mod topics;

/// An app, as its operator sees it.
pub struct Control {
    pub app: name::App,
    pub events: Arc<Events>,
    pub board: Arc<Switchboard>,
    pub conflicts: Arc<Conflicts>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Whether this is the host that serves the app: what is in memory is here only then.
    pub serves: bool,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Control({})", self.app)
    }
}

/// A question, in the form that it has over HTTP.
#[derive(Debug)]
pub struct Question {
    pub method: Method,
    /// Parts of the path, without slashes.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Question {
    fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer: a status, and JSON or what a component answered.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: String,
    pub body: Bytes,
}

impl Reply {
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self { status, content_type: "application/json".into(), body: format!("{body}\n").into() }
    }

    fn good(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub fn wrong(status: StatusCode, detail: impl fmt::Display) -> Self {
        Self::json(status, &json!({ "error": detail.to_string() }))
    }
}

impl From<commit::Error> for Reply {
    fn from(error: commit::Error) -> Self {
        Self::wrong(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

/// Letters in one listing at the most.
const PAGE: usize = 1000;

impl Control {
    /// Answers a question.
    pub async fn answer(&self, question: &Question) -> Reply {
        let path: Vec<_> = question.path.iter().map(String::as_str).collect();
        let answered = match (question.method.as_str(), &*path) {
            ("GET", ["topics"]) => topics::list(&self.events).await,
            ("DELETE", ["topics", topic, "groups", group]) => {
                topics::forget(&self.events, topic, group).await
            }
            ("POST", ["subscriptions", name, "pause"]) => self.pause(name, true).await,
            ("POST", ["subscriptions", name, "resume"]) => self.pause(name, false).await,
            ("GET", ["conflicts"]) => Ok(self.conflicts(question)),
            ("GET", ["dlq"]) => self.letters(question).await,
            ("GET", ["dlq", topic, stamp]) => self.letter(topic, stamp).await,
            ("POST", ["dlq", topic, stamp, "replay"]) => self.replay(topic, stamp).await,
            ("DELETE", ["dlq", topic, stamp]) => self.drop_letter(topic, stamp).await,
            ("POST", ["invoke", component, method]) => Ok(self.invoke(component, method, question).await),
            _ => Err(Reply::wrong(StatusCode::NOT_FOUND, "there is no such thing to ask")),
        };
        answered.unwrap_or_else(|reply| reply)
    }

    /// The keys that atomic calls race for, since the host was started.
    fn conflicts(&self, question: &Question) -> Reply {
        let most = question.get("limit").and_then(|text| text.parse().ok()).unwrap_or(20);
        let hottest = self.conflicts.hottest(most).into_iter().map(
            |Hot { component, key, runs }| json!({ "component": component.as_str(), "key": key, "runs": runs }),
        );
        Reply::good(&json!({ "conflicts": hottest.collect::<Vec<_>>() }))
    }

    fn subscription(&self, name: &str) -> Option<&Subscription> {
        self.events.subscriptions.iter().find(|subscription| subscription.name.as_str() == name)
    }

    async fn pause(&self, name: &str, paused: bool) -> Result<Reply, Reply> {
        let unknown = || Reply::wrong(StatusCode::NOT_FOUND, format!("there is no subscription `{name}`"));
        let subscription = self.subscription(name).ok_or_else(unknown)?;
        if !self.serves && !subscription.engine.is_durable() {
            let why =
                format!("the topics of `{name}` are in memory, and no host runs: there is nothing to pause");
            return Err(Reply::wrong(StatusCode::CONFLICT, why));
        }
        let record = commit::Record {
            version: Version::new(self.random.call_id(), 0, 0),
            expires_at: None,
            media_type: None,
            value: Bytes::from_static(if paused { b"paused" } else { b"resumed" }),
        };
        let key = paused_key(&self.app, &subscription.name);
        let changes = vec![Change { key, expect: None, action: Action::Put(record) }];
        subscription.engine.commit(Batch { changes, ..Batch::default() }).await?;
        subscription.paused.send_replace(paused);
        Ok(Reply::good(&json!({ "subscription": name, "paused": paused })))
    }

    /// The topics that take dead letters.
    fn burials(&self) -> impl Iterator<Item = (&name::Topic, Letters)> {
        let taken = |topic: &&Arc<topic::Topic>| self.events.is_dead_letter_topic(topic.name());
        let topics = self.events.topics().filter(taken);
        topics.map(|topic| (topic.name(), Letters::new(topic.clone(), self.clock.clone())))
    }

    async fn letters(&self, question: &Question) -> Result<Reply, Reply> {
        let limit = question.get("limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
        let (mut found, mut more) = (vec![], false);
        for (topic, letters) in self.burials() {
            if question.get("topic").is_some_and(|wanted| wanted != topic.as_str()) {
                continue;
            }
            let after = question.get("after").and_then(stamp);
            let (listed, rest) = letters.list(after, limit).await?;
            more |= rest;
            found.extend(listed.iter().map(|letter| shown(topic, letter, false)));
        }
        let topics: Vec<_> = self.burials().map(|(topic, _)| topic.to_string()).collect();
        Ok(Reply::good(&json!({ "letters": found, "more": more, "topics": topics })))
    }

    async fn find(&self, topic: &str, text: &str) -> Result<(Letters, Letter), Reply> {
        let unknown =
            || Reply::wrong(StatusCode::NOT_FOUND, format!("there is no dead letter {topic}/{text}"));
        let (_, letters) = self.burials().find(|(name, _)| name.as_str() == topic).ok_or_else(unknown)?;
        let letter = letters.get(stamp(text).ok_or_else(unknown)?).await?.ok_or_else(unknown)?;
        Ok((letters, letter))
    }

    async fn letter(&self, topic: &str, stamp: &str) -> Result<Reply, Reply> {
        let (_, letter) = self.find(topic, stamp).await?;
        let name = name::Topic::new(topic).map_err(|wrong| Reply::wrong(StatusCode::NOT_FOUND, wrong))?;
        Ok(Reply::good(&shown(&name, &letter, true)))
    }

    async fn replay(&self, topic: &str, stamp: &str) -> Result<Reply, Reply> {
        let (letters, letter) = self.find(topic, stamp).await?;
        let dead = letter
            .stored
            .dead
            .as_ref()
            .ok_or_else(|| Reply::wrong(StatusCode::NOT_FOUND, "no dead letter"))?;
        let origin = self.events.topics().find(|origin| origin.name().as_str() == dead.topic);
        let group = self.events.subscriptions.iter().find(|subscription| {
            let takes = |topic: &Arc<topic::Topic>| topic.name().as_str() == dead.topic;
            subscription.member.group.as_str() == dead.group && subscription.topics.iter().any(takes)
        });
        let (Some(origin), Some(group)) = (origin, group) else {
            let gone =
                format!("the manifest has no longer the group `{}` on topic `{}`", dead.group, dead.topic);
            return Err(Reply::wrong(StatusCode::CONFLICT, gone));
        };
        match letters.replay(&letter, origin, &group.member).await? {
            true => Ok(Reply::good(&json!({ "replayed": format!("{topic}/{stamp}") }))),
            false => Err(Reply::wrong(StatusCode::NOT_FOUND, "the dead letter is gone")),
        }
    }

    async fn drop_letter(&self, topic: &str, stamp: &str) -> Result<Reply, Reply> {
        let (letters, letter) = self.find(topic, stamp).await?;
        letters.drop(&letter).await?;
        Ok(Reply::good(&json!({ "dropped": format!("{topic}/{stamp}") })))
    }

    /// A call by people and scripts: the component's manifest entry must let `outside` call the method.
    pub async fn invoke(&self, component: &str, method: &str, question: &Question) -> Reply {
        let Ok(component) = component.parse::<name::Component>() else {
            return Reply::wrong(StatusCode::NOT_FOUND, format!("there is no component `{component}`"));
        };
        let text =
            |name: &str| question.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let request = Request {
            method: method.to_owned(),
            data: question.body.clone(),
            content_type: text("content-type"),
            metadata: vec![],
        };
        let options = Options { timeout: None, idempotency_key: text("idempotency-key") };
        match self.board.call_from_outside(&component, request, options).await {
            Ok(response) => Reply {
                status: StatusCode::OK,
                content_type: response.content_type.unwrap_or_else(|| "application/octet-stream".into()),
                body: response.data,
            },
            Err(error) => failed(&error),
        }
    }
}

fn failed(error: &invoke::Error) -> Reply {
    use invoke::FaultKind as Kind;
    let status = match error {
        invoke::Error::Fault(fault) => match fault.kind {
            Kind::InvalidRequest => StatusCode::BAD_REQUEST,
            Kind::NotFound | Kind::UnknownMethod => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Denied => StatusCode::FORBIDDEN,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        },
        other => match other.class() {
            Class::NotFound => StatusCode::NOT_FOUND,
            Class::Denied => StatusCode::FORBIDDEN,
            Class::Invalid => StatusCode::BAD_REQUEST,
            Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Class::Busy(_) | Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Class::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    };
    match error {
        invoke::Error::Fault(fault) => Reply::json(
            status,
            &json!({
                "fault": fault.kind.as_str(),
                "message": fault.message,
                "detail": fault.detail.as_ref().map(|detail| String::from_utf8_lossy(detail).into_owned()),
            }),
        ),
        other => Reply::wrong(status, other),
    }
}

fn stamp(text: &str) -> Option<Stamp> {
    let (commit, ordinal) = text.split_once('-')?;
    Some(Stamp { commit: commit.parse().ok()?, ordinal: ordinal.parse().ok()? })
}

/// A dead letter as JSON: why it is one, and the event, whole if asked for.
fn shown(topic: &name::Topic, letter: &Letter, whole: bool) -> Value {
    let stored = &letter.stored;
    let dead = stored.dead.as_ref();
    let mut shown = json!({
        "id": format!("{topic}/{}", letter.stamp),
        "topic": dead.map(|dead| &dead.topic),
        "group": dead.map(|dead| &dead.group),
        "reason": dead.map(|dead| &dead.reason),
        "attempts": dead.map(|dead| dead.attempts),
        "at-ms": dead.map(|dead| dead.at.0),
        "published-ms": stored.published.0,
        "event-id": stored.event.id(),
        "type": stored.event.kind(),
    });
    if whole {
        let event = mecha_primitives::pubsub::event::json::write(&stored.event);
        shown["event"] = serde_json::from_slice(&event).unwrap_or_default();
        shown["ordering-key"] = stored.key.clone().into();
    }
    shown
}
