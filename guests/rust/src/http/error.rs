//! What goes wrong in a handler, and what the caller is told of it.

use std::{error, fmt, io, time::Duration};

use super::{BodyError, Headers, Response};
use crate::class::{self, Class, class_of};

/// An error that becomes a response: `application/problem+json` (RFC 9457).
///
/// - What a handler means to say is made with [`Error::status`], and the caller reads its text.
/// - Every [`std::error::Error`] becomes one through `?`. The caller then learns the status and nothing else;
///   the error goes to stderr, which is the component's log, with all its sources.
///
/// The status of a converted error is 500, but for these: a store, topic, component or binding that is busy, unavailable or
/// too slow is 503,
/// a conflict that was not handled is 409, one that is full is 507, a value that is too large is 413, a request's
/// body that broke off is 400, or 413 if it was larger than the host lets pass.
///
/// ```no_run
/// use mecha_guest::{http::{Error, Request, Response}, state::Store};
///
/// fn show(request: &Request) -> Result<Response, Error> {
///     let key = request.query("key").ok_or_else(|| Error::status(400, "`key` is missing"))?;
///     let item = Store::open("main")?.get(key)?.ok_or_else(|| Error::status(404, "no such key"))?;
///     Ok(Response::bytes("application/octet-stream", item.value))
/// }
/// ```
pub struct Error {
    status: u16,
    /// For the caller.
    detail: Option<String>,
    headers: Headers,
    /// For the log.
    source: Option<Box<dyn error::Error>>,
}

impl Error {
    /// An answer with this status, and a text that tells the caller why.
    pub fn status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: Some(detail.into()), headers: Headers::new(), source: None }
    }

    /// Adds a header to the response: `allow` to a 405, say.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.set(name, value.as_ref());
        self
    }

    /// Adds what lies behind it: for the log, not for the caller.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn error::Error>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The status that the caller gets.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.status
    }

    /// Writes it to stderr, when nobody can be told any more.
    pub(super) fn log(self) {
        match (self.source, self.detail) {
            (Some(source), _) => log(&*source),
            (None, detail) => log(&io::Error::other(detail.unwrap_or_else(|| title(self.status).to_owned()))),
        }
    }

    /// The response that the caller gets. What lies behind the error is written to stderr.
    #[must_use]
    pub fn into_response(self) -> Response {
        if let Some(source) = &self.source {
            log(&**source);
        }
        let problem = Problem { title: title(self.status), status: self.status, detail: self.detail };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let response = Response::bytes("application/problem+json", body).status(self.status);
        self.headers.iter().fold(response, |response, (name, value)| response.header(name, value))
    }
}

/// RFC 9457, with `about:blank` for a type: the status says it all.
#[derive(serde::Serialize)]
struct Problem {
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl<E: error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let error: Box<dyn error::Error> = Box::new(error);
        let (status, retry_after) = status_of(&*error);
        let mut headers = Headers::new();
        if let Some(after) = retry_after {
            headers.set("retry-after", after.as_millis().div_ceil(1000).to_string());
        }
        Self { status, detail: None, headers, source: Some(error) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("status", &self.status)
            .field("detail", &self.detail)
            .field("headers", &self.headers)
            .field("source", &self.source)
            .finish()
    }
}

/// The status, and when the caller may try again if that is known.
fn status_of(error: &(dyn error::Error + 'static)) -> (u16, Option<Duration>) {
    let body = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    if let Some(body) = body.and_then(|inner| inner.downcast_ref::<BodyError>()) {
        return (if body.is_too_large() { 413 } else { 400 }, None);
    }
    match class_of(error) {
        Class::Busy(after) => (503, after),
        Class::Unavailable => (503, None),
        Class::Conflict => (409, None),
        Class::Full => (507, None),
        Class::TooLarge => (413, None),
        Class::Wrong | Class::Other => (500, None),
    }
}

pub(super) fn log(error: &dyn error::Error) {
    class::log(&class::chain(error));
}

/// The reason phrase: what RFC 9457 wants as the title of a problem that has no type of its own.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ if status < 500 => "Client Error",
        _ => "Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events, invoke, state};

    #[test]
    fn what_a_handler_says_reaches_the_caller() {
        let response = Error::status(404, "no such \"key\"").header("a", "b").into_response();
        assert_eq!(response.status_code(), 404);
        assert_eq!(response.headers().get("content-type"), Some("application/problem+json"));
        assert_eq!(response.headers().get("a"), Some("b"));
        let problem: serde_json::Value = serde_json::from_slice(response.body().unwrap()).unwrap();
        assert_eq!(
            problem,
            serde_json::json!({ "title": "Not Found", "status": 404, "detail": "no such \"key\"" })
        );
    }

    #[test]
    fn what_went_wrong_inside_does_not() {
        fn fails() -> Result<(), Error> {
            Err(io::Error::other("the password is 1234"))?;
            Ok(())
        }
        let response = fails().unwrap_err().into_response();
        assert_eq!(response.status_code(), 500);
        assert!(!String::from_utf8_lossy(response.body().unwrap()).contains("1234"));
    }

    #[test]
    fn the_status_tells_whose_turn_it_is() {
        let cases = [
            (state::Error::Busy(None), 503),
            (state::Error::Timeout, 503),
            (state::Error::Conflict(None), 409),
            (state::Error::TooLarge(1), 413),
            (state::Error::Other("?".into()), 500),
        ];
        for (error, status) in cases {
            assert_eq!(Error::from(error).code(), status);
        }
        let busy = Error::from(state::Error::Busy(Some(Duration::from_millis(1001)))).into_response();
        assert_eq!(busy.headers().get("retry-after"), Some("2"));
        let full = state::TransactionError { step: Some(1), error: state::Error::QuotaExceeded("".into()) };
        assert_eq!(Error::from(full).code(), 507);
        assert_eq!(Error::from(events::Error::Unavailable("".into())).code(), 503);
        let fault = invoke::Fault::not_found("no such item");
        assert_eq!(
            Error::from(invoke::Error::Fault(fault)).code(),
            500,
            "whether that is a 404 here is not known"
        );
    }
}
