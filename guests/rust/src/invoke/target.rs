//! Another component, called by its name.

use std::time::Duration;

use serde::Serialize;

use super::{Answer, Error, raw};
use crate::{class::millis, content};

/// Another component of the app that the configuration lets this one call.
#[derive(Debug)]
pub struct Target {
    raw: raw::types::Target,
}

impl Target {
    /// Opens a target by the component's name.
    ///
    /// # Errors
    /// [`Error::NoSuchTarget`] if the configuration has none of that name.
    pub fn open(name: &str) -> Result<Self, Error> {
        Ok(Self { raw: raw::targets::open(name)? })
    }

    #[must_use]
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// Calls it, and waits for its answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn call(&self, request: &Request) -> Result<Answer, Error> {
        Ok(self.raw.call(&request.raw, request.options.as_ref())?.into())
    }
}

/// What a component is asked: made with one of the constructors, then amended.
#[derive(Debug, Clone)]
pub struct Request {
    raw: raw::types::Request,
    options: Option<raw::types::CallOptions>,
}

impl Request {
    /// A request without data.
    pub fn new(method: impl Into<String>) -> Self {
        let raw = raw::types::Request {
            method: method.into(),
            data: Vec::new(),
            content_type: None,
            metadata: Vec::new(),
        };
        Self { raw, options: None }
    }

    /// A request with bytes of that media type.
    pub fn bytes(
        method: impl Into<String>,
        content_type: impl Into<String>,
        data: impl Into<Vec<u8>>,
    ) -> Self {
        let mut request = Self::new(method);
        request.raw.data = data.into();
        request.raw.content_type = Some(content_type.into());
        request
    }

    /// A request with plain text.
    pub fn text(method: impl Into<String>, text: impl Into<String>) -> Self {
        Self::bytes(method, content::TEXT, text.into())
    }

    /// A request with JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(
        method: impl Into<String>,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self::bytes(method, content::JSON, content::to_json(value)?))
    }

    /// Adds to the metadata. The host adds the trace and the identity of the caller.
    #[must_use]
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.raw.metadata.push((name.into(), value.into()));
        self
    }

    /// How long to wait. Never longer than this call itself may go on.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options().timeout_ms = Some(millis(timeout));
        self
    }

    /// With the same key in a repetition, the callee can tell that it is one.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options().idempotency_key = Some(key.into());
        self
    }

    fn options(&mut self) -> &mut raw::types::CallOptions {
        self.options.get_or_insert(raw::types::CallOptions { timeout_ms: None, idempotency_key: None })
    }

    pub(super) fn into_raw(self) -> (raw::types::Request, Option<raw::types::CallOptions>) {
        (self.raw, self.options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_what_the_wit_says() {
        let (raw, options) = Request::json("price", "tea").unwrap().meta("a", "b").into_raw();
        assert_eq!((raw.method.as_str(), raw.data.as_slice()), ("price", b"\"tea\"".as_slice()));
        assert_eq!(raw.metadata, [("a".to_owned(), "b".to_owned())]);
        assert!(options.is_none());
        let (_, options) = Request::new("price").timeout(Duration::from_secs(1)).into_raw();
        assert_eq!(options.unwrap().timeout_ms, Some(1000));
    }
}
