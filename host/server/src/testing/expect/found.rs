//! What is held against a pattern.

use std::{borrow::Cow, cell::OnceCell};

use serde_json::Value;

/// Something that was found, or nothing.
#[derive(Debug)]
pub enum Found<'a> {
    Nothing,
    /// What is a text by its nature: an attribute, a header, a line.
    Text(Cow<'a, str>),
    /// Data: bytes, and what they are depends on who reads them.
    Data(Data<'a>),
    /// A part of data that was read as JSON.
    Json(&'a Value),
}

impl<'a> Found<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }

    pub fn data(bytes: &'a [u8]) -> Self {
        Self::Data(Data { bytes, json: OnceCell::new() })
    }

    /// The text that it is, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Data(data) => data.text(),
            Self::Json(value) => value.as_str(),
            Self::Nothing => None,
        }
    }
}

/// Bytes, which are read as JSON at most once.
#[derive(Debug)]
pub struct Data<'a> {
    pub bytes: &'a [u8],
    json: OnceCell<Result<Value, String>>,
}

impl Data<'_> {
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes).ok()
    }

    /// # Errors
    /// Why it is no JSON.
    pub fn json(&self) -> Result<&Value, &str> {
        let json = self.json.get_or_init(|| match self.bytes {
            [] => Err("it is empty".to_owned()),
            bytes => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        });
        json.as_ref().map_err(String::as_str)
    }
}
