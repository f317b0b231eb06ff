//! What a handler answers.

use std::{
    fmt,
    io::{ErrorKind, Write},
};

use serde::Serialize;

use super::{BodyWriter, Error, Headers, error::log};
use crate::wasi::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// An outgoing response: made with one of the constructors, then amended.
///
/// ```
/// # use mecha_guest::http::Response;
/// let response = Response::html("<h1>Gone</h1>").status(410).header("cache-control", "no-store");
/// assert_eq!(response.status_code(), 410);
/// ```
#[derive(Debug)]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Body,
}

type Producer = Box<dyn FnOnce(&mut BodyWriter) -> Result<(), Error>>;

enum Body {
    Bytes(Vec<u8>),
    Stream(Producer),
}

impl Response {
    /// A response with this status and nothing else.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Body::Bytes(Vec::new()) }
    }

    /// 200 with bytes of that media type.
    pub fn bytes(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Bytes(body.into()), ..Self::new(200) }.header("content-type", content_type)
    }

    /// 200 with plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self::bytes("text/plain; charset=utf-8", body.into())
    }

    /// 200 with HTML. Escape what is not yours with [`escape_html`](super::escape_html).
    pub fn html(body: impl Into<String>) -> Self {
        Self::bytes("text/html; charset=utf-8", body.into())
    }

    /// 200 with JSON.
    ///
    /// # Errors
    /// 500 if the value cannot be written as JSON (a map whose keys are no strings, say).
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        Ok(Self::bytes("application/json", serde_json::to_vec(value)?))
    }

    /// 200 with a body that is sent while it is made.
    ///
    /// The producer runs after the handler has returned and the status and headers are on their way. If it
    /// fails, the error is logged and the body breaks off, so that the client can tell that it is not whole.
    ///
    /// ```no_run
    /// use std::io::Write;
    /// use mecha_guest::http::{Error, Request, Response};
    ///
    /// fn echo(request: &Request) -> Result<Response, Error> {
    ///     let mut reader = request.reader()?;
    ///     Ok(Response::stream(move |writer| {
    ///         std::io::copy(&mut reader, writer)?;
    ///         Ok(())
    ///     }))
    /// }
    /// ```
    pub fn stream(producer: impl FnOnce(&mut BodyWriter) -> Result<(), Error> + 'static) -> Self {
        Self { body: Body::Stream(Box::new(producer)), ..Self::new(200) }
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets a header in the place of those of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.set(name, value.as_ref());
        self
    }

    /// Adds a header and keeps those of the same name: for `set-cookie`, say.
    #[must_use]
    pub fn append(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(name, value.as_ref());
        self
    }

    #[must_use]
    pub fn status_code(&self) -> u16 {
        self.status
    }

    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body, unless it is a stream.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Bytes(bytes) => Some(bytes),
            Body::Stream(_) => None,
        }
    }

    /// Sends it. `head` answers a HEAD request: headers only.
    pub(super) fn send(self, out: ResponseOutparam, head: bool) {
        let (response, body) = match self.prepare(head) {
            Ok(prepared) => prepared,
            Err(error) => {
                // A header that HTTP or the host does not allow: the handler's mistake.
                log(&error);
                let response = OutgoingResponse::new(Fields::new());
                let _ = response.set_status_code(500);
                (response, None)
            }
        };
        let Ok(outgoing) = response.body() else {
            ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
            return;
        };
        ResponseOutparam::set(out, Ok(response));
        let Some(body) = body else {
            // A HEAD's answer may announce the length of what a GET would get: that it is missing is right.
            _ = OutgoingBody::finish(outgoing, None);
            return;
        };
        match write(&outgoing, body).and_then(|trailers| finish(outgoing, &trailers)) {
            Ok(()) => {}
            // To drop the body without `finish` is what tells the host that it is not whole.
            Err(error) => error.log(),
        }
    }

    fn prepare(mut self, head: bool) -> Result<(OutgoingResponse, Option<Body>), std::io::Error> {
        let bare = head || matches!(self.status, 100..200 | 204 | 304);
        if let Body::Bytes(bytes) = &self.body
            && !bare
        {
            self.headers.set("content-length", bytes.len().to_string());
        }
        let fields = self.headers.to_wasi().map_err(|error| {
            std::io::Error::other(format!("the response's headers are not allowed: {error}"))
        })?;
        let response = OutgoingResponse::new(fields);
        response
            .set_status_code(self.status)
            .map_err(|()| std::io::Error::other(format!("{} is no status", self.status)))?;
        Ok((response, (!bare).then_some(self.body)))
    }
}

fn write(outgoing: &OutgoingBody, body: Body) -> Result<Headers, Error> {
    let mut writer = BodyWriter::from_wasi(outgoing)?;
    match body {
        Body::Bytes(bytes) => writer.write_all(&bytes)?,
        Body::Stream(producer) => producer(&mut writer)?,
    }
    match writer.flush() {
        // All was written: whoever has as many bytes as were announced reads no further.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        flushed => flushed?,
    }
    Ok(writer.trailers)
}

fn finish(outgoing: OutgoingBody, trailers: &Headers) -> Result<(), Error> {
    let fields = match trailers.iter().next() {
        None => None,
        Some(_) => Some(trailers.to_wasi()?),
    };
    OutgoingBody::finish(outgoing, fields)?;
    Ok(())
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("a stream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_made_and_amended() {
        let response = Response::json(&["ä"]).unwrap().status(201).header("etag", "\"1\"").append("a", "b");
        assert_eq!(response.status_code(), 201);
        assert_eq!(response.body(), Some("[\"ä\"]".as_bytes()));
        assert_eq!(response.headers().get("ETag"), Some("\"1\""));
        assert_eq!(response.headers().get("content-type"), Some("application/json"));
    }
}
