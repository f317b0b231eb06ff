//! Events, as a test publishes them and as it finds them.

use serde::Serialize;

use super::{raw, request::to_json, told};
use crate::{content, events::Event};

/// An event that comes in from outside: made by [`app::event`](super::app::event), amended, then published.
#[derive(Debug, Clone)]
#[must_use = "an event does nothing unless it is published"]
pub struct NewEvent(raw::app::Message);

impl NewEvent {
    pub(super) fn new(topic: String) -> Self {
        Self(raw::app::Message {
            topic,
            event_type: None,
            id: None,
            source: None,
            subject: None,
            content_type: None,
            extensions: vec![],
            data: vec![],
        })
    }

    /// CloudEvents `type`. The topic's default unless said.
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.0.event_type = Some(event_type.into());
        self
    }

    /// With an id the event is recognized if it is published again.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.0.id = Some(id.into());
        self
    }

    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    /// Adds an extension attribute.
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.extensions.push((name.into(), value.into()));
        self
    }

    /// Data of that media type.
    pub fn bytes(mut self, content_type: &str, data: impl Into<Vec<u8>>) -> Self {
        self.0.data = data.into();
        self.0.content_type = Some(content_type.to_owned());
        self
    }

    pub fn text(self, text: impl Into<String>) -> Self {
        self.bytes(content::TEXT, text.into())
    }

    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.bytes(content::JSON, to_json(value))
    }

    /// Publishes it, and waits until all that follows at this moment has been done.
    #[track_caller]
    pub fn publish(self) {
        told(raw::app::publish(&self.0));
    }
}

impl From<raw::app::Event> for Event {
    fn from(event: raw::app::Event) -> Self {
        Self {
            id: event.id,
            source: event.source,
            event_type: event.event_type,
            subject: event.subject,
            time: event.time,
            content_type: event.content_type,
            schema: None,
            extensions: event.extensions,
            data: event.data,
        }
    }
}
