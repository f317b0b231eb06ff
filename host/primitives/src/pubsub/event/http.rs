//! CloudEvents over HTTP, as pairs of header and value and a body: binary, structured and batched, read and written.
//!
//! A body that is no event in any of these modes is data, of which a [`Draft`] is made.

use bytes::Bytes;

use super::{Draft, Event, SPEC_VERSION, Wrong, attribute, json};

/// What a request held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Event(Event),
    Batch(Vec<Event>),
    /// A body without any attributes: its type and its bytes.
    Plain(Draft),
}

/// Headers to send, names in lower case, values in printable ASCII.
pub type Headers = Vec<(String, String)>;

/// # Errors
/// [`Wrong`] says what keeps it from being what its headers say it is.
pub fn read<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: &Bytes,
) -> Result<Received, Wrong> {
    let (mut content_type, mut attributes) = (None, Vec::new());
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if name == "content-type" {
            let text = std::str::from_utf8(value).map_err(|_| not_utf8("datacontenttype"))?;
            if content_type.replace(text.trim()).is_some() {
                return Err(Wrong::twice("datacontenttype"));
            }
        } else if let Some(name) = name.strip_prefix("ce-") {
            attributes.push((name.to_owned(), value));
        }
    }
    let essence = content_type.map(attribute::essence).unwrap_or_default();
    if essence.starts_with("application/cloudevents") {
        check_charset(content_type.unwrap_or_default())?;
        return match essence.as_str() {
            json::EVENT => json::read(body).map(Received::Event),
            json::BATCH => json::read_batch(body).map(Received::Batch),
            other => Err(Wrong::format(
                format!("events as {}", attribute::shown(other)),
                format!("the formats that are understood are `{}` and `{}`", json::EVENT, json::BATCH),
            )),
        };
    }
    let data = (!body.is_empty()).then(|| body.clone());
    let draft = Draft { content_type: content_type.map(str::to_owned), data, ..Draft::default() };
    match attributes.iter().any(|(name, _)| name == "specversion") {
        true => binary(draft, attributes).map(Received::Event),
        false => Ok(Received::Plain(draft)),
    }
}

/// Attributes as headers, the data as the body.
#[must_use]
pub fn write_binary(event: &Event) -> (Headers, Bytes) {
    let mut headers = vec![("ce-specversion".to_owned(), SPEC_VERSION.to_owned())];
    headers.extend(event.attributes().map(|(name, value)| match name {
        "datacontenttype" => ("content-type".to_owned(), value.to_owned()),
        _ => (format!("ce-{name}"), encoded(value)),
    }));
    (headers, event.data().cloned().unwrap_or_default())
}

/// The whole event as the body.
#[must_use]
pub fn write_structured(event: &Event) -> (Headers, Bytes) {
    (vec![("content-type".to_owned(), json::EVENT.to_owned())], json::write(event).into())
}

fn check_charset(content_type: &str) -> Result<(), Wrong> {
    match attribute::charset(content_type) {
        Some(other) if !other.eq_ignore_ascii_case("utf-8") => {
            Err(Wrong::format(format!("the charset {}", attribute::shown(other)), "events in JSON are UTF-8"))
        }
        _ => Ok(()),
    }
}

fn binary(mut draft: Draft, attributes: Vec<(String, &[u8])>) -> Result<Event, Wrong> {
    let mut version = None;
    for (name, value) in attributes {
        let value = decoded(&name, value)?;
        let slot = match name.as_str() {
            "specversion" => &mut version,
            "id" => &mut draft.id,
            "source" => &mut draft.source,
            "type" => &mut draft.kind,
            "subject" => &mut draft.subject,
            "time" => &mut draft.time,
            "dataschema" => &mut draft.schema,
            "datacontenttype" => {
                let right = "over HTTP it is the header `content-type`";
                return Err(Wrong::attribute(&name, "it is a header of its own", right));
            }
            _ => {
                draft.extensions.push((name, value));
                continue;
            }
        };
        if slot.replace(value).is_some() {
            return Err(Wrong::twice(&name));
        }
    }
    json::check_version(version.as_deref())?;
    draft.check()
}

fn not_utf8(name: &str) -> Wrong {
    Wrong::attribute(
        name,
        "its value is not UTF-8",
        "a header's value is ASCII, anything else percent-encoded",
    )
}

/// Percent-encodes what the binding says: all but printable ASCII, and of that space, quote and percent.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'%' => text.push_str(&format!("%{byte:02X}")),
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// First what is quoted, then what is percent-encoded. Bytes beyond ASCII are taken if they are UTF-8.
fn decoded(name: &str, value: &[u8]) -> Result<String, Wrong> {
    let value = unquoted(value.trim_ascii());
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = behind.split_first_chunk::<2>().and_then(|([high, low], behind)| {
            rest = behind;
            Some(digit(*high)? << 4 | digit(*low)?)
        });
        bytes.push(digits.ok_or_else(|| {
            let found = attribute::shown(&String::from_utf8_lossy(&value));
            Wrong::attribute(name, found, "a `%` is followed by two hexadecimal digits")
        })?);
    }
    String::from_utf8(bytes).map_err(|_| not_utf8(name))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inner) = inner else { return value.to_vec() };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        bytes.extend(if *byte == b'\\' { rest.next() } else { Some(byte) });
    }
    bytes
}
