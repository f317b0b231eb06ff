//! What a subscriber is given.

use serde::de::DeserializeOwned;

use super::{Message, raw};
use crate::content;

/// An event, and how it came here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub event: Event,
    pub topic: String,
    /// The subscription's name in the configuration: a component that serves several decides by it.
    pub subscription: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When the topic took the event, in milliseconds of Unix time.
    pub published_ms: u64,
    /// Events with the same key come in the order of their publication.
    pub key: Option<String>,
    /// Why the event is here, if the topic is one for dead letters.
    pub dead_letter: Option<DeadLetter>,
}

/// An event as CloudEvents 1.0 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub source: String,
    /// CloudEvents `type`.
    pub event_type: String,
    pub subject: Option<String>,
    /// As CloudEvents has it: RFC 3339.
    pub time: Option<String>,
    /// CloudEvents `datacontenttype`.
    pub content_type: Option<String>,
    /// CloudEvents `dataschema`.
    pub schema: Option<String>,
    pub extensions: Vec<(String, String)>,
    pub data: Vec<u8>,
}

/// Why an event was given up. The event itself is as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The topic and the subscription that could not have it delivered.
    pub topic: String,
    pub subscription: String,
    /// What the last attempt ended with.
    pub reason: String,
    pub attempts: u32,
    /// When it was given up, in milliseconds of Unix time.
    pub at_ms: u64,
}

impl Delivery {
    /// A first delivery of a message, to test a subscriber with.
    #[must_use]
    pub fn new(subscription: &str, message: Message) -> Self {
        let message = message.raw;
        Self {
            event: Event {
                id: message.id.unwrap_or_else(|| "test".into()),
                source: message.source.unwrap_or_else(|| "/test/test".into()),
                event_type: message.event_type.unwrap_or_else(|| "mecha.event.v1".into()),
                subject: message.subject,
                time: None,
                content_type: message.content_type,
                schema: message.schema,
                extensions: message.extensions,
                data: message.data,
            },
            topic: "test".into(),
            subscription: subscription.into(),
            attempt: 1,
            published_ms: 0,
            key: message.ordering_key,
            dead_letter: None,
        }
    }
}

impl Event {
    /// The data, read from JSON. Whatever the `content_type` is: who depends on it looks at it.
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

    /// An extension attribute.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        content::find(&self.extensions, name)
    }
}

impl From<raw::delivery_types::Delivery> for Delivery {
    fn from(delivery: raw::delivery_types::Delivery) -> Self {
        Self {
            event: delivery.event.into(),
            topic: delivery.topic,
            subscription: delivery.subscription,
            attempt: delivery.attempt,
            published_ms: delivery.published_ms,
            key: delivery.ordering_key,
            dead_letter: delivery.dead_letter.map(|dead| DeadLetter {
                topic: dead.topic,
                subscription: dead.subscription,
                reason: dead.reason,
                attempts: dead.attempts,
                at_ms: dead.at_ms,
            }),
        }
    }
}

impl From<raw::types::Event> for Event {
    fn from(event: raw::types::Event) -> Self {
        Self {
            id: event.id,
            source: event.source,
            event_type: event.event_type,
            subject: event.subject,
            time: event.time,
            content_type: event.content_type,
            schema: event.schema,
            extensions: event.extensions,
            data: event.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Nack, Subscriber};

    struct Adder;

    impl Subscriber for Adder {
        fn handle(delivery: Delivery) -> Result<(), Nack> {
            match delivery.event.json::<Vec<u32>>()?.iter().sum::<u32>() {
                0..10 => Ok(()),
                sum => Err(Nack::reject(sum.to_string())),
            }
        }
    }

    #[test]
    fn a_subscriber_is_tested_with_a_message() {
        let handle = |message| Adder::handle(Delivery::new("sums", message));
        assert_eq!(handle(Message::json("sum", &[1, 2]).unwrap()), Ok(()));
        assert_eq!(handle(Message::json("sum", &[9, 2]).unwrap()), Err(Nack::reject("11")));
        assert!(matches!(handle(Message::text("sum", "one and two")), Err(Nack::Reject(_))));
    }

    #[test]
    fn an_event_has_what_the_message_had() {
        let message =
            Message::text("greeting", "hello").id("7").subject("a").extension("tone", "warm").key("k");
        let delivery = Delivery::new("greetings", message);
        assert_eq!(delivery.event.text(), Some("hello"));
        assert_eq!((delivery.event.id.as_str(), delivery.key.as_deref()), ("7", Some("k")));
        assert_eq!(delivery.event.extension("tone"), Some("warm"));
        assert_eq!(delivery.event.extension("colour"), None);
    }
}
