//! A request whose answer is held: the call is atomic, or has a key by which the same request is recognized when it
//! comes again. (draft-ietf-httpapi-idempotency-key-header)

use std::{
    borrow::Cow,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use mecha_primitives::{
    commit::{self, Version},
    identity::{Identity, Trigger},
};
use mecha_runtime::{
    exports::http::handle_whole,
    fault::{Fault, Kind},
};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::Error;

use super::{
    Dispatcher, Occasion,
    http::{Answer, problem, status},
};
use crate::{apps::Target, triggers::reply::Room};

mod keyed;

pub use keyed::Keys;
use keyed::{Keyed, Recognized};

/// Why and how the answers of a route are held.
#[derive(Debug)]
pub struct Held {
    pub atomic: bool,
    pub keys: Option<Keys>,
    /// For the bodies of requests, which are held as well.
    pub room: Room,
}

impl Dispatcher {
    /// Calls a component with an HTTP request, and answers when all of the call has happened. Whatever happens, there is
    /// an answer.
    pub async fn http_held(&self, target: &Arc<Target>, held: &Held, request: Request<Incoming>) -> Answer {
        self.answered(target, held, request).await.unwrap_or_else(|refused| refused)
    }

    async fn answered(
        &self,
        target: &Arc<Target>,
        held: &Held,
        request: Request<Incoming>,
    ) -> Result<Answer, Answer> {
        let limits = target.micrologic.limits();
        self.check_head(target, request.headers())?;
        let limit = limits.request_body.map_or(limits.held_body, |own| own.min(limits.held_body));
        let refused = |answer: Answer| {
            if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
                self.metrics.refused(&target.calls, "request-body");
            }
            answer
        };
        let (parts, body) = held.room.whole(request, limit).await.map_err(refused)?;
        let key = held.keys.as_ref().map(|keys| keys.of(target, &parts, &body)).transpose()?.flatten();
        let permit = self.admission(target).await?;
        let call = Calling { dispatcher: self, target, parts, body, last: Mutex::default() };
        let answer = match held.atomic {
            true => call.atomic(key.as_ref(), permit).await,
            false => call.plain(key.as_ref(), permit).await,
        };
        Ok(answer.unwrap_or_else(|fault| problem(status(fault.kind), call.id().as_deref())))
    }
}

/// A request that is held, as often as it is needed.
struct Calling<'a> {
    dispatcher: &'a Dispatcher,
    target: &'a Arc<Target>,
    parts: Parts,
    body: Bytes,
    /// The id of the last run.
    last: Mutex<Option<String>>,
}

impl Calling<'_> {
    fn occasion(&self) -> Occasion<'_> {
        let text = |name| self.parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        Occasion {
            traceparent: text("traceparent").map(Cow::from),
            idempotency_key: text("idempotency-key").map(Arc::from),
            ..Occasion::new(Trigger::Http)
        }
    }

    async fn run(&self, identity: Arc<Identity>) -> Result<Response<Bytes>, Fault> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.call.to_string());
        let limit = usize::try_from(self.target.micrologic.limits().held_body).unwrap_or(usize::MAX);
        let never = |never: Infallible| -> Error { match never {} };
        let mut request =
            Request::from_parts(self.parts.clone(), Full::new(self.body.clone()).map_err(never));
        let traceparent = identity.traceparent.as_deref().unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(traceparent) {
            request.headers_mut().insert("traceparent", value);
        }
        handle_whole(&self.target.micrologic, identity, request, limit).await
    }

    async fn atomic(&self, key: Option<&Keyed<'_>>, permit: OwnedSemaphorePermit) -> Result<Answer, Fault> {
        let frame = Recognized { key, version: self.version() };
        let call = |identity| self.run(identity);
        let ended = self.dispatcher.transact(self.target, self.occasion(), permit, &frame, call).await?;
        Ok(ended.answer.map(|body| Either::Right(Full::new(body))))
    }

    /// Without a transaction: at least once. A host that ends in the middle does not know the key.
    async fn plain(&self, key: Option<&Keyed<'_>>, permit: OwnedSemaphorePermit) -> Result<Answer, Fault> {
        let storage = |error: commit::Error| Fault::new(Kind::Commit, error.to_string());
        let held = |response: Response<Bytes>| response.map(|body| Either::Right(Full::new(body)));
        if let Some(key) = key
            && let Some(answer) = key.answer(&*key.keys.engine).await.map_err(storage)?
        {
            return Ok(held(answer));
        }
        let identity = self.dispatcher.identify(self.target, self.occasion());
        let call = self.run(identity.clone());
        let response = self.dispatcher.run(self.target, &identity, permit, call).await?;
        if let Some(key) = key.filter(|_| !response.status().is_server_error()) {
            if let Err(error) = key.keep(&*key.keys.engine, self.version(), &response).await {
                tracing::warn!(route = key.keys.route, %error, "the answer could not be stored for its idempotency key");
            }
        }
        Ok(held(response))
    }

    fn version(&self) -> Version {
        Version::new(self.dispatcher.random.call_id(), 0, 0)
    }

    fn id(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
