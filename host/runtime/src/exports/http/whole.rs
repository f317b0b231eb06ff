//! Calls a component's HTTP handler to its end, and holds the answer: nobody sees it before it is known whether the
//! call succeeded.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
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
/// What ended the call instead, an answer of more than `limit` bytes, and one that no client could be sent.
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
    let is_head = request.method() == Method::HEAD;
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
    let (head, mut body) = response.into_parts();
    // The call ends with who waits for it, also while it goes on after its last byte.
    let _guest = body.take_guest();
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
    let response = Response::from_parts(head, body);
    match wrong(&response, is_head) {
        Some(why) => Err(Fault::new(Kind::NoAnswer, why)),
        None => Ok(response),
    }
}

/// Why this is no answer. The head goes out as it is, before a body of which the length is known: if they differ, the
/// client would take what comes next for the rest of it.
fn wrong(response: &Response<Bytes>, is_head: bool) -> Option<String> {
    let status = response.status();
    if status.is_informational() {
        return Some(format!("the handler answered with {status}, which is no final answer"));
    }
    let length = response.body().len();
    let is_without = is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let promised = response.headers().get_all(CONTENT_LENGTH).iter();
    let mut promised = promised.filter(|value| value.as_bytes() != length.to_string().as_bytes());
    let promised = promised.next().filter(|_| !is_without || length > 0)?;
    Some(format!("the head of the answer promises {promised:?} bytes, and its body has {length}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_final_and_as_long_as_its_head_says() {
        let cases = [
            (200, None, "", false, true),
            (200, None, "body", false, true),
            (200, Some("4"), "body", false, true),
            (200, Some("5"), "body", false, false),
            (200, Some("3"), "body", false, false),
            (200, Some("4"), "", false, false),
            (200, Some("none"), "body", false, false),
            (200, Some("4"), "", true, true),
            (304, Some("4"), "", false, true),
            (204, None, "", false, true),
            (101, None, "", false, false),
            (103, None, "", false, false),
            (599, None, "", false, true),
        ];
        for (status, promised, body, is_head, is_right) in cases {
            let mut response = Response::builder().status(status);
            if let Some(promised) = promised {
                response = response.header(CONTENT_LENGTH, promised);
            }
            let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
            assert_eq!(wrong(&response, is_head).is_none(), is_right, "{response:?}");
        }
    }
}
