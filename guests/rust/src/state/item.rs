//! Stored values.

use std::{fmt, time::Duration};

use serde::de::DeserializeOwned;

use super::{Error, Options, raw};
use crate::wasi::clocks::wall_clock;

/// A stored value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub value: Vec<u8>,
    pub etag: Etag,
    /// The media type that was given when the value was stored.
    pub content_type: Option<String>,
    /// When the value vanishes, in milliseconds of Unix time.
    pub expires_at_ms: Option<u64>,
}

impl Item {
    /// The value, read from JSON.
    ///
    /// # Errors
    /// [`Error::Json`] if it is not JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.value)?)
    }

    /// The value, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.value).ok()
    }

    /// How long it has still to live. `None` if it stays for good.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.expires_at_ms.map(|at| {
            let now = wall_clock::now();
            let now_ms =
                now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000));
            Duration::from_millis(at.saturating_sub(now_ms))
        })
    }

    /// Options to write another value with the expiry and the media type that this one has. Without them a
    /// write makes a value permanent.
    #[must_use]
    pub fn same(&self) -> Options {
        let mut options = Options::new();
        if let Some(ttl) = self.ttl() {
            options = options.ttl(ttl);
        }
        if let Some(content_type) = &self.content_type {
            options = options.content_type(content_type);
        }
        options
    }
}

impl From<raw::types::Item> for Item {
    fn from(item: raw::types::Item) -> Self {
        Self {
            value: item.value,
            etag: item.etag.into(),
            content_type: item.content_type,
            expires_at_ms: item.expires_at_ms,
        }
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub item: Item,
}

impl From<raw::types::Entry> for Entry {
    fn from(entry: raw::types::Entry) -> Self {
        Self { key: entry.key, item: entry.item.into() }
    }
}

/// An opaque version of a stored value. Only equality means something: versions have no order, and those of
/// different keys have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Etag(String);

impl Etag {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As HTTP writes it in `etag`: in quotes.
    #[must_use]
    pub fn to_http(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// The versions in an `if-match` or `if-none-match` header: one or a list. A proxy may have made a version
    /// weak (`W/"…"`); that is overlooked. `*` is no version.
    pub fn list_from_http(header: &str) -> impl Iterator<Item = Self> {
        header.split(',').filter_map(|tag| {
            let tag = tag.trim();
            let quoted = tag.strip_prefix("W/").unwrap_or(tag);
            Some(Self(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned()))
        })
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Etag {
    fn from(etag: String) -> Self {
        Self(etag)
    }
}

impl From<Etag> for String {
    fn from(etag: Etag) -> Self {
        etag.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_http_headers() {
        let read = |header| Etag::list_from_http(header).map(String::from).collect::<Vec<_>>();
        assert_eq!(read("\"a1\""), ["a1"]);
        assert_eq!(read("W/\"a1\", \"b2\""), ["a1", "b2"]);
        assert_eq!(read("*"), Vec::<String>::new());
        assert_eq!(read("a1"), Vec::<String>::new());
        assert_eq!(read("\""), Vec::<String>::new());
        assert_eq!(Etag::from("a1".to_owned()).to_http(), "\"a1\"");
    }
}
