//! Values and patterns as a person reads them: short, and without anything that a terminal would obey.

use std::io;

use mecha_manifest::suite::Pattern;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::found::Found;

/// Bytes of a text that is shown.
pub const MOST: usize = 2 << 10;
/// JSON up to this length stays on one line.
const LINE: usize = 60;
/// Bytes that are shown of data that is no text.
const BYTES: usize = 24;
/// Characters of a key.
const KEY: usize = 60;

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

/// As it is, or in quotes if one would not see where it begins and ends, or what is in it.
#[must_use]
pub fn text(text: &str) -> String {
    let begins = &text[..text.floor_char_boundary(MOST + 4)];
    let has_lines = text.trim_end_matches('\n').contains('\n');
    let has_edge = text.is_empty() || text.trim() != text;
    let is_odd = has_edge || text.contains(|c| is_hidden(c) || c == '\t');
    match is_odd && !has_lines {
        true => cut(&format!("\"{}\"", escaped(begins, true)), MOST),
        false => cut(&visible(begins), MOST),
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

/// What is in another, by its name: `items.0` or `orders."a.b"`.
#[must_use]
pub fn under(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-:/@$#+~".contains(c);
    let is_whole = key.chars().nth(KEY).is_none();
    let key = match !key.is_empty() && is_whole && key.chars().all(is_plain) {
        true => key.to_owned(),
        false => {
            let short: String = key.chars().take(KEY).collect();
            format!("\"{}{}\"", escaped(&short, true), if is_whole { "" } else { "…" })
        }
    };
    match path {
        "" => key,
        path => format!("{path}.{key}"),
    }
}

/// Without what a terminal would obey, or that changes how a line reads; line feeds stay.
#[must_use]
pub fn visible(text: &str) -> String {
    if text.contains(is_hidden) { escaped(text, false) } else { text.to_owned() }
}

/// Its beginning, in at most so many bytes.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

/// On one line, and of so many characters at the most.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    let is_whole = short.len() == text.len();
    short = escaped(short.trim_end(), true);
    if !is_whole {
        short.push('…');
    }
    short
}

/// A number with its thousands apart.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn escaped(text: &str, line_feeds: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if line_feeds => out.extend(c.escape_default()),
            c if is_hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Control characters, and those that have no width or turn the direction of a line.
fn is_hidden(c: char) -> bool {
    let is_turning =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    (c.is_control() && c != '\n' && c != '\t') || is_turning
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
    fn a_text_shows_what_is_in_it() {
        let cases = [
            ("lamp", "lamp"),
            ("two words", "two words"),
            ("", "\"\""),
            ("lamp ", "\"lamp \""),
            (" lamp", "\" lamp\""),
            ("lamp\n", "\"lamp\\n\""),
            ("a\tb", "\"a\\tb\""),
            ("a\u{1b}[31mb", "\"a\\u{1b}[31mb\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("one\ntwo\n", "one\ntwo\n"),
            ("one\n\u{7}two", "one\n\\u{7}two"),
        ];
        for (is, shown) in cases {
            assert_eq!(text(is), shown, "{is:?}");
        }
    }

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
    fn a_path_names_each_step() {
        let long = "k".repeat(61);
        let cases = [
            ("", "total", "total".to_owned()),
            ("response.body", "0", "response.body.0".to_owned()),
            ("state.orders", "order:1/a", "state.orders.order:1/a".to_owned()),
            ("a", "b.c", "a.\"b.c\"".to_owned()),
            ("a", "", "a.\"\"".to_owned()),
            ("a", "b\nc", "a.\"b\\nc\"".to_owned()),
            ("a", &long, format!("a.\"{}…\"", "k".repeat(60))),
        ];
        for (path, key, shown) in cases {
            assert_eq!(under(path, key), shown);
        }
    }

    #[test]
    fn bytes_and_numbers_are_short() {
        assert_eq!(bytes(b""), "no bytes");
        assert_eq!(bytes(&[255]), "1 byte: ff");
        assert_eq!(bytes(&[0; 25]), format!("25 bytes: {}…", "00 ".repeat(24)));
        for (is, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(is), shown);
        }
        assert_eq!(line("a\nb\u{1b}", 10), "a\\nb\\u{1b}");
        assert_eq!(line("abcdef", 3), "abc…");
    }
}
