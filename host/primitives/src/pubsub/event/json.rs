//! CloudEvents' JSON format: an event as an object, and batches as arrays of them.
//!
//! Data of a JSON type (or of none) is a JSON value; of a text type, a string; any other is `data_base64`.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Draft, Event, MAX_BATCH, MAX_EXTENSIONS, SPEC_VERSION, Wrong, attribute};

/// The media type of one event.
pub const EVENT: &str = "application/cloudevents+json";
/// The media type of a batch.
pub const BATCH: &str = "application/cloudevents-batch+json";

const RIGHT: &str = "an event is a JSON object with `specversion`, `id`, `source` and `type`";
const RIGHT_BATCH: &str = "a batch is a JSON array of at most 1000 events";

/// # Errors
/// [`Wrong`] says what keeps it from being an event.
pub fn read(text: &[u8]) -> Result<Event, Wrong> {
    let members = serde_json::from_slice(text).map_err(|error| malformed(&error, RIGHT))?;
    event(members)
}

/// Reads all events or none.
///
/// # Errors
/// [`Wrong`] says which event is none, and why.
pub fn read_batch(text: &[u8]) -> Result<Vec<Event>, Wrong> {
    let Batch(events) = serde_json::from_slice(text).map_err(|error| malformed(&error, RIGHT_BATCH))?;
    let one = |(index, text): (usize, &RawValue)| {
        read(text.get().as_bytes()).map_err(|wrong| Wrong { event: Some(index), ..wrong })
    };
    events.into_iter().enumerate().map(one).collect()
}

#[must_use]
pub fn write(event: &Event) -> Vec<u8> {
    let mut text = format!("{{\"specversion\":\"{SPEC_VERSION}\"");
    for (name, value) in event.attributes() {
        member(&mut text, name, &quoted(value));
    }
    match event.data().map(|data| (data, as_text(event, data))) {
        None => {}
        Some((_, Some(value))) => member(&mut text, "data", &value),
        Some((data, None)) => member(&mut text, "data_base64", &quoted(&BASE64_STANDARD.encode(data))),
    }
    text.push('}');
    text.into_bytes()
}

#[must_use]
pub fn write_batch<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<u8> {
    let mut text = vec![b'['];
    for (index, event) in events.into_iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend(write(event));
    }
    text.push(b']');
    text
}

fn member(text: &mut String, name: &str, value: &str) {
    text.push(',');
    text.push_str(&quoted(name));
    text.push(':');
    text.push_str(value);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What the member `data` is, if the data can be written as one.
fn as_text(event: &Event, data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    if event.has_json() {
        // Guests may call anything JSON.
        return is_json(text).then(|| text.trim().to_owned());
    }
    let media_type = event.content_type().unwrap_or_default();
    let essence = attribute::essence(media_type);
    let is_text = essence.starts_with("text/") || essence.ends_with("/xml") || essence.ends_with("+xml");
    let is_utf8 = attribute::charset(media_type)
        .is_none_or(|name| name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii"));
    (is_text && is_utf8).then(|| quoted(text))
}

/// Whether it is JSON that a reader with bounded depth reads.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<Sound>(text).is_ok()
}

fn event(Members(members): Members<'_>) -> Result<Event, Wrong> {
    let (mut draft, mut version, mut data, mut base64) = (Draft::default(), None, None, None);
    for (name, raw) in members {
        let slot = match name.as_str() {
            "data" => {
                data = Some(raw);
                continue;
            }
            "specversion" => &mut version,
            "data_base64" => &mut base64,
            "id" => &mut draft.id,
            "source" => &mut draft.source,
            "type" => &mut draft.kind,
            "subject" => &mut draft.subject,
            "time" => &mut draft.time,
            "datacontenttype" => &mut draft.content_type,
            "dataschema" => &mut draft.schema,
            _ => {
                draft.extensions.extend(extension(&name, raw)?.map(|value| (name, value)));
                continue;
            }
        };
        *slot = match scalar(raw) {
            Some(Scalar::Null) => None,
            Some(Scalar::Text(text)) => Some(text),
            _ => return Err(Wrong::attribute(&name, found(raw), "its value is a JSON string")),
        };
    }
    check_version(version.as_deref())?;
    draft.data = match (data, base64) {
        (Some(_), Some(_)) => {
            return Err(Wrong::format("both `data` and `data_base64` are there", "an event has one of them"));
        }
        (None, None) => None,
        (None, Some(text)) => Some(decoded(&text)?),
        (Some(raw), None) => member_data(raw, draft.content_type.as_deref())?,
    };
    draft.check()
}

/// # Errors
/// [`Wrong`] if it is not the version that is understood.
pub(super) fn check_version(version: Option<&str>) -> Result<(), Wrong> {
    let right = "only version 1.0 is understood";
    match version {
        Some(SPEC_VERSION) => Ok(()),
        Some(other) => Err(Wrong::attribute("specversion", attribute::shown(other), right)),
        None => Err(Wrong::attribute("specversion", "it is missing", right)),
    }
}

fn decoded(text: &str) -> Result<Bytes, Wrong> {
    let wrong =
        |_| Wrong::attribute("data_base64", attribute::shown(text), "its value is base64 with padding");
    BASE64_STANDARD.decode(text).map(Bytes::from).map_err(wrong)
}

fn member_data(raw: &RawValue, content_type: Option<&str>) -> Result<Option<Bytes>, Wrong> {
    if content_type.is_none_or(attribute::is_json) {
        let sound = serde_json::from_str::<Sound>(raw.get());
        sound.map_err(|error| {
            Wrong::attribute("data", shortly(&error), "it is JSON, nested less than 128 deep")
        })?;
        return Ok(Some(Bytes::copy_from_slice(raw.get().as_bytes())));
    }
    match scalar(raw) {
        Some(Scalar::Null) => Ok(None),
        Some(Scalar::Text(text)) => Ok(Some(text.into())),
        _ => Err(Wrong::attribute(
            "data",
            found(raw),
            "data whose `datacontenttype` is not JSON is a JSON string",
        )),
    }
}

/// The canonical text of an extension's value; `null` is as if it were not there.
fn extension(name: &str, raw: &RawValue) -> Result<Option<String>, Wrong> {
    match scalar(raw) {
        Some(Scalar::Null) => Ok(None),
        Some(Scalar::Text(text)) => Ok(Some(text)),
        Some(Scalar::Boolean(value)) => Ok(Some(value.to_string())),
        Some(Scalar::Integer(value)) => Ok(Some(value.to_string())),
        None => Err(Wrong::attribute(
            name,
            found(raw),
            "its value is a string, a boolean or an integer of 32 bits",
        )),
    }
}

enum Scalar {
    Null,
    Boolean(bool),
    Integer(i32),
    Text(String),
}

fn scalar(raw: &RawValue) -> Option<Scalar> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'n' => Some(Scalar::Null),
        b't' | b'f' => Some(Scalar::Boolean(text == "true")),
        b'"' => serde_json::from_str(text).ok().map(Scalar::Text),
        _ => text.parse().ok().map(Scalar::Integer),
    }
}

fn found(raw: &RawValue) -> String {
    format!("its value is {}", attribute::shown(raw.get()))
}

fn malformed(error: &serde_json::Error, right: &str) -> Wrong {
    Wrong::format(shortly(error), right)
}

/// The parser's words may quote as much as it has read.
fn shortly(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.char_indices().nth(160) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// An object's members, in order, each once.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Those that are no extensions, and one more that is found to be too much.
        const MOST: usize = MAX_EXTENSIONS + 11;
        let mut members = Vec::<(String, &RawValue)>::new();
        while let Some(name) = map.next_key::<String>()? {
            let short = attribute::shown(&name);
            if members.iter().any(|(other, _)| *other == name) {
                return Err(serde::de::Error::custom(format_args!("the member {short} is there twice")));
            }
            if members.len() == MOST {
                return Err(serde::de::Error::custom(format_args!("the member {short} is one too many")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

/// The texts of a batch's events.
struct Batch<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Batch<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BatchVisitor)
    }
}

struct BatchVisitor;

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = Batch<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = seq.next_element()? {
            if events.len() == MAX_BATCH {
                return Err(serde::de::Error::custom("the batch has too many events"));
            }
            events.push(event);
        }
        Ok(Batch(events))
    }
}

/// JSON that is looked through and dropped: unlike `IgnoredAny`, with the parser's bound of depth.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Sound, Self>()?.is_some() {}
        Ok(self)
    }
}
