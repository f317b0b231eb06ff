//! A request, and its answer.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use mecha_primitives::identity::{Identity, Trigger};
use mecha_runtime::{
    exports::http::{Ending, GuestBody, handle},
    fault::Kind,
};

use tokio::sync::OwnedSemaphorePermit;

use super::{Dispatcher, Occasion, atomic::Failure};
use crate::{
    apps::Target,
    body::{Bounded, Incoming},
};

/// What the host answers with: a component's body, or a text of its own.
pub type Answer = Response<Either<GuestBody, Full<Bytes>>>;

/// How long a refused client is asked to wait, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

impl Dispatcher {
    /// Calls a component with an HTTP request, by a route with this limit of `fuel`. Whatever happens, there is an answer.
    pub async fn http(
        &self,
        target: &Arc<Target>,
        fuel: Option<u64>,
        request: Request<impl Incoming>,
    ) -> Answer {
        self.streamed(target, fuel, request).await.unwrap_or_else(|refused| refused)
    }

    async fn streamed(
        &self,
        target: &Arc<Target>,
        fuel: Option<u64>,
        request: Request<impl Incoming>,
    ) -> Result<Answer, Answer> {
        let limits = target.micrologic.limits();
        if let Some(refused) = self.refused_head(target, request.headers()) {
            return Err(refused);
        }
        let declared =
            request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if declared.zip(limits.request_body).is_some_and(|(length, limit)| length > limit) {
            self.metrics.refused(&target.calls, "request-body");
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, None));
        }
        let permit = self.admission(target).await?;
        let (mut parts, body) = request.into_parts();
        let identity = self.identify(target, occasion(&parts.headers, fuel));
        tell_trace(&mut parts.headers, &identity);
        let (body, too_large) = Bounded::new(body, limits.request_body);
        let call = identity.call.to_string();
        let ending = self.ending(target, identity.clone(), permit);
        Ok(match handle(&target.micrologic, identity, Request::from_parts(parts, body), ending).await {
            Ok(response) => response.map(Either::Left),
            Err(_) if too_large.load(Ordering::Relaxed) => {
                self.metrics.refused(&target.calls, "request-body");
                problem(StatusCode::PAYLOAD_TOO_LARGE, Some(&call))
            }
            Err(kind) => problem(status(kind), Some(&call)),
        })
    }

    /// The answer to a request with a larger head than the component takes.
    pub(super) fn refused_head(&self, target: &Target, headers: &HeaderMap) -> Option<Answer> {
        (head_size(headers) > target.micrologic.limits().headers).then(|| {
            self.metrics.refused(&target.calls, "request-headers");
            problem(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, None)
        })
    }

    /// A permit for a request, or the answer if there is none in time.
    pub async fn admission(&self, target: &Target) -> Result<OwnedSemaphorePermit, Answer> {
        let wall_time = target.micrologic.limits().wall_time;
        tokio::time::timeout(wall_time, target.permit()).await.ok().flatten().ok_or_else(|| {
            self.metrics.refused(&target.calls, "concurrency");
            problem(StatusCode::SERVICE_UNAVAILABLE, None)
        })
    }

    /// What happens when the call has ended, however it does.
    fn ending(&self, target: &Arc<Target>, identity: Arc<Identity>, permit: OwnedSemaphorePermit) -> Ending {
        let mut running = self.begin(target, identity, permit);
        Ending::new(move |outcome| running.ended(outcome.as_ref().map(drop)))
    }
}

/// What is said of the call of a request with these headers, by a route with this limit of `fuel`.
pub(super) fn occasion(headers: &HeaderMap, fuel: Option<u64>) -> Occasion<'_> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    Occasion {
        traceparent: text("traceparent").map(Cow::from),
        idempotency_key: text("idempotency-key").map(Arc::from),
        fuel,
        ..Occasion::new(Trigger::Http)
    }
}

/// Puts the trace that a call belongs to into its request.
pub(super) fn tell_trace(headers: &mut HeaderMap, identity: &Identity) {
    let traceparent = identity.traceparent.as_deref().unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(traceparent) {
        headers.insert("traceparent", value);
    }
}

/// What header fields take as lines, in bytes.
fn head_size(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64).sum()
}

/// What a fault means to an HTTP client.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        // It may have happened: nobody is invited to try it again.
        Kind::Deadline | Kind::Unknown => StatusCode::GATEWAY_TIMEOUT,
        Kind::Busy | Kind::Fuel | Kind::Conflict | Kind::Commit => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Quota => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Trap
        | Kind::Memory
        | Kind::Stack
        | Kind::Exit
        | Kind::NoAnswer
        | Kind::Handles
        | Kind::Callee
        | Kind::Answer
        | Kind::Cancelled
        | Kind::Host => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer of the host's own, which tells nothing internal: the call's id leads the operator to the log.
/// (RFC 9457, Problem Details for HTTP APIs.)
#[must_use]
pub fn problem(status: StatusCode, call: Option<&str>) -> Answer {
    whole(described(status, call.map(|call| ("call", call)).as_slice()))
}

/// The answer to a request whose call has failed.
#[must_use]
pub fn failed(Failure { fault, call }: &Failure) -> Answer {
    let call = call.to_string();
    match fault.kind {
        Kind::Unknown => whole(described(status(fault.kind), &[("call", &call), ("detail", UNKNOWN)])),
        kind => problem(status(kind), Some(&call)),
    }
}

const UNKNOWN: &str = "it is not known whether the request was carried out";

/// As [`problem`], with what is wrong with the request.
#[must_use]
pub fn explained(status: StatusCode, detail: &str) -> Answer {
    whole(described(status, &[("detail", detail)]))
}

/// An answer of the host's own, with what it has to say.
pub(super) fn described(status: StatusCode, members: &[(&str, &str)]) -> Response<Bytes> {
    let title = status.canonical_reason().unwrap_or("Error");
    let mut body = serde_json::json!({ "title": title, "status": status.as_u16() });
    for (name, value) in members {
        body[*name] = (*value).into();
    }
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// An answer that is there as a whole.
pub fn whole(answer: Response<Bytes>) -> Answer {
    answer.map(|body| Either::Right(Full::new(body)))
}
