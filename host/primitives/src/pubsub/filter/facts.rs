//! What filters see of one event. It is made when the first of them asks, and once for all of them.

use std::{collections::HashMap, fmt, sync::Arc, sync::OnceLock};

use cel::{
    Value,
    common::{
        types::CelString,
        value::{CowVal, Val},
    },
    context::VariableResolver,
    objects::Key,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::pubsub::event::{Event, SPEC_VERSION};

/// An event in a topic, as filters see it.
#[derive(Debug)]
pub struct Facts<'a> {
    event: &'a Event,
    topic: &'a str,
    attributes: OnceLock<Option<Box<dyn Val>>>,
    data: OnceLock<Option<Box<dyn Val>>>,
}

impl<'a> Facts<'a> {
    #[must_use]
    pub fn new(event: &'a Event, topic: &'a str) -> Self {
        Self { event, topic, attributes: OnceLock::new(), data: OnceLock::new() }
    }

    #[must_use]
    pub fn event(&self) -> &'a Event {
        self.event
    }

    /// Whether a filter has asked for the data by now.
    #[must_use]
    pub fn has_parsed(&self) -> bool {
        self.data.get().is_some()
    }

    /// Whether a filter has asked for the data in vain.
    pub(super) fn lacks_data(&self) -> bool {
        matches!(self.data.get(), Some(None))
    }

    fn attributes(&self) -> Option<Box<dyn Val>> {
        let specversion = ("specversion", SPEC_VERSION);
        let attributes = self.event.attributes().chain([specversion]);
        let map: HashMap<&str, &str> = attributes.collect();
        Value::from(map).try_into().ok()
    }

    fn data(&self) -> Option<Box<dyn Val>> {
        let data = self.event.data().filter(|_| self.event.has_json())?;
        let Json(value) = serde_json::from_slice(data).ok()?;
        value.try_into().ok()
    }
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let value = match name {
            "event" => self.attributes.get_or_init(|| self.attributes()),
            "data" => self.data.get_or_init(|| self.data()),
            "topic" => return Some(CowVal::owned(CelString::from(self.topic))),
            _ => return None,
        };
        value.as_deref().map(CowVal::Borrowed)
    }
}

/// JSON as a value of CEL, without a tree in between.
struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Self)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Json(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::List(Arc::new(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = HashMap::<Key, Value>::new();
        while let Some((name, Json(value))) = map.next_entry::<String, Json>()? {
            values.insert(Key::from(name), value);
        }
        Ok(Value::from(values))
    }
}
