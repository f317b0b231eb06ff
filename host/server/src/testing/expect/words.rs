//! Values and patterns as a person reads them.

use std::io;

use mecha_manifest::suite::Pattern;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    found::Found,
    texts::{MOST, cut, text, visible},
};

/// JSON up to this length stays on one line.
const LINE: usize = 60;
/// Bytes that are shown of data that is no text.
const BYTES: usize = 24;
/// What was found.
#[must_use]
pub fn found(found: &Found<'_>) -> String {
    match found {
        Found::Nothing => "nothing".to_owned(),
        Found::Text(text) => self::text(text),
        Found::Data(data) => match (data.json(), data.text()) {
            (Ok(value @ (Value::Array(_) | Value::Object(_))), _) => json(value),
            (_, Some(text)) => self::text(text),
            (_, None) => bytes(data.bytes),
        },
        Found::Json(value) => json(value),
    }
}

/// What was expected. `in_json`: of a part of JSON, where texts have quotes.
#[must_use]
pub fn pattern(pattern: &Pattern, in_json: bool) -> String {
    match pattern {
        Pattern::Any => "anything".to_owned(),
        Pattern::Absent => "nothing".to_owned(),
        Pattern::Matches(regex) => format!("a text that matches {}", text(regex)),
        Pattern::Contains(part) => format!("a text with {} in it", text(part)),
        Pattern::Includes(part) => match &**part {
            Pattern::Map(_) => format!("at least {}", json(&notation(part))),
            Pattern::List(_) => format!("among others {}", json(&notation(part))),
            whole => self::pattern(whole, in_json),
        },
        Pattern::Bytes(bytes) => self::bytes(bytes),
        Pattern::Scalar { json, .. } if in_json => self::json(json),
        Pattern::Scalar { text, .. } => self::text(text),
        Pattern::List(_) | Pattern::Map(_) => json(&notation(pattern)),
    }
}

/// A pattern as a test file has it.
#[must_use]
pub fn notation(pattern: &Pattern) -> Value {
    match pattern {
        Pattern::Any => json!({"$any": true}),
        Pattern::Absent => json!({"$absent": true}),
        Pattern::Matches(regex) => json!({"$matches": regex}),
        Pattern::Contains(part) => json!({"$contains": part}),
        Pattern::Includes(part) => json!({"$includes": notation(part)}),
        Pattern::Bytes(bytes) => self::bytes(bytes).into(),
        Pattern::Scalar { json, .. } => json.clone(),
        Pattern::List(list) => list.iter().map(notation).collect(),
        Pattern::Map(map) => {
            Value::Object(map.iter().map(|(key, part)| (key.clone(), notation(part))).collect())
        }
    }
}

/// What was found, as a part of a whole that is shown.
#[must_use]
pub fn part(found: &Found<'_>) -> Value {
    match found {
        Found::Nothing => Value::Null,
        Found::Text(text) => Value::String(text.to_string()),
        Found::Data(data) => match (data.json(), data.text()) {
            (Ok(value), _) => value.clone(),
            (_, Some(text)) => text.into(),
            (_, None) => bytes(data.bytes).into(),
        },
        Found::Json(value) => (*value).clone(),
    }
}

/// On one line if it is short, else as a tree.
#[must_use]
pub fn json(value: &impl Serialize) -> String {
    let short = on_a_line(value, LINE);
    if short.len() <= LINE {
        return visible(&short);
    }
    let mut tree = Bounded::new(MOST + 4);
    // It is cut where it is too long.
    _ = value.serialize(&mut serde_json::Serializer::pretty(&mut tree));
    cut(&visible(&tree.text()), MOST)
}

/// The beginning of it on one line, as far as it goes beyond so many bytes.
#[must_use]
pub fn on_a_line(value: &impl Serialize, most: usize) -> String {
    let mut line = Bounded::new(most + 4);
    // It is cut where it is too long.
    _ = serde_json::to_writer(&mut line, value);
    line.text()
}

/// Values with names, in their order.
#[derive(Debug)]
pub struct Named(pub Vec<(String, Value)>);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > BYTES { " …" } else { "" };
    match bytes.len() {
        0 => "no bytes".to_owned(),
        1 => format!("1 byte: {}", shown.join(" ")),
        count => format!("{count} bytes: {}{more}", shown.join(" ")),
    }
}

/// Takes the beginning of what is written, and refuses the rest: a value may be larger than anybody reads.
struct Bounded {
    taken: Vec<u8>,
    most: usize,
}

impl Bounded {
    fn new(most: usize) -> Self {
        Self { taken: Vec::new(), most }
    }

    fn text(self) -> String {
        String::from_utf8_lossy(&self.taken).into_owned()
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.most - self.taken.len();
        self.taken.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::expect::samples::pattern as read;

    #[test]
    fn nothing_is_longer_than_two_kibibytes() {
        let long = "ü".repeat(5000);
        let lines = "ü\n".repeat(5000);
        let control = "\u{1b}".repeat(5000);
        let value = json!({"list": vec!["text"; 5000], "long": long});
        for shown in [text(&long), text(&lines), text(&control), json(&value), json(&json!(long))] {
            assert!(shown.len() <= MOST && shown.len() > MOST - 8, "{}", shown.len());
            assert!(shown.ends_with('…'));
        }
    }

    #[test]
    fn json_is_on_a_line_if_it_is_short() {
        let long = "x".repeat(50);
        let cases = [
            (json!({"a": 1, "b": [true, null]}), "{\"a\":1,\"b\":[true,null]}".to_owned()),
            (json!("5"), "\"5\"".to_owned()),
            (json!("\u{9b}1m"), "\"\\u{9b}1m\"".to_owned()),
            (json!({"a": 1, "b": long}), format!("{{\n  \"a\": 1,\n  \"b\": \"{long}\"\n}}")),
        ];
        for (value, shown) in cases {
            assert_eq!(json(&value), shown);
        }
    }

    #[test]
    fn a_pattern_is_told_in_words() {
        let cases = [
            (json!({"$any": true}), "anything"),
            (json!({"$absent": true}), "nothing"),
            (json!({"$matches": "^a b$"}), "a text that matches ^a b$"),
            (json!({"$contains": " "}), "a text with \" \" in it"),
            (json!({"$base64": "aGk="}), "2 bytes: 68 69"),
            (json!({"$includes": [1, {"$any": true}]}), "among others [1,{\"$any\":true}]"),
            (json!({"$includes": {"a": 1}}), "at least {\"a\":1}"),
            (json!({"a": {"$contains": "x"}}), "{\"a\":{\"$contains\":\"x\"}}"),
        ];
        for (wanted, shown) in cases {
            assert_eq!(pattern(&read(&wanted), true), shown);
        }
        let text = read(&json!("5"));
        assert_eq!((pattern(&text, true), pattern(&text, false)), ("\"5\"".to_owned(), "5".to_owned()));
    }

    #[test]
    fn of_bytes_the_first_are_shown() {
        assert_eq!(bytes(b""), "no bytes");
        assert_eq!(bytes(&[255]), "1 byte: ff");
        assert_eq!(bytes(&[0; 25]), format!("25 bytes: {}…", "00 ".repeat(24)));
    }
}
