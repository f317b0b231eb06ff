//! What the environment sets.

use std::{error, fmt};

/// Where events are published, and what their attributes are. All but the topic are templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub topic: String,
    pub source: Option<String>,
    pub kind: Option<String>,
    pub subject: Option<String>,
    /// The ordering key.
    pub key: Option<String>,
    /// Of requests that are not inputs: these have an id.
    pub id: Option<String>,
}

impl Options {
    /// Reads variables. An empty one is as good as none.
    ///
    /// # Errors
    /// If no topic is named.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NoTopic> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        Ok(Self {
            topic: given("TOPIC").ok_or(NoTopic)?,
            source: given("SOURCE"),
            kind: given("TYPE"),
            subject: given("SUBJECT"),
            key: given("KEY"),
            id: given("ID"),
        })
    }
}

/// The manifest's mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct NoTopic;

impl fmt::Display for NoTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the variable TOPIC names no topic")
    }
}

impl error::Error for NoTopic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_needed_and_nothing_else() {
        assert_eq!(Options::read(|_| None), Err(NoTopic));
        assert_eq!(Options::read(|_| Some(String::new())), Err(NoTopic));
        let options = Options::read(|name| (name == "TOPIC").then(|| "hooks".to_owned())).unwrap();
        assert_eq!((options.topic.as_str(), options.source, options.kind), ("hooks", None, None));
    }
}
