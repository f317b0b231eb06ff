//! Calls a component's HTTP handler to its end, and holds the answer: nobody sees it before it is known whether the
//! call succeeded.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use mecha_primitives::identity::Identity;
use tokio::sync::oneshot;

use super::{Ending, Error, handle};
use crate::{
    fault::{Fault, Kind},
    micrologic::Micrologic,
};

/// Calls the handler, and waits for the last byte of its answer and for its end. Trailers are dropped.
///
/// # Errors
/// What ended the call instead, and an answer of more than `limit` bytes.
pub async fn handle_whole<B>(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    request: Request<B>,
    limit: usize,
) -> Result<Response<Bytes>, Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let (told, ended) = oneshot::channel();
    let ending = Ending::new(move |outcome| _ = told.send(outcome));
    let ended = async {
        let lost = |_| Err(Fault::new(Kind::Cancelled, "nobody waits for the answer any more"));
        ended.await.unwrap_or_else(lost)
    };
    let response = match handle(micrologic, identity, request, ending).await {
        Ok(response) => response,
        Err(kind) => return Err(ended.await.err().unwrap_or_else(|| Fault::new(kind, "there is no answer"))),
    };
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Fault::new(Kind::Answer, format!("the answer has more than {limit} bytes")));
        }
        Err(error) => {
            return Err(ended.await.err().unwrap_or_else(|| Fault::new(Kind::NoAnswer, error.to_string())));
        }
    };
    // It may have work left to do after its last byte, and that belongs to the call.
    ended.await?;
    Ok(Response::from_parts(head, body))
}
