//! How an event is kept.
//!
//! ```text
//!   format    id, source, type   subject, time, datacontenttype, dataschema   extensions             data
//!   u8 = 1    length, UTF-8      length + 1 (0: none), UTF-8                  count, (name, value)…   u8: 0 | 1, the rest
//! ```
//!
//! Lengths and the count are LEB128. What is read back is not judged anew: a later host may be stricter with events
//! that come in, and still has to deliver those that it has.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{Event, MAX_EXTENSIONS};

const FORMAT: u8 = 1;

#[must_use]
pub fn encode(event: &Event) -> Vec<u8> {
    let data = event.data.as_ref();
    let mut bytes = Vec::with_capacity(256 + data.map_or(0, Bytes::len));
    bytes.push(FORMAT);
    for text in [&event.id, &event.source, &event.kind] {
        put(&mut bytes, text);
    }
    for text in [&event.subject, &event.time, &event.content_type, &event.schema] {
        match text {
            None => bytes.push(0),
            Some(text) => {
                put_number(&mut bytes, text.len() + 1);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
    put_number(&mut bytes, event.extensions.len());
    for (name, value) in event.extensions.iter() {
        put(&mut bytes, name);
        put(&mut bytes, value);
    }
    bytes.push(u8::from(data.is_some()));
    bytes.extend_from_slice(data.map_or(&[], |data| data.as_ref()));
    bytes
}

/// `None` if the bytes are no event.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Event> {
    let (FORMAT, mut rest) = bytes.split_first().map(|(format, rest)| (*format, rest))? else { return None };
    let rest = &mut rest;
    let (id, source, kind) = (text(rest)?, text(rest)?, text(rest)?);
    let (subject, time, content_type, schema) = (option(rest)?, option(rest)?, option(rest)?, option(rest)?);
    let mut extensions = BTreeMap::new();
    let count = number(rest)?;
    if count > MAX_EXTENSIONS {
        return None;
    }
    for _ in 0..count {
        extensions.insert(text(rest)?, text(rest)?);
    }
    let data = match rest.split_first()? {
        (0, []) => None,
        (1, data) => Some(Bytes::copy_from_slice(data)),
        _ => return None,
    };
    let extensions = Arc::new(extensions);
    Some(Event { id, source, kind, subject, time, content_type, schema, extensions, data })
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

/// Numbers are small: one of more than four bytes is none.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn text(rest: &mut &[u8]) -> Option<Arc<str>> {
    let length = number(rest)?;
    of_length(rest, length)
}

fn option(rest: &mut &[u8]) -> Option<Option<Arc<str>>> {
    match number(rest)? {
        0 => Some(None),
        more => of_length(rest, more - 1).map(Some),
    }
}

fn of_length(rest: &mut &[u8], length: usize) -> Option<Arc<str>> {
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    std::str::from_utf8(text).ok().map(Arc::from)
}
