//! An event: CloudEvents 1.0.
//!
//! Whatever is an [`Event`] is valid: one is made of a [`Draft`] only, or read back from what an event was stored as.
//! [`json`] and [`http`] are how events travel, [`stored`] is how they are kept.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;

use crate::clock::Timestamp;

mod attribute;
pub mod http;
pub mod json;
pub mod stored;
#[cfg(test)]
mod tests;

pub use attribute::{is_extension_name, is_json};

/// The only version of CloudEvents that is understood.
pub const SPEC_VERSION: &str = "1.0";
/// The most bytes that the names and values of all attributes of an event have together.
pub const MAX_ATTRIBUTES: usize = 64 << 10;
/// The most extension attributes of an event.
pub const MAX_EXTENSIONS: usize = 64;
/// The most events in one batch.
pub const MAX_BATCH: usize = 1000;

/// A valid event. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    id: Arc<str>,
    source: Arc<str>,
    kind: Arc<str>,
    subject: Option<Arc<str>>,
    time: Option<Arc<str>>,
    content_type: Option<Arc<str>>,
    schema: Option<Arc<str>>,
    extensions: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    data: Option<Bytes>,
}

impl Event {
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The attribute `type`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// RFC 3339.
    #[must_use]
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// The attribute `datacontenttype`.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The attribute `dataschema`.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).map(AsRef::as_ref)
    }

    /// By name, in its order.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.extensions.iter().map(|(name, value)| (&**name, &**value))
    }

    #[must_use]
    pub fn data(&self) -> Option<&Bytes> {
        self.data.as_ref()
    }

    /// Whether the data is JSON, by its declared type: without one it is, as CloudEvents has it.
    #[must_use]
    pub fn has_json(&self) -> bool {
        self.data.is_some() && self.content_type().is_none_or(is_json)
    }

    /// The attribute by its name in CloudEvents, extensions included.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "id" => Some(&self.id),
            "source" => Some(&self.source),
            "type" => Some(&self.kind),
            "subject" => self.subject(),
            "time" => self.time(),
            "datacontenttype" => self.content_type(),
            "dataschema" => self.schema(),
            "specversion" => Some(SPEC_VERSION),
            _ => self.extension(name),
        }
    }

    /// All attributes that it has by their names in CloudEvents, without `specversion`.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let optional = [
            ("subject", self.subject()),
            ("time", self.time()),
            ("datacontenttype", self.content_type()),
            ("dataschema", self.schema()),
        ];
        [("id", self.id()), ("source", self.source()), ("type", self.kind())]
            .into_iter()
            .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value?))))
            .chain(self.extensions())
    }

    /// Bytes of attributes and data: what the event is counted as against a limit.
    #[must_use]
    pub fn size(&self) -> u64 {
        let attributes: usize = self.attributes().map(|(name, value)| name.len() + value.len()).sum();
        (attributes + self.data().map_or(0, Bytes::len)) as u64
    }

    /// To change it: the result is checked anew.
    #[must_use]
    pub fn into_draft(self) -> Draft {
        let own = |text: Arc<str>| text.as_ref().to_owned();
        Draft {
            extensions: self.extensions().map(|(name, value)| (name.into(), value.into())).collect(),
            id: Some(own(self.id)),
            source: Some(own(self.source)),
            kind: Some(own(self.kind)),
            subject: self.subject.map(own),
            time: self.time.map(own),
            content_type: self.content_type.map(own),
            schema: self.schema.map(own),
            data: self.data,
        }
    }
}

/// An event as somebody wrote it: unchecked, with gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    pub id: Option<String>,
    pub source: Option<String>,
    pub kind: Option<String>,
    pub subject: Option<String>,
    pub time: Option<String>,
    pub content_type: Option<String>,
    pub schema: Option<String>,
    pub extensions: Vec<(String, String)>,
    pub data: Option<Bytes>,
}

/// What fills the gaps of a draft.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    pub id: &'a str,
    pub source: &'a str,
    pub kind: &'a str,
    pub time: Timestamp,
    /// An extension of the draft of this name wins.
    pub traceparent: Option<&'a str>,
}

impl Draft {
    /// The event, if every attribute is valid.
    ///
    /// # Errors
    /// [`Wrong`] names the first attribute that is not.
    pub fn complete(mut self, defaults: &Defaults<'_>) -> Result<Event, Wrong> {
        self.id.get_or_insert_with(|| defaults.id.to_owned());
        self.source.get_or_insert_with(|| defaults.source.to_owned());
        self.kind.get_or_insert_with(|| defaults.kind.to_owned());
        self.time.get_or_insert_with(|| rfc3339(defaults.time));
        let is_traced = self.extensions.iter().any(|(name, _)| name == "traceparent");
        if let Some(trace) = defaults.traceparent.filter(|_| !is_traced) {
            self.extensions.push(("traceparent".into(), trace.to_owned()));
        }
        self.check()
    }

    /// The event, if nothing that CloudEvents requires is missing and every attribute is valid.
    ///
    /// # Errors
    /// [`Wrong`] names the first attribute that is not.
    pub fn check(self) -> Result<Event, Wrong> {
        let optional = [&self.subject, &self.time, &self.content_type, &self.schema];
        let fixed =
            [&self.id, &self.source, &self.kind].into_iter().chain(optional).flatten().map(String::len);
        let free = self.extensions.iter().map(|(name, value)| name.len() + value.len());
        let size: usize = fixed.chain(free).sum();
        if size > MAX_ATTRIBUTES {
            let right = format!("they have at most {MAX_ATTRIBUTES}; what is larger belongs into the data");
            return Err(Wrong::format(format!("the attributes have {size} bytes"), right));
        }
        if self.extensions.len() > MAX_EXTENSIONS {
            let found = format!("{} extension attributes", self.extensions.len());
            return Err(Wrong::format(found, format!("an event has at most {MAX_EXTENSIONS}")));
        }
        let id = required("id", self.id, attribute::text)?;
        let source = required("source", self.source, attribute::uri_reference)?;
        let kind = required("type", self.kind, attribute::text)?;
        let subject = valid("subject", self.subject, attribute::text)?;
        let time = valid("time", self.time, attribute::time)?;
        let content_type = valid("datacontenttype", self.content_type, attribute::media_type)?;
        let schema = valid("dataschema", self.schema, attribute::uri)?;
        let mut extensions = BTreeMap::new();
        for (name, value) in self.extensions {
            attribute::extension_name(&name)
                .map_err(|(found, right)| Wrong::attribute(&name, found, right))?;
            attribute::string(&value).map_err(|(found, right)| Wrong::attribute(&name, found, right))?;
            if extensions.insert(Arc::from(&*name), Arc::from(value)).is_some() {
                return Err(Wrong::twice(&name));
            }
        }
        let extensions = Arc::new(extensions);
        Ok(Event { id, source, kind, subject, time, content_type, schema, extensions, data: self.data })
    }
}

type Rule = fn(&str) -> Result<(), attribute::Broken>;

fn valid(name: &str, value: Option<String>, rule: Rule) -> Result<Option<Arc<str>>, Wrong> {
    let Some(value) = value else { return Ok(None) };
    rule(&value).map_err(|(found, right)| Wrong::attribute(name, found, right))?;
    Ok(Some(value.into()))
}

fn required(name: &str, value: Option<String>, rule: Rule) -> Result<Arc<str>, Wrong> {
    valid(name, value, rule)?.ok_or_else(|| Wrong::attribute(name, "it is missing", "every event has one"))
}

/// A moment as CloudEvents writes it. What is later than the year 9999 is its end.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// What is wrong with something that was to be an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which event of a batch, from 0.
    pub event: Option<usize>,
    /// By its name in CloudEvents, shortened if it is too long to be one. `None`: it is not about one attribute.
    pub attribute: Option<String>,
    pub found: String,
    pub right: String,
}

impl Wrong {
    fn attribute(name: &str, found: impl Into<String>, right: impl Into<String>) -> Self {
        let attribute = Some(attribute::shortened(name));
        Self { event: None, attribute, found: found.into(), right: right.into() }
    }

    fn format(found: impl Into<String>, right: impl Into<String>) -> Self {
        Self { event: None, attribute: None, found: found.into(), right: right.into() }
    }

    fn twice(name: &str) -> Self {
        Self::attribute(name, "it is there twice", "an attribute has one value")
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.event {
            write!(f, "event {index} of the batch: ")?;
        }
        if let Some(name) = &self.attribute {
            write!(f, "attribute `{name}`: ")?;
        }
        write!(f, "{}; {}", self.found, self.right)
    }
}

impl std::error::Error for Wrong {}
