//! Text to nodes that know their place.
//!
//! YAML's own errors end here. Scalars keep the text as written: `1.10` is a version before it is a number,
//! and only the reader of a field knows which.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::{
    Error, Location, Options, options,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};

use crate::{
    app::{Span, Spanned},
    problem::Problem,
};

/// What a text is to be, and how large it may get: an alias bomb is found before it has cost anything.
pub(crate) struct Form {
    /// As messages call it, without its article.
    name: &'static str,
    /// The longest, in bytes.
    max_len: usize,
    max_depth: usize,
    max_nodes: usize,
    /// Nodes that aliases stand for.
    max_replayed: usize,
    /// How deep it is at the most if it makes sense.
    deepest: &'static str,
}

pub(crate) const MANIFEST: Form = Form {
    name: "manifest",
    max_len: 256 << 10,
    max_depth: 24,
    max_nodes: 50_000,
    max_replayed: 10_000,
    deepest: "a manifest needs no more than eight levels",
};

/// Data of any shape is in it.
pub(crate) const TESTS: Form = Form {
    name: "test file",
    max_len: 4 << 20,
    max_depth: 40,
    max_nodes: 500_000,
    max_replayed: 100_000,
    deepest: "data that is deeper can be written as a text of JSON",
};

/// All that is read of scalars, those that aliases stand for included, in bytes.
const MAX_SCALARS: usize = 16 << 20;

/// A part of the tree.
#[derive(Debug)]
pub(crate) struct Node {
    /// Of a value that is not there: its key's place.
    pub(crate) at: Span,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Scalar(Kind, String),
    List(Vec<Node>),
    /// Keys may occur more than once.
    Map(Vec<(Spanned<String>, Node)>),
}

/// What YAML takes a scalar for. All but `Text` were written without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Bool,
}

/// # Errors
/// What keeps the text from being one YAML document with string keys.
pub(crate) fn parse(file: &str, text: &str, form: &Form) -> Result<Node, Vec<Problem>> {
    if text.len() > form.max_len {
        let message = format!("the {} has {} bytes", form.name, text.len());
        let help = format!("at most {} are read", form.max_len);
        return Err(vec![Problem::error(file, None, "", message).help(help)]);
    }
    let raw: Located = serde_saphyr::from_str_with_options(text, limits(form))
        .map_err(|error| vec![syntax(file, form, &error)])?;
    let mut problems = Vec::new();
    let node = node(raw, text, &mut |at, message| {
        let help = "a key is a text; put it in quotes if YAML takes it for something else";
        problems.push(Problem::error(file, at, "", message).help(help));
    });
    if problems.is_empty() { Ok(node) } else { Err(problems) }
}

fn limits(form: &Form) -> Options {
    options! {
        budget: serde_saphyr::budget! {
            max_depth: form.max_depth,
            flow_nesting_limit: form.max_depth,
            max_nodes: form.max_nodes,
            // A key and its value, or a beginning and an end, are nodes of their own.
            max_events: 4 * form.max_nodes,
            max_total_scalar_bytes: MAX_SCALARS,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: form.max_replayed },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn syntax(file: &str, form: &Form, error: &Error) -> Problem {
    let at = error.location().and_then(span);
    let rendered = error.to_string();
    let said = rendered.split(" at line ").next().unwrap_or_default();
    let (message, help) = match error {
        Error::MultipleDocuments { .. } => {
            let help = format!("a {} is one YAML document: remove `---` or `...`", form.name);
            return Problem::error(file, at, "", "a second document").help(help);
        }
        _ if said.contains("alias") && said.contains("exceeded") => {
            ("aliases that unfold to too much".to_owned(), Some("write the values out"))
        }
        _ if said.contains("recursive references") => {
            ("an alias within what it stands for".to_owned(), Some("write the value out"))
        }
        Error::Budget { .. } => (format!("too large or too deep a document: {said}"), None),
        _ if said.contains("recursion limit") => ("too deep a document".to_owned(), Some(form.deepest)),
        _ if said.starts_with("tabs disallowed") => {
            ("a tab in the indentation".to_owned(), Some("YAML is indented with spaces"))
        }
        _ if said.starts_with("unexpected character") => (
            format!("not YAML: {}", said.replace('\'', "`")),
            Some("put the value in quotes if the character belongs to it"),
        ),
        _ if said.contains("mapping values are not allowed") => (
            "not YAML: a `:` where none can be".to_owned(),
            Some("indent keys of one map alike; put a value that holds `: ` in quotes"),
        ),
        _ if said.contains("flow") => (
            format!("not YAML: {said}"),
            Some("between `[` and `]` or `{` and `}`, put a value that holds one of `,[]{}` in quotes"),
        ),
        _ => (format!("not YAML: {said}"), None),
    };
    let problem = Problem::error(file, at, "", message);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn span(at: Location) -> Option<Span> {
    let (line, column) = (u32::try_from(at.line()).ok()?, u32::try_from(at.column()).ok()?);
    (line > 0 && column > 0).then_some(Span { line, column })
}

type Located = serde_saphyr::Spanned<Raw>;

/// The depth of the recursion is limited by the parser's budget.
fn node(raw: Located, text: &str, wrong: &mut dyn FnMut(Span, &str)) -> Node {
    // Where a value is defined, not where an alias refers to it: that is the text to be changed.
    let at = span(raw.defined).unwrap_or(Span { line: 1, column: 1 });
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(value) => Value::Scalar(Kind::Text, value),
        Raw::Number => Value::Scalar(Kind::Number, slice(raw.defined, text)),
        Raw::Bool => Value::Scalar(Kind::Bool, slice(raw.defined, text)),
        Raw::List(list) => Value::List(list.into_iter().map(|item| node(item, text, wrong)).collect()),
        Raw::Map(map) => {
            Value::Map(map.into_iter().filter_map(|(name, value)| entry(name, value, text, wrong)).collect())
        }
    };
    Node { at, value }
}

fn entry(
    name: Located,
    value: Located,
    text: &str,
    wrong: &mut dyn FnMut(Span, &str),
) -> Option<(Spanned<String>, Node)> {
    let name = node(name, text, wrong);
    let mut value = node(value, text, wrong);
    let found = match name.value {
        Value::Scalar(_, key) => {
            if matches!(value.value, Value::Null) {
                value.at = name.at;
            }
            return Some((Spanned { value: key, at: name.at }, value));
        }
        Value::Null => "a key that is empty",
        Value::List(_) => "a list as a key",
        Value::Map(_) => "a map as a key",
    };
    wrong(name.at, found);
    None
}

/// The text of a plain scalar, as written.
fn slice(at: Location, text: &str) -> String {
    let bytes = || {
        let start = usize::try_from(at.span().byte_offset()?).ok()?;
        let len = usize::try_from(at.span().byte_len()?).ok()?;
        text.get(start..start.checked_add(len)?)
    };
    // Only with a tag (`!!int "5"`) can a number have quotes.
    bytes().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}

/// What serde sees; numbers and booleans are read from the text again.
enum Raw {
    Null,
    Bool,
    Number,
    Text(String),
    List(Vec<Located>),
    Map(Vec<(Located, Located)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = access.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => format!("{} null", node.at),
            Value::Scalar(kind, text) => format!("{} {kind:?} {text:?}", node.at),
            Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
            Value::Map(map) => {
                let entries = map.iter().map(|(key, value)| format!("{}: {}", key.value, show(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn scalars_keep_their_text_and_place() {
        let cases = [
            ("a: 1.10", r#"{a: 1:4 Number "1.10"}"#),
            ("a: '1.10'", r#"{a: 1:4 Text "1.10"}"#),
            ("a: 1e3", r#"{a: 1:4 Number "1e3"}"#),
            ("a: 0x1F", r#"{a: 1:4 Number "0x1F"}"#),
            ("a: 123456789012345678901234567890", r#"{a: 1:4 Number "123456789012345678901234567890"}"#),
            ("a: !!int '5'", r#"{a: 1:10 Number "5"}"#),
            ("a: yes", r#"{a: 1:4 Text "yes"}"#),
            ("a: true", r#"{a: 1:4 Bool "true"}"#),
            ("a: .inf", r#"{a: 1:4 Number ".inf"}"#),
            ("5: ü # c\ntrue: \"\\t\"", r#"{5: 1:4 Text "ü", true: 2:7 Text "\t"}"#),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", r#"{a: 2:3 Text "x\ny\n", b: 5:3 Text "x y"}"#),
            ("a:\nb: ~\nc: ''", r#"{a: 1:1 null, b: 2:1 null, c: 3:4 Text ""}"#),
            ("\u{feff}a: 1\r\nb: [2]\r\n", r#"{a: 1:4 Number "1", b: [2:5 Number "2"]}"#),
            ("a: 1\na: 2", r#"{a: 1:4 Number "1", a: 2:4 Number "2"}"#),
            ("a: &x {b: 1}\nc: *x", r#"{a: {b: 1:11 Number "1"}, c: {b: 1:11 Number "1"}}"#),
            (
                "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3\n",
                r#"{a: {b: 1:11 Number "1", c: 1:17 Number "2"}, d: {b: 4:6 Number "3", c: 1:17 Number "2"}}"#,
            ),
            ("", "1:1 null"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(&parse("m", text, &MANIFEST).unwrap()), expected, "{text:?}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        for form in [MANIFEST, TESTS] {
            let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
            for i in 1..12 {
                let before = format!("*a{}, ", i - 1).repeat(10);
                bomb.push_str(&format!("a{i}: &a{i} [{before}]\n"));
            }
            // Each anchor lets a few aliases through, each of a long text.
            let text = "x".repeat(form.max_len / 2);
            let mut long_bomb = format!("a: &a {text}\n");
            (0..400).for_each(|i| long_bomb.push_str(&format!("b{i}: [&c{i} x, *a, *a]\n")));
            let deep = "[".repeat(100_000);
            let block: String = (0..400).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
            let wide = "- a\n".repeat(form.max_nodes + 10_000);
            let long = "a".repeat(form.max_len + 1);
            for text in [bomb, long_bomb, deep, block, wide, long, "a: &a [*a]".to_owned()] {
                assert_eq!(parse("m", &text, &form).unwrap_err().len(), 1, "{:.40}", text);
            }
        }
    }

    #[test]
    fn as_much_as_is_allowed_is_read() {
        let deep = format!("{}{}", "[".repeat(TESTS.max_depth), "]".repeat(TESTS.max_depth));
        let wide = "- a\n".repeat(TESTS.max_nodes / 2);
        for text in [deep, wide] {
            assert!(parse("m", &text, &TESTS).is_ok(), "{:.40}", text);
        }
    }
}
