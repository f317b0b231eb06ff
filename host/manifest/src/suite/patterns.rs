//! What a value may be: data stands for itself, maps with one key that begins with `$` for more than one value.

use regex::RegexBuilder;
use serde_json::Value as Json;

use crate::{
    app::Spanned,
    read::{Item, Reader},
    suite::{
        Pattern,
        data::{self, Plain},
    },
    tree::Value,
    wrong::{Wrong, shown},
};

pub(crate) const OPERATORS: &[&str] =
    &["$any", "$absent", "$matches", "$contains", "$includes", "$base64", "$text", "$json"];

/// The longest regular expression, and the most memory that it may need, in bytes.
const MAX_REGEX: usize = 1_000;
const MAX_REGEX_MEMORY: usize = 1 << 20;

pub(super) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Pattern> {
    if item.is_null() {
        let wrong = Wrong::new("expected what is to be found, found nothing");
        let help = "what is not to be there is `{ $absent: true }`, an empty text `\"\"`, JSON's null `{ $json: null }`";
        return reader.accept(item, Err(wrong.help(help)));
    }
    nested(reader, item)
}

/// As `read`, with its place.
pub(super) fn read_at(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Spanned<Pattern>> {
    read(reader, item).map(|value| Spanned { value, at: item.at() })
}

/// Within other patterns nothing is JSON's null. The depth of the recursion is limited by the parser's budget.
fn nested(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Pattern> {
    match &item.node.value {
        Value::Null => Some(literal(Json::Null)),
        Value::Scalar(kind, text) => {
            let json = reader.accept(item, data::scalar(*kind, text))?;
            Some(Pattern::Scalar { text: text.clone(), json })
        }
        Value::List(list) => {
            let items = list.iter().enumerate();
            let read: Vec<Option<Pattern>> =
                items.map(|(i, node)| nested(reader, &item.nth(i, node))).collect();
            read.into_iter().collect::<Option<_>>().map(Pattern::List)
        }
        Value::Map(map) => match data::operator(reader, item, OPERATORS)? {
            Some((name, item)) => operated(reader, name, &item),
            None => data::entries(reader, item, map, nested).map(Pattern::Map),
        },
    }
}

fn operated(reader: &mut Reader<'_>, name: &Spanned<String>, item: &Item<'_>) -> Option<Pattern> {
    match name.value.as_str() {
        "$any" => truth(reader, item).map(|()| Pattern::Any),
        "$absent" => truth(reader, item).map(|()| Pattern::Absent),
        "$matches" => reader.parse(item, regex).map(Pattern::Matches),
        "$contains" => reader.parse(item, |text| match text {
            "" => Err(Wrong::new("every text contains the empty one")
                .help("a text of any kind is `{ $any: true }`")),
            text => Ok(Pattern::Contains(text.to_owned())),
        }),
        "$includes" if item.is_map() || item.is_list() => match nested(reader, item)? {
            part @ (Pattern::Map(_) | Pattern::List(_)) => Some(Pattern::Includes(Box::new(part))),
            _ => {
                reader.expected(item, "the keys or elements that are included");
                None
            }
        },
        "$includes" => {
            reader.expected(item, "a map of keys or a list of elements that are included");
            None
        }
        "$base64" => data::base64(reader, item).map(Pattern::Bytes),
        "$text" => reader.text(item).map(|text| literal(Json::String(text.to_owned()))),
        "$json" => data::json(reader, item, Plain::All).map(literal),
        operator => {
            reader.error(name.at, item.key.as_str(), data::unknown(operator, OPERATORS));
            None
        }
    }
}

/// The `true` of an operator that needs no value.
fn truth(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<()> {
    if reader.flag(item)? {
        return Some(());
    }
    let wrong = Wrong::new("`false` says nothing here");
    reader.accept(item, Err(wrong.help("write `true`, or leave the key out")))
}

fn regex(text: &str) -> Result<String, Wrong> {
    if text.len() > MAX_REGEX {
        let wrong = Wrong::new(format!("the regular expression {} has {} bytes", shown(text), text.len()));
        return Err(wrong.help(format!("at most {MAX_REGEX}")));
    }
    let wrong = |error: regex::Error| {
        let said = error.to_string();
        let said = said.lines().last().unwrap_or_default();
        let said = match &error {
            regex::Error::CompiledTooBig(_) => "it needs too much memory",
            _ => said.strip_prefix("error: ").unwrap_or(said),
        };
        Wrong::new(format!("{} is no regular expression: {said}", shown(text)))
            .help("for a text as it is write `{ $contains: … }`")
    };
    RegexBuilder::new(text).size_limit(MAX_REGEX_MEMORY).build().map_err(wrong)?;
    Ok(text.to_owned())
}

/// JSON that stands for itself.
fn literal(json: Json) -> Pattern {
    match json {
        Json::Array(list) => Pattern::List(list.into_iter().map(literal).collect()),
        Json::Object(map) => {
            Pattern::Map(map.into_iter().map(|(name, value)| (name, literal(value))).collect())
        }
        Json::String(text) => Pattern::Scalar { text: text.clone(), json: Json::String(text) },
        json => Pattern::Scalar { text: json.to_string(), json },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::suite::tests::read_with;

    fn scalar(text: &str, json: Json) -> Pattern {
        Pattern::Scalar { text: text.to_owned(), json }
    }

    #[test]
    fn patterns_are_data_and_operators() {
        let map = |name: &str, pattern: Pattern| Pattern::Map(vec![(name.to_owned(), pattern)]);
        let cases = [
            ("1.10", scalar("1.10", json!(1.1))),
            ("'5'", scalar("5", json!("5"))),
            ("true", scalar("true", json!(true))),
            ("{ a: ~ }", map("a", scalar("null", Json::Null))),
            ("{ a: { $any: true } }", map("a", Pattern::Any)),
            ("[{ $absent: true }]", Pattern::List(vec![Pattern::Absent])),
            ("{ $matches: '^a+$' }", Pattern::Matches("^a+$".to_owned())),
            ("{ $contains: 5 }", Pattern::Contains("5".to_owned())),
            ("{ $includes: { a: 1 } }", Pattern::Includes(Box::new(map("a", scalar("1", json!(1)))))),
            ("{ $includes: [] }", Pattern::Includes(Box::new(Pattern::List(vec![])))),
            ("{ $base64: AAE= }", Pattern::Bytes(vec![0, 1])),
            ("{ $text: 5 }", scalar("5", json!("5"))),
            ("{ $json: { $any: 1 } }", map("$any", scalar("1", json!(1)))),
            ("{ $json: ~ }", scalar("null", Json::Null)),
        ];
        for (text, expected) in cases {
            assert_eq!(read_with(text, read).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = format!("{{ $matches: {} }}", "a".repeat(MAX_REGEX + 1));
        let large = "{ $matches: '(\\w{100}){100}' }".to_owned();
        let cases = [
            ("", "expected what is to be found, found nothing"),
            ("{ $any: false }", "`false` says nothing here"),
            ("{ $any: 1 }", "expected `true` or `false`, found `1`"),
            ("{ $matches: 'a(' }", "`a(` is no regular expression: unclosed group"),
            (&*long, "has 1001 bytes"),
            (&*large, "it needs too much memory"),
            ("{ $contains: '' }", "every text contains the empty one"),
            ("{ $contains: [a] }", "expected a text, found a list"),
            (
                "{ $includes: a }",
                "expected a map of keys or a list of elements that are included, found the text `a`",
            ),
            ("{ $includes: { $any: true } }", "expected the keys or elements"),
            ("{ $match: a }", "unknown operator `$match`"),
            ("{ $any: true, b: 1 }", "`$any` beside other keys"),
            ("[.nan]", "`.nan` is no number that JSON could have here"),
        ];
        for (text, expected) in cases {
            let problems = read_with(text, read).unwrap_err();
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].message.contains(expected), "{text}: {}", problems[0]);
        }
    }
}
