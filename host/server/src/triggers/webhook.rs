//! Webhooks: requests that prove where they come from, each handled while its sender waits.
//!
//! The sender is who repeats: an answer of 2xx settles the input, 4xx rejects it, 5xx asks for it again.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use mecha_primitives::{
    bindings::signature::Verifier,
    commit::{self, Version},
    delivery::{
        Outcome, Settled,
        inbox::{consume, mark},
    },
    identity::Trigger,
    name,
    unit::Unit,
};
use mecha_runtime::exports::inputs::{Input, Reply, handle};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::reply;
use crate::{
    apps::Target,
    body::Incoming,
    dispatch::{
        Dispatcher, Occasion,
        atomic::{Failure, Frame},
        http::{Answer, failed, problem},
    },
};

/// An input binding that takes HTTP requests.
pub struct Webhook {
    pub dispatcher: Dispatcher,
    pub name: name::Binding,
    pub target: Arc<Target>,
    pub signature: Option<Signature>,
    /// The header with the input's stable id.
    pub id: Option<String>,
    pub room: reply::Room,
    /// Whether the call and the mark of what it has consumed are one.
    pub atomic: bool,
}

/// How a request proves where it comes from.
pub struct Signature {
    pub verifier: Verifier,
    pub header: String,
    /// The header that says when it was signed.
    pub timestamp: Option<String>,
}

/// The largest body, if the component's own limit is not smaller.
const BODY: u64 = 4 << 20;

impl Webhook {
    pub async fn answer(&self, request: Request<impl Incoming>) -> Answer {
        if request.method() != http::Method::POST {
            return reply::not_posted();
        }
        let limit = self.target.micrologic.limits().request_body.map_or(BODY, |own| own.min(BODY));
        let (parts, body, place) = match self.room.whole(request, limit).await {
            Ok(whole) => whole,
            Err(answer) => return answer,
        };
        if let Some(signature) = &self.signature {
            let found = |name: &str| parts.headers.get(name).map(http::HeaderValue::as_bytes);
            let timestamp = signature.timestamp.as_deref().and_then(found);
            let now = self.dispatcher.clock.now();
            if let Err(refused) = signature.verifier.verify(found(&signature.header), timestamp, &body, now) {
                tracing::warn!(input = %self.name, %refused, "webhook refused");
                return problem(StatusCode::UNAUTHORIZED, None);
            }
        }
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let id = self.id.as_deref().and_then(text).filter(|id| !id.is_empty() && id.len() <= 255);
        let mark = id.map(|id| mark(&self.target.app, &self.name, id));
        let input = Input {
            id: id.map_or_else(|| blake3::hash(&body).to_hex().to_string(), str::to_owned),
            binding: self.name.clone(),
            content_type: text("content-type").map(str::to_owned),
            metadata: metadata(&parts.headers, self.signature.as_ref(), parts.uri.query()),
            data: body,
            attempt: 1,
        };
        let permit = match self.dispatcher.admission(&self.target).await {
            Ok(permit) => permit,
            Err(answer) => return answer,
        };
        // From here on there are as many bodies as calls.
        drop(place);
        self.dispatch(input, mark, text("traceparent"), permit).await
    }

    async fn dispatch(
        &self,
        input: Input,
        mark: Option<Bytes>,
        traceparent: Option<&str>,
        permit: OwnedSemaphorePermit,
    ) -> Answer {
        let traceparent = traceparent.map(Cow::from);
        let occasion = Occasion { traceparent, ..Occasion::new(Trigger::Input(self.name.clone())) };
        let answer = match self.atomic {
            true => {
                let frame = Consumed { mark, dispatcher: &self.dispatcher };
                let call = |identity| handle(&self.target.micrologic, identity, input.clone());
                let ended = self.dispatcher.transact(&self.target, occasion, permit, &frame, call).await;
                ended.map(|ended| ended.answer)
            }
            false => {
                let identity = self.dispatcher.identify(&self.target, occasion);
                let call = handle(&self.target.micrologic, identity.clone(), input);
                let answer = self.dispatcher.run(&self.target, &identity, permit, call).await;
                answer.map_err(|fault| Failure { fault, call: identity.call })
            }
        };
        match answer {
            Ok((outcome, reply)) => self.told(&outcome, reply),
            Err(failure) => failed(&failure),
        }
    }

    fn told(&self, outcome: &Outcome, answer: Option<Reply>) -> Answer {
        let (settled, answer) = match outcome {
            Outcome::Done => (
                Settled::Done,
                match answer {
                    Some(Reply { data, content_type, .. }) => {
                        let content_type = content_type.as_deref().unwrap_or("application/octet-stream");
                        reply::plain(StatusCode::OK, content_type, data)
                    }
                    None => reply::json(StatusCode::ACCEPTED, &json!({ "accepted": true })),
                },
            ),
            Outcome::Reject { why } => {
                tracing::warn!(input = %self.name, %why, "input rejected");
                (Settled::Dead, problem(StatusCode::UNPROCESSABLE_ENTITY, None))
            }
            Outcome::Retry { after, .. } => {
                let mut answer = problem(StatusCode::SERVICE_UNAVAILABLE, None);
                if let Some(after) = after {
                    answer.headers_mut().insert(http::header::RETRY_AFTER, after.as_secs().max(1).into());
                }
                (Settled::Later(self.dispatcher.clock.now()), answer)
            }
            Outcome::Returned => {
                (Settled::Later(self.dispatcher.clock.now()), problem(StatusCode::SERVICE_UNAVAILABLE, None))
            }
        };
        self.dispatcher.metrics.settled(&self.target.app, "input", self.name.as_str(), &settled);
        answer
    }
}

/// How long a delivery is recognized that comes again.
const RECOGNIZED: Duration = Duration::from_secs(24 * 3600);

/// The frame of an atomic call: its commit says that the delivery was consumed, if it has an id of its own.
struct Consumed<'d> {
    mark: Option<Bytes>,
    dispatcher: &'d Dispatcher,
}

type Handled = (Outcome, Option<Reply>);

#[async_trait]
impl Frame<Handled> for Consumed<'_> {
    async fn begin(&self, unit: &Unit) -> Result<Option<Handled>, commit::Error> {
        let Some(mark) = &self.mark else { return Ok(None) };
        let version = Version::new(self.dispatcher.random.call_id(), 0, 0);
        let expires_at = self.dispatcher.clock.now() + RECOGNIZED;
        let is_first = consume(unit, mark, expires_at, version).await?;
        Ok((!is_first).then_some((Outcome::Done, None)))
    }

    fn succeeded(&self, (outcome, _): &Handled) -> bool {
        *outcome == Outcome::Done
    }
}

/// What the component is told of the request: its fields, but not those that prove or transport.
fn metadata(
    headers: &HeaderMap,
    signature: Option<&Signature>,
    query: Option<&str>,
) -> Vec<(String, String)> {
    const HIDDEN: &[&str] = &[
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "proxy-authorization",
        "transfer-encoding",
    ];
    let shown = headers.iter().filter(|(name, _)| {
        !HIDDEN.contains(&name.as_str())
            && signature.is_none_or(|signature| signature.header != name.as_str())
    });
    let fields = shown.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    fields.chain(query.map(|query| ("query".to_owned(), query.to_owned()))).collect()
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.name)
    }
}
