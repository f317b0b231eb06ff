//! What is sent to the app, and what it answers.

use serde::{Serialize, de::DeserializeOwned};

use super::{raw, told};
use crate::{content, http::Method};

/// A request to the app: made by [`app::post`](super::app::post) and its like, amended, then sent.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing unless it is sent"]
pub struct Request(raw::app::Request);

impl Request {
    pub(super) fn new(method: &Method, target: String) -> Self {
        Self(raw::app::Request { method: method.to_string(), target, headers: vec![], body: None })
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// A body of bytes of that media type.
    pub fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = Some(body.into());
        self.header("content-type", content_type)
    }

    /// A body of plain text.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.bytes(content::TEXT, body.into())
    }

    /// A body of JSON.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.bytes(content::JSON, to_json(value))
    }

    /// Sends it, and waits until all that follows at this moment has been done.
    #[track_caller]
    pub fn send(self) -> Response {
        Response::from_raw(told(raw::app::send(&self.0)))
    }

    pub(super) fn into_raw(self) -> raw::app::Request {
        self.0
    }
}

/// What the app answered.
#[derive(Debug, Clone)]
pub struct Response(raw::app::Response);

impl Response {
    pub(super) fn from_raw(response: raw::app::Response) -> Self {
        Self(response)
    }

    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.0.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.0.headers
    }

    /// The body, or what of it came before it broke off.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// Whether the body came to its end.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.whole
    }

    /// The body as text. One that is not UTF-8 fails the case.
    #[track_caller]
    #[must_use]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.0.body) {
            Ok(text) => text,
            Err(_) => panic!("the body is not UTF-8: {} bytes", self.0.body.len()),
        }
    }

    /// The body, read from JSON. One that is not JSON of that shape fails the case.
    #[track_caller]
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        from_json(&self.0.body, "the body")
    }
}

/// A call of a component's method: made by [`app::invoke`](super::app::invoke), amended, then called.
#[derive(Debug, Clone)]
#[must_use = "an invocation does nothing unless it is called"]
pub struct Invocation(raw::app::Invocation);

pub use raw::app::Fault;

impl Invocation {
    pub(super) fn new(component: String, method: String) -> Self {
        let (data, content_type, idempotency_key) = (vec![], None, None);
        Self(raw::app::Invocation { component, method, data, content_type, idempotency_key })
    }

    /// Bytes of that media type.
    pub fn bytes(mut self, content_type: &str, data: impl Into<Vec<u8>>) -> Self {
        self.0.data = data.into();
        self.0.content_type = Some(content_type.to_owned());
        self
    }

    pub fn text(self, text: impl Into<String>) -> Self {
        self.bytes(content::TEXT, text.into())
    }

    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.bytes(content::JSON, to_json(value))
    }

    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.0.idempotency_key = Some(key.into());
        self
    }

    /// Calls it.
    ///
    /// # Errors
    /// The component's own fault, or why there was no answer.
    #[track_caller]
    pub fn call(self) -> Result<Reply, Fault> {
        told(raw::app::invoke(&self.0)).map(Reply)
    }
}

/// What a component answered.
#[derive(Debug, Clone)]
pub struct Reply(raw::app::Reply);

impl Reply {
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.0.data
    }

    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.0.content_type.as_deref()
    }

    /// The data, read from JSON. What is not JSON of that shape fails the case.
    #[track_caller]
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        from_json(&self.0.data, "the answer")
    }
}

#[track_caller]
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    told(content::to_json(value).map_err(|error| format!("this cannot be written as JSON: {error}")))
}

#[track_caller]
pub(super) fn from_json<T: DeserializeOwned>(data: &[u8], what: &str) -> T {
    let read = serde_json::from_slice(data);
    told(
        read.map_err(|error| {
            format!("{what} is not as expected: {error}: {}", String::from_utf8_lossy(data))
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_made_and_amended() {
        let request = Request::new(&Method::Post, "/a".into()).header("x", "1").json(&[1]).into_raw();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a"));
        assert_eq!(request.body.as_deref(), Some(b"[1]".as_slice()));
        let headers = [("x", "1"), ("content-type", "application/json")];
        assert_eq!(request.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_response_is_read() {
        let headers = vec![("ETag".to_owned(), "1".to_owned())];
        let response =
            Response(raw::app::Response { status: 200, headers, body: b"[1]".to_vec(), whole: true });
        assert_eq!(response.header("etag"), Some("1"));
        assert_eq!(response.json::<Vec<u8>>(), [1]);
        assert_eq!(response.text(), "[1]");
    }
}
