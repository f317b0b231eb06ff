//! Operations that an atomic call puts off until after its commit: the *outbox*.
//!
//! Each is an event in a topic of the host's own, published in the call's unit of work. Who takes from that topic carries
//! it out, at least once, with an idempotency key that is the same each time. Those of one call keep their order.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Effect, Error, Metadata, Operation, Output, Request, Response, select};
use crate::{
    clock::Clock,
    commit::Engine,
    identity::Identity,
    pubsub::{self, Event, Message, Publisher, event::Draft},
};

pub mod conformance;

/// The type of the events, for operators who look at dead letters.
pub const KIND: &str = "mecha.output.deferred";
/// The metadata key of the idempotency key, for operations that know it.
const KEY: &str = "idempotency-key";

/// An output of which operations can be put off.
///
/// # Laws                                                                checked by
/// - What is put off is in the outbox with the commit, and not before.   `what_is_put_off_comes_with_the_commit`
/// - If the call is thrown away, or a part of it, so is what it put off. `a_call_that_is_thrown_away_puts_nothing_off`
/// - It is carried out as it was asked for.                              `it_is_carried_out_as_it_was_asked_for`
/// - Each has a key of its own, the same at each repetition.             `a_repetition_has_the_same_key`
/// - One call's come in their order, retries included.                   `one_call_keeps_its_order`
/// - What changes nothing is answered at once.                           `a_safe_operation_goes_at_once`
/// - What the output refuses for its form, it refuses in the call.       `what_would_be_refused_is_refused_in_the_call`
/// - What can be neither undone nor put off is refused, with the remedy. `what_cannot_wait_is_refused`
/// - What may reach outside of the transaction is done at once.          `what_is_outside_goes_at_once`
/// - Calls that are not atomic do all at once.                           `a_plain_call_puts_nothing_off`
#[derive(Debug)]
pub struct Deferring {
    inner: Arc<dyn Output>,
    outbox: Arc<dyn Publisher>,
    clock: Arc<dyn Clock>,
}

impl Deferring {
    /// What is put off goes to `outbox`.
    pub fn new(inner: Arc<dyn Output>, outbox: Arc<dyn Publisher>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, outbox, clock }
    }
}

impl fmt::Display for Deferring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Output for Deferring {
    fn operations(&self) -> &'static [Operation] {
        self.inner.operations()
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        self.inner.invoke(request).await
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        self.inner.check(request)
    }

    async fn is_there(&self, request: &Request) -> bool {
        self.inner.is_there(request).await
    }

    fn over(&self, engine: &Arc<dyn Engine>, identity: &Arc<Identity>) -> Option<Arc<dyn Output>> {
        Some(Arc::new(Held {
            inner: self.inner.clone(),
            outbox: self.outbox.over(engine),
            clock: self.clock.clone(),
            identity: identity.clone(),
        }))
    }
}

/// An output in an atomic call's hands.
#[derive(Debug)]
struct Held {
    inner: Arc<dyn Output>,
    outbox: Arc<dyn Publisher>,
    clock: Arc<dyn Clock>,
    identity: Arc<Identity>,
}

impl Held {
    async fn defer(&self, operation: &Operation, mut request: Request) -> Result<Response, Error> {
        // The version of a write: of this call, this attempt, and this operation.
        let key = self.identity.next_version().to_string();
        if operation.keys.iter().any(|known| known.covers(KEY)) && request.get(KEY).is_none() {
            request.metadata.push((KEY.to_owned(), key.clone()));
        }
        // As it will be carried out: what would be refused then is refused now, while the call can hear it.
        self.inner.check(&request)?;
        let event = event(&request, &key).map_err(Error::Other)?;
        let message = Message { key: Some(self.identity.call.to_string().into()), ..Message::new(event) };
        let deadline = self.identity.deadline.max(self.clock.now());
        let outcome = self.outbox.publish(vec![message], deadline).await.pop();
        match outcome.unwrap_or(Err(pubsub::Error::Timeout)) {
            Ok(_) => Ok(Response { deferred: true, ..Response::default() }),
            Err(error) => Err(refusal(error)),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Output for Held {
    fn operations(&self) -> &'static [Operation] {
        self.inner.operations()
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        let operation = select(self.inner.operations(), &request)?;
        match operation.effect {
            Effect::Safe => self.inner.invoke(request).await,
            Effect::Deferrable => self.defer(operation, request).await,
            Effect::Immediate => Err(Error::AccessDenied(format!(
                "`{}` can be neither undone nor put off; in an atomic call it needs `outside: allow` in its grant",
                operation.name
            ))),
        }
    }
}

fn refusal(error: pubsub::Error) -> Error {
    match error {
        pubsub::Error::TooLarge(max) => Error::TooLarge(max),
        pubsub::Error::QuotaExceeded(text) => Error::QuotaExceeded(text),
        pubsub::Error::Busy(after) => Error::Busy(after),
        pubsub::Error::Timeout => Error::Timeout,
        other => Error::Unavailable(other.to_string()),
    }
}

/// An output whose operations an atomic call carries out at once, since its grant says so.
#[derive(Debug)]
pub struct Outside(pub Arc<dyn Output>);

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl Output for Outside {
    fn operations(&self) -> &'static [Operation] {
        self.0.operations()
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        self.0.invoke(request).await
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        self.0.check(request)
    }

    async fn is_there(&self, request: &Request) -> bool {
        self.0.is_there(request).await
    }

    fn over(&self, _: &Arc<dyn Engine>, _: &Arc<Identity>) -> Option<Arc<dyn Output>> {
        Some(self.0.clone())
    }
}

/// A request, as the event holds it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Stored {
    operation: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    data_base64: String,
}

fn event(request: &Request, key: &str) -> Result<Event, String> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let stored = Stored {
        operation: request.operation.clone(),
        metadata: request.metadata.clone(),
        content_type: request.content_type.as_deref().map(str::to_owned),
        timeout_ms: request.timeout.map(millis),
        data_base64: BASE64_STANDARD.encode(&request.data),
    };
    let draft = Draft {
        id: Some(key.to_owned()),
        source: Some("/outbox".into()),
        kind: Some(KIND.into()),
        content_type: Some("application/json".into()),
        data: Some(serde_json::to_vec(&stored).map_err(|error| error.to_string())?.into()),
        ..Draft::default()
    };
    draft.check().map_err(|wrong| wrong.to_string())
}

/// The request that an event of the outbox holds.
///
/// # Errors
/// Why it cannot be read: it is not of this host's making.
pub fn request(event: &Event) -> Result<Request, String> {
    let data = event.data().ok_or("it has no data")?;
    let stored: Stored = serde_json::from_slice(data).map_err(|error| error.to_string())?;
    Ok(Request {
        operation: stored.operation,
        data: Bytes::from(BASE64_STANDARD.decode(stored.data_base64).map_err(|error| error.to_string())?),
        content_type: stored.content_type.map(Arc::from),
        metadata: stored.metadata,
        timeout: stored.timeout_ms.map(Duration::from_millis),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_back_from_its_event() {
        let whole = Request {
            operation: "post".into(),
            data: Bytes::from_static(b"\x00\xffdata"),
            content_type: Some("text/plain".into()),
            metadata: vec![("path".into(), "/a b".into()), ("header-x".into(), "é".into())],
            timeout: Some(Duration::from_millis(1500)),
        };
        let smallest = Request { operation: "write".into(), ..Request::default() };
        for asked in [whole, smallest] {
            let event = event(&asked, "key-1").unwrap();
            assert_eq!(event.id(), "key-1");
            assert_eq!(request(&event).unwrap(), asked);
        }
    }

    #[test]
    fn what_is_no_request_is_told() {
        let cases: [(Option<&'static [u8]>, &str); 3] = [
            (None, "no data"),
            (Some(b"{}"), "operation"),
            (Some(br#"{"operation":"x","data-base64":"?"}"#), "symbol"),
        ];
        for (data, expected) in cases {
            let draft = Draft {
                id: Some("1".into()),
                source: Some("/outbox".into()),
                kind: Some(KIND.into()),
                data: data.map(Bytes::from_static),
                ..Draft::default()
            };
            let error = request(&draft.check().unwrap()).unwrap_err();
            assert!(error.to_lowercase().contains(expected), "{error}");
        }
    }
}
