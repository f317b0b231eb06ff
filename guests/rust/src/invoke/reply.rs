//! What a callee answers, as it writes it and as the caller reads it.

use serde::{Serialize, de::DeserializeOwned};

use super::{Metadata, raw};
use crate::content;

/// What a callee answers, as it writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    pub metadata: Metadata,
}

impl Reply {
    /// Nothing but that it is done.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Bytes of that media type.
    pub fn bytes(content_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { data: data.into(), content_type: Some(content_type.into()), metadata: Vec::new() }
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(content::TEXT, text.into())
    }

    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::bytes(content::JSON, content::to_json(value)?))
    }

    /// Adds to the metadata.
    #[must_use]
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }

    pub(super) fn into_raw(self) -> raw::types::Response {
        raw::types::Response { data: self.data, content_type: self.content_type, metadata: self.metadata }
    }
}

/// What a callee answered, as the caller reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    pub metadata: Metadata,
}

impl Answer {
    /// The data, read from JSON.
    ///
    /// # Errors
    /// If it is not JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.data)
    }

    /// The data, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }

    /// The first value of that name in the metadata.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        content::find(&self.metadata, name)
    }
}

impl From<Reply> for Answer {
    /// For tests: what the caller of a service would see.
    fn from(reply: Reply) -> Self {
        Self { data: reply.data, content_type: reply.content_type, metadata: reply.metadata }
    }
}

impl From<raw::types::Response> for Answer {
    fn from(response: raw::types::Response) -> Self {
        Self { data: response.data, content_type: response.content_type, metadata: response.metadata }
    }
}
