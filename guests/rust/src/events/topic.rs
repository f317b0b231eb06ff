//! Where events are published.

use super::{Error, Message, raw};

/// A topic that the component's configuration lets it publish to.
#[derive(Debug)]
pub struct Topic {
    raw: raw::types::Topic,
}

impl Topic {
    /// Opens a topic by its name.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`] if the configuration grants none of that name.
    pub fn open(name: &str) -> Result<Self, Error> {
        Ok(Self { raw: raw::topics::open(name)? })
    }

    #[must_use]
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// Publishes an event and returns its id. It is on disk when this returns; nobody need have received it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn publish(&self, message: &Message) -> Result<String, Error> {
        Ok(self.raw.publish(&message.raw)?)
    }

    /// Publishes several events, in order: faster than one by one, for they share one sync of the disk. Each has
    /// an outcome of its own.
    ///
    /// # Errors
    /// If nothing of it was tried.
    pub fn publish_many(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<Vec<Result<String, Error>>, Error> {
        let messages: Vec<_> = messages.into_iter().map(|message| message.raw).collect();
        let outcomes = self.raw.publish_many(&messages)?;
        Ok(outcomes.into_iter().map(|outcome| outcome.map_err(Error::from)).collect())
    }
}
