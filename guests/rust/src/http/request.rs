//! What a handler is asked.

use std::{
    cell::{Cell, OnceCell},
    fmt,
    io::Read,
    str::FromStr,
};

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{BodyReader, Error, Headers, Method};
use crate::wasi::http::types::{IncomingRequest, Scheme};

/// An incoming request.
///
/// Everything takes `&self`, so that parts of the path can stay borrowed while the body is read. A body can be
/// read once.
pub struct Request {
    method: Method,
    path: String,
    query: String,
    segments: Vec<String>,
    params: OnceCell<Vec<(String, String)>>,
    headers: OnceCell<Headers>,
    body: Cell<Body>,
    raw: Option<IncomingRequest>,
}

#[derive(Default)]
enum Body {
    /// Still with the host.
    Wasi,
    Memory(Vec<u8>),
    #[default]
    Taken,
}

impl Request {
    /// The largest body that [`Request::json`] reads: 1 MiB.
    pub const JSON_LIMIT: usize = 1 << 20;

    /// A request to test a handler with. `target` is a path with an optional query, as in a request line.
    #[must_use]
    pub fn new(method: Method, target: &str) -> Self {
        Self::parse(method, target, Body::Memory(Vec::new()), None)
    }

    /// Adds a header, for tests.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.take().unwrap_or_default();
        headers.append(name, value);
        self.headers = OnceCell::from(headers);
        self
    }

    /// Gives it a body, for tests.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Cell::new(Body::Memory(body.into()));
        self
    }

    pub(super) fn from_wasi(raw: IncomingRequest) -> Self {
        let target = raw.path_with_query().unwrap_or_default();
        Self::parse(raw.method().into(), &target, Body::Wasi, Some(raw))
    }

    fn parse(method: Method, target: &str, body: Body, raw: Option<IncomingRequest>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let inner = path.strip_prefix('/').unwrap_or(path);
        let segments = match inner {
            "" => Vec::new(),
            _ => inner.split('/').map(decode).collect(),
        };
        let path = if path.is_empty() { "/" } else { path };
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            segments,
            params: OnceCell::new(),
            headers: OnceCell::new(),
            body: Cell::new(body),
            raw,
        }
    }

    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as it was sent, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path's segments, percent-decoded: `/a/b%20c` is `["a", "b c"]`, `/` is `[]`, `/a/` is `["a", ""]`.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The query as it was sent, without the `?`.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        &self.query
    }

    /// All parameters of the query, decoded.
    #[must_use]
    pub fn params(&self) -> &[(String, String)] {
        self.params.get_or_init(|| form_urlencoded::parse(self.query.as_bytes()).into_owned().collect())
    }

    /// The first parameter of that name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.params().iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first parameter of that name as a number, say.
    ///
    /// # Errors
    /// 400 if it is there and is no `T`.
    pub fn query_as<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, Error> {
        let parse = |text: &str| {
            text.parse().map_err(|error| Error::status(400, format!("query parameter `{name}`: {error}")))
        };
        self.query(name).map(parse).transpose()
    }

    #[must_use]
    pub fn headers(&self) -> &Headers {
        self.headers.get_or_init(|| match &self.raw {
            Some(raw) => Headers::from_wasi(&raw.headers()),
            None => Headers::new(),
        })
    }

    /// The first header of that name. `None` as well if it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)
    }

    /// The host and port that the client asked for.
    #[must_use]
    pub fn authority(&self) -> Option<String> {
        self.raw.as_ref().and_then(IncomingRequest::authority)
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> Option<String> {
        self.raw.as_ref().and_then(IncomingRequest::scheme).map(|scheme| match scheme {
            Scheme::Http => "http".to_owned(),
            Scheme::Https => "https".to_owned(),
            Scheme::Other(other) => other,
        })
    }

    /// The whole body, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// 413 if it has more, 400 if the client breaks off, 500 if it was read before.
    pub fn body(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        self.reader()?.take(limit as u64 + 1).read_to_end(&mut body)?;
        if body.len() > limit {
            return Err(Error::status(413, format!("the body has more than {limit} bytes")));
        }
        Ok(body)
    }

    /// The body, read from JSON. Whatever the `content-type` is: who depends on it asks for it.
    ///
    /// # Errors
    /// 413 if the body has more than [`Request::JSON_LIMIT`] bytes, 400 if it is not JSON, 422 if it is JSON of
    /// another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.json_within(Self::JSON_LIMIT)
    }

    /// As [`Request::json`], with another limit.
    ///
    /// # Errors
    /// As [`Request::json`].
    pub fn json_within<T: DeserializeOwned>(&self, limit: usize) -> Result<T, Error> {
        let body = self.body(limit)?;
        serde_json::from_slice(&body).map_err(|error| match error.classify() {
            Category::Data => {
                Error::status(422, format!("the body does not have the expected shape: {error}"))
            }
            _ => Error::status(400, format!("the body is not JSON: {error}")),
        })
    }

    /// The body as a stream, however large it is.
    ///
    /// # Errors
    /// 500 if it was read before.
    pub fn reader(&self) -> Result<BodyReader, Error> {
        match (self.body.take(), &self.raw) {
            (Body::Memory(bytes), _) => Ok(BodyReader::from_memory(bytes)),
            (Body::Wasi, Some(raw)) => match raw.consume() {
                Ok(body) => BodyReader::from_wasi(body),
                Err(()) => Err(taken()),
            },
            _ => Err(taken()),
        }
    }
}

fn taken() -> Error {
    std::io::Error::other("the request's body was read already").into()
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

fn decode(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_and_decoded() {
        let cases: [(&str, &[&str]); 6] = [
            ("/", &[]),
            ("", &[]),
            ("/a", &["a"]),
            ("/a/", &["a", ""]),
            ("/a/b%20c?x=1", &["a", "b c"]),
            ("/a%2Fb/%ff", &["a/b", "\u{fffd}"]),
        ];
        for (target, segments) in cases {
            assert_eq!(Request::new(Method::Get, target).segments(), segments, "{target}");
        }
    }

    #[test]
    fn a_query_is_decoded_and_typed() {
        let request = Request::new(Method::Get, "/?name=J%C3%BCrgen+M&limit=12&empty&limit=13&bad=x");
        assert_eq!(request.query("name"), Some("Jürgen M"));
        assert_eq!(request.query("empty"), Some(""));
        assert_eq!(request.query("none"), None);
        assert_eq!(request.query_as::<u32>("limit").unwrap(), Some(12));
        assert_eq!(request.query_as::<u32>("none").unwrap(), None);
        assert_eq!(request.query_as::<u32>("bad").unwrap_err().code(), 400);
    }

    #[test]
    fn a_body_is_read_once_and_within_its_limit() {
        let request = Request::new(Method::Post, "/").with_body("12345");
        assert_eq!(request.body(5).unwrap(), b"12345");
        assert_eq!(request.body(5).unwrap_err().code(), 500);
        let request = Request::new(Method::Post, "/").with_body("12345");
        assert_eq!(request.body(4).unwrap_err().code(), 413);
    }

    #[test]
    fn json_that_is_none_is_400_and_of_another_shape_is_422() {
        let json = |body: &str| Request::new(Method::Post, "/").with_body(body).json::<Vec<u32>>();
        assert_eq!(json("[1, 2]").unwrap(), [1, 2]);
        assert_eq!(json("[1, 2").unwrap_err().code(), 400);
        assert_eq!(json("").unwrap_err().code(), 400);
        assert_eq!(json("{}").unwrap_err().code(), 422);
    }
}
