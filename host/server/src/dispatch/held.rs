//! A request whose answer is held: the call is atomic, or has a key by which the same request is recognized when it
//! comes again. (draft-ietf-httpapi-idempotency-key-header)

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Full};
use mecha_primitives::{commit::Version, identity::Identity};
use mecha_runtime::{exports::http::handle_whole, fault::Fault};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::Error;

use super::{
    Dispatcher,
    atomic::{Failure, storage},
    http::{Answer, failed, occasion, tell_trace, whole},
};
use crate::{apps::Target, body::Incoming, triggers::reply::Room};

mod keyed;

pub use keyed::Keys;
use keyed::{Keyed, Recognized, Refusal};

/// Why and how the answers of a route are held.
#[derive(Debug)]
pub struct Held {
    pub atomic: bool,
    pub keys: Option<Keys>,
    /// For the bodies of requests, which are held as well.
    pub room: Room,
    /// Units of fuel for each call, in place of what the component's limits say.
    pub fuel: Option<u64>,
}

impl Held {
    /// Whether nothing is to be held of a request with this head: it is not atomic, and has no key and needs none.
    fn lets_stream(&self, headers: &HeaderMap) -> bool {
        let is_held = |keys: &Keys| keys.required || headers.contains_key("idempotency-key");
        !self.atomic && !self.keys.as_ref().is_some_and(is_held)
    }
}

impl Dispatcher {
    /// Calls a component with an HTTP request, and answers when all of the call has happened. Whatever happens, there is
    /// an answer.
    pub async fn http_held(
        &self,
        target: &Arc<Target>,
        held: &Held,
        request: Request<impl Incoming>,
    ) -> Answer {
        if held.lets_stream(request.headers()) {
            return self.http(target, held.fuel, request).await;
        }
        self.answered(target, held, request).await.unwrap_or_else(|refused| refused)
    }

    async fn answered(
        &self,
        target: &Arc<Target>,
        held: &Held,
        request: Request<impl Incoming>,
    ) -> Result<Answer, Answer> {
        let limits = target.micrologic.limits();
        if let Some(refused) = self.refused_head(target, request.headers()) {
            return Err(refused);
        }
        let limit = limits.request_body.map_or(limits.held_body, |own| own.min(limits.held_body));
        let refused = |answer: Answer| {
            if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
                self.metrics.refused(&target.calls, "request-body");
            }
            answer
        };
        let (parts, body, place) = held.room.whole(request, limit).await.map_err(refused)?;
        let key = match &held.keys {
            Some(keys) => keys.of(target, &parts, &body).map_err(Refusal::answer)?,
            None => None,
        };
        let permit = self.admission(target).await?;
        // From here on there are as many bodies as calls.
        drop(place);
        let call = Calling { dispatcher: self, target, fuel: held.fuel, parts, body };
        let answer = match held.atomic {
            true => call.atomic(key.as_ref(), permit).await,
            false => call.plain(key.as_ref(), permit).await,
        };
        Ok(answer.map_or_else(|failure| failed(&failure), whole))
    }
}

/// A request that is held, as often as it is needed.
struct Calling<'a> {
    dispatcher: &'a Dispatcher,
    target: &'a Arc<Target>,
    fuel: Option<u64>,
    parts: Parts,
    body: Bytes,
}

impl Calling<'_> {
    async fn run(&self, identity: Arc<Identity>) -> Result<Response<Bytes>, Fault> {
        let limit = usize::try_from(self.target.micrologic.limits().held_body).unwrap_or(usize::MAX);
        let never = |never: Infallible| -> Error { match never {} };
        let mut request =
            Request::from_parts(self.parts.clone(), Full::new(self.body.clone()).map_err(never));
        tell_trace(request.headers_mut(), &identity);
        handle_whole(&self.target.micrologic, identity, request, limit).await
    }

    async fn atomic(
        &self,
        key: Option<&Keyed<'_>>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response<Bytes>, Failure> {
        let frame = Recognized { key, version: self.version() };
        let call = |identity| self.run(identity);
        let occasion = occasion(&self.parts.headers, self.fuel);
        let ended = self.dispatcher.transact(self.target, occasion, permit, &frame, call).await?;
        Ok(ended.answer)
    }

    /// Without a transaction: at least once. A host that ends in the middle does not know the key.
    async fn plain(
        &self,
        key: Option<&Keyed<'_>>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response<Bytes>, Failure> {
        let identity = self.dispatcher.identify(self.target, occasion(&self.parts.headers, self.fuel));
        // What it was answered before is looked for in the call, so that it is counted and told as one.
        let call = async {
            if let Some(key) = key
                && let Some(answer) = key.answer(&*key.keys.engine).await.map_err(|error| storage(&error))?
            {
                return Ok((answer, false));
            }
            Ok((self.run(identity.clone()).await?, true))
        };
        let call = self.dispatcher.run(self.target, &identity, permit, call).await;
        let (response, is_new) = call.map_err(|fault| Failure { fault, call: identity.call })?;
        if let Some(key) = key.filter(|_| is_new)
            && let Err(error) = key.keep(&*key.keys.engine, self.version(), &response).await
        {
            tracing::warn!(route = key.keys.route, %error, "the answer could not be stored for its idempotency key");
        }
        Ok(response)
    }

    fn version(&self) -> Version {
        Version::new(self.dispatcher.random.call_id(), 0, 0)
    }
}
