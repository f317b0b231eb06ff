//! What the triggers that are asked over HTTP take and answer: whole bodies, and JSON.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    body::Incoming,
    dispatch::http::{Answer, problem},
};

/// Room for bodies that are received, and that wait for their call: in KiB, of one endpoint.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

/// 64 MiB.
const ROOM: usize = 64 << 10;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

impl Room {
    /// The whole body, if it is no larger than `limit` bytes and comes in time, and its place, which is taken until that
    /// is dropped; otherwise the answer to give.
    pub(crate) async fn whole(
        &self,
        request: Request<impl Incoming>,
        limit: u64,
    ) -> Result<(http::request::Parts, Bytes, OwnedSemaphorePermit), Answer> {
        let (parts, body) = request.into_parts();
        let announced = body.size_hint().exact();
        if announced.is_some_and(|length| length > limit) {
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, None));
        }
        let kib = u32::try_from(announced.unwrap_or(limit).div_ceil(1024)).unwrap_or(u32::MAX);
        let Ok(mut place) = self.0.clone().try_acquire_many_owned(kib) else {
            return Err(problem(StatusCode::SERVICE_UNAVAILABLE, None));
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => {
                let body = body.to_bytes();
                // What was kept free for more than there came.
                drop(place.split(place.num_permits().saturating_sub(body.len().div_ceil(1024))));
                Ok((parts, body, place))
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(problem(StatusCode::PAYLOAD_TOO_LARGE, None))
            }
            Ok(Err(_)) => Err(problem(StatusCode::BAD_REQUEST, None)),
            Err(_) => Err(problem(StatusCode::REQUEST_TIMEOUT, None)),
        }
    }
}

pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    plain(status, "application/json", Bytes::from(format!("{body}\n")))
}

pub(super) fn plain(status: StatusCode, content_type: &str, body: Bytes) -> Answer {
    let mut response = Response::new(Either::Right(Full::new(body)));
    *response.status_mut() = status;
    if let Ok(content_type) = HeaderValue::try_from(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Only what is posted is taken.
pub(super) fn not_posted() -> Answer {
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, None);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    answer
}
