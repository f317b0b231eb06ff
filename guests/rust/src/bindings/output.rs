//! Something outside that can be told to do something.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Metadata, raw};
use crate::{class::millis, content};

/// An output binding that the component's configuration grants.
#[derive(Debug)]
pub struct Output {
    raw: raw::types::Output,
}

impl Output {
    /// Opens an output by its name.
    ///
    /// # Errors
    /// [`Error::NoSuchBinding`] if the configuration grants none of that name.
    pub fn open(name: &str) -> Result<Self, Error> {
        Ok(Self { raw: raw::outputs::open(name)? })
    }

    #[must_use]
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// What the component may ask of it.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.raw.operations()
    }

    /// Carries out an operation.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn invoke(&self, request: &Request) -> Result<Response, Error> {
        let response = self.raw.invoke(&request.raw)?;
        Ok(Response {
            data: response.data,
            content_type: response.content_type,
            metadata: response.metadata,
            deferred: response.deferred,
        })
    }
}

/// What an output is asked: made with one of the constructors, then amended.
#[derive(Debug, Clone)]
pub struct Request {
    raw: raw::types::Request,
}

impl Request {
    /// An operation without data: `get` or `list`, say. `mecha-host bindings` tells which a binding has, and
    /// which metadata each takes.
    pub fn new(operation: impl Into<String>) -> Self {
        let raw = raw::types::Request {
            operation: operation.into(),
            data: Vec::new(),
            content_type: None,
            metadata: Vec::new(),
            timeout_ms: None,
        };
        Self { raw }
    }

    /// An operation with bytes of that media type.
    pub fn bytes(
        operation: impl Into<String>,
        content_type: impl Into<String>,
        data: impl Into<Vec<u8>>,
    ) -> Self {
        let mut request = Self::new(operation);
        request.raw.data = data.into();
        request.raw.content_type = Some(content_type.into());
        request
    }

    /// An operation with plain text.
    pub fn text(operation: impl Into<String>, text: impl Into<String>) -> Self {
        Self::bytes(operation, content::TEXT, text.into())
    }

    /// An operation with JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(
        operation: impl Into<String>,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self::bytes(operation, content::JSON, content::to_json(value)?))
    }

    /// Adds to the metadata.
    #[must_use]
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.raw.metadata.push((name.into(), value.into()));
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.raw.timeout_ms = Some(millis(timeout));
        self
    }
}

/// What an output answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub data: Option<Vec<u8>>,
    pub content_type: Option<String>,
    pub metadata: Metadata,
    /// The operation will be carried out when the call has been committed; there is no answer yet.
    pub deferred: bool,
}

impl Response {
    /// The data, read from JSON.
    ///
    /// # Errors
    /// If it is not JSON of that shape, or not there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.data.as_deref().unwrap_or_default())
    }

    /// The data, if it is there and UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.data.as_deref()?).ok()
    }

    /// The first value of that name in the metadata.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        content::find(&self.metadata, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_what_the_wit_says() {
        let raw = Request::text("create", "hi").meta("path", "a.txt").timeout(Duration::from_secs(1)).raw;
        assert_eq!((raw.operation.as_str(), raw.data.as_slice()), ("create", b"hi".as_slice()));
        assert_eq!(raw.metadata, [("path".to_owned(), "a.txt".to_owned())]);
        assert_eq!(raw.timeout_ms, Some(1000));
    }

    #[test]
    fn an_answer_that_is_not_there_is_no_json() {
        let response = Response { data: None, content_type: None, metadata: vec![], deferred: true };
        assert!(response.json::<u32>().is_err());
        assert_eq!(response.text(), None);
    }
}
