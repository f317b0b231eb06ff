//! An event as it is published.

use std::time::Duration;

use serde::Serialize;

use super::raw;
use crate::{class::millis, content};

/// An event to publish: made with one of the constructors, then amended. The host fills in what is not given.
///
/// ```
/// # use std::time::Duration;
/// # use mecha_guest::events::Message;
/// let message = Message::text("order.cancelled", "changed my mind")
///     .id("order-7-cancelled")
///     .subject("order-7")
///     .key("order-7")
///     .ttl(Duration::from_secs(3600));
/// ```
#[derive(Debug, Clone)]
pub struct Message {
    pub(super) raw: raw::types::Message,
}

impl Message {
    /// An event without data.
    pub fn new(event_type: impl Into<String>) -> Self {
        Self {
            raw: raw::types::Message {
                data: Vec::new(),
                content_type: None,
                id: None,
                event_type: Some(event_type.into()),
                source: None,
                subject: None,
                schema: None,
                extensions: Vec::new(),
                ordering_key: None,
                delay_ms: None,
                ttl_ms: None,
            },
        }
    }

    /// An event with bytes of that media type.
    pub fn bytes(
        event_type: impl Into<String>,
        content_type: impl Into<String>,
        data: impl Into<Vec<u8>>,
    ) -> Self {
        let mut message = Self::new(event_type);
        message.raw.data = data.into();
        message.raw.content_type = Some(content_type.into());
        message
    }

    /// An event with plain text.
    pub fn text(event_type: impl Into<String>, text: impl Into<String>) -> Self {
        Self::bytes(event_type, content::TEXT, text.into())
    }

    /// An event with JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON: a map whose keys are no strings, say.
    pub fn json<T: Serialize + ?Sized>(
        event_type: impl Into<String>,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self::bytes(event_type, content::JSON, content::to_json(value)?))
    }

    /// An id of its own, in the place of a fresh one. It makes a publication recognizable when it is repeated:
    /// within the topic's window, a second one with the same source and id is not published again.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.raw.id = Some(id.into());
        self
    }

    /// CloudEvents `source`, in the place of `/app/component`.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.raw.source = Some(source.into());
        self
    }

    /// What the event is about, as its source knows it.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.raw.subject = Some(subject.into());
        self
    }

    /// CloudEvents `dataschema`: a URI.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.raw.schema = Some(schema.into());
        self
    }

    /// An extension attribute. Names are 1 to 20 lower-case letters and digits.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.raw.extensions.push((name.into(), value.into()));
        self
    }

    /// Events with the same key are delivered in the order of their publication.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.raw.ordering_key = Some(key.into());
        self
    }

    /// Not before this time has passed.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.raw.delay_ms = Some(millis(delay));
        self
    }

    /// Discarded if it was not delivered within this time.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.raw.ttl_ms = Some(millis(ttl));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_what_the_wit_says() {
        let message = Message::json("a.b", &[1]).unwrap().key("k").delay(Duration::from_micros(1)).raw;
        assert_eq!(message.data, b"[1]");
        assert_eq!(message.content_type.as_deref(), Some("application/json"));
        assert_eq!(message.event_type.as_deref(), Some("a.b"));
        assert_eq!(
            (message.ordering_key.as_deref(), message.delay_ms, message.ttl_ms),
            (Some("k"), Some(1), None)
        );
        assert!(message.id.is_none());
    }
}
