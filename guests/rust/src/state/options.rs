//! How a value is written.

use std::time::Duration;

use super::{Etag, raw};

/// What has to hold for a change to be made; without one, the last writer wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// The key must not exist yet.
    Absent,
    /// The key must exist, in whatever version.
    Present,
    /// The stored version must be this one: the first writer wins.
    Matches(Etag),
}

impl When {
    pub(super) fn into_raw(self) -> raw::types::Precondition {
        match self {
            Self::Absent => raw::types::Precondition::Absent,
            Self::Present => raw::types::Precondition::Present,
            Self::Matches(etag) => raw::types::Precondition::Matches(etag.into()),
        }
    }
}

/// How a value is written: `Options::new().if_absent().ttl(Duration::from_secs(60))`.
///
/// Each write sets all of it anew: without a `ttl` the value stays for good, whatever it had before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    when: Option<When>,
    ttl: Option<Duration>,
    content_type: Option<String>,
}

impl Options {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if this holds.
    #[must_use]
    pub fn when(self, when: When) -> Self {
        Self { when: Some(when), ..self }
    }

    /// Only if the key does not exist yet.
    #[must_use]
    pub fn if_absent(self) -> Self {
        self.when(When::Absent)
    }

    /// Only if the key exists.
    #[must_use]
    pub fn if_present(self) -> Self {
        self.when(When::Present)
    }

    /// Only if the stored version is this one.
    #[must_use]
    pub fn if_match(self, etag: &Etag) -> Self {
        self.when(When::Matches(etag.clone()))
    }

    /// Removes the value this long after the write. To the millisecond, and at least one.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// A media type to keep with the value, of at most 255 bytes.
    #[must_use]
    pub fn content_type(self, content_type: impl Into<String>) -> Self {
        Self { content_type: Some(content_type.into()), ..self }
    }

    pub(super) fn or_content_type(mut self, content_type: &str) -> Self {
        self.content_type.get_or_insert_with(|| content_type.to_owned());
        self
    }

    pub(super) fn into_raw(self) -> Option<raw::types::SetOptions> {
        (self != Self::default()).then(|| raw::types::SetOptions {
            precondition: self.when.map(When::into_raw),
            ttl_ms: self.ttl.map(millis),
            content_type: self.content_type,
        })
    }
}

pub(super) fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_what_the_wit_says() {
        assert!(Options::new().into_raw().is_none());
        let raw =
            Options::new().if_match(&Etag::from("7".to_owned())).ttl(Duration::from_micros(1)).into_raw();
        let raw = raw.unwrap();
        assert!(matches!(raw.precondition, Some(raw::types::Precondition::Matches(etag)) if etag == "7"));
        assert_eq!(raw.ttl_ms, Some(1));
    }

    #[test]
    fn a_given_media_type_wins_over_the_default() {
        let options =
            Options::new().content_type("application/problem+json").or_content_type("application/json");
        assert_eq!(options.content_type.as_deref(), Some("application/problem+json"));
    }
}
