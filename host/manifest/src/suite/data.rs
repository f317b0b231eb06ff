//! Data as a person writes it: a scalar is its text, a map or a list is JSON.
//!
//! A map with one key that begins with `$` says it more exactly. Below `$json` nothing is special.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};

use crate::{
    app::Spanned,
    read::{Item, Reader},
    suite::{Data, patterns},
    tree::{Kind, Node, Value},
    wrong::{Wrong, nearest, shown},
};

pub(crate) const OPERATORS: &[&str] = &["$text", "$json", "$base64"];

pub(super) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Data> {
    match &item.node.value {
        Value::Null => {
            let wrong = Wrong::new("expected data, found nothing");
            let help = "for an empty text write `\"\"`, for JSON's null `{ $json: null }`; without data leave it out";
            reader.accept(item, Err(wrong.help(help)))
        }
        Value::Scalar(_, text) => Some(Data::Text(text.clone())),
        Value::List(_) => json(reader, item, Plain::Data).map(Data::Json),
        Value::Map(_) => match operator(reader, item, OPERATORS)? {
            Some((name, item)) => operated(reader, name, &item),
            None => json(reader, item, Plain::Data).map(Data::Json),
        },
    }
}

fn operated(reader: &mut Reader<'_>, name: &Spanned<String>, item: &Item<'_>) -> Option<Data> {
    match name.value.as_str() {
        "$text" => reader.text(item).map(|text| Data::Text(text.to_owned())),
        "$json" => json(reader, item, Plain::All).map(Data::Json),
        "$base64" => base64(reader, item).map(Data::Bytes),
        operator if patterns::OPERATORS.contains(&operator) => {
            let wrong = Wrong::new(format!("`{operator}` in data that is given"));
            reader.error(
                name.at,
                item.key.as_str(),
                wrong.help("it is for what is to be found, below `then`"),
            );
            None
        }
        operator => {
            reader.error(name.at, item.key.as_str(), unknown(operator, OPERATORS));
            None
        }
    }
}

pub(super) fn unknown(operator: &str, known: &[&str]) -> Wrong {
    let known_ones =
        format!("it is one of: {}; a key that begins with `$` is written below `$json`", known.join(", "));
    let help = match nearest(operator, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {known_ones}"),
        None => known_ones,
    };
    Wrong::new(format!("unknown operator {}", shown(operator))).help(help)
}

/// The one key of a map that begins with `$`, and what it has. `Some(None)`: the map has no such key. One of the
/// `known` beside other keys is refused.
pub(super) fn operator<'n>(
    reader: &mut Reader<'_>,
    item: &Item<'n>,
    known: &[&str],
) -> Option<Option<(&'n Spanned<String>, Item<'n>)>> {
    let Value::Map(map) = &item.node.value else { return Some(None) };
    if let [(name, node)] = map.as_slice() {
        let is_operator = name.value.starts_with('$');
        return Some(is_operator.then(|| (name, item.child(&name.value, node))));
    }
    let Some((name, _)) = map.iter().find(|(name, _)| known.contains(&name.value.as_str())) else {
        return Some(None);
    };
    let wrong = Wrong::new(format!("`{}` beside other keys", name.value));
    let help = "it is the only key of its map; a key that is really called so is written below `$json`";
    reader.error(name.at, item.child(&name.value, item.node).key, wrong.help(help));
    None
}

pub(super) fn base64(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<u8>> {
    reader.parse(item, |text| {
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let wrong = |_| {
            Wrong::new(format!("{} is not base64", shown(&text)))
                .help("it has letters, digits, `+` and `/`, and is filled up with `=` to a multiple of four")
        };
        STANDARD.decode(&text).map_err(wrong)
    })
}

/// How much of some JSON is plain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// A map that looks like a pattern is probably one, and in the wrong place.
    Data,
    All,
}

/// The depth of the recursion is limited by the parser's budget.
pub(super) fn json(reader: &mut Reader<'_>, item: &Item<'_>, plain: Plain) -> Option<Json> {
    match &item.node.value {
        Value::Null => Some(Json::Null),
        Value::Scalar(kind, text) => reader.accept(item, scalar(*kind, text)),
        Value::List(list) => {
            let items = list.iter().enumerate();
            // All of them are read, so that all that is wrong is told.
            let read: Vec<Option<Json>> =
                items.map(|(i, node)| json(reader, &item.nth(i, node), plain)).collect();
            read.into_iter().collect::<Option<Vec<Json>>>().map(Json::Array)
        }
        Value::Map(map) => {
            if let ([(name, _)], Plain::Data) = (map.as_slice(), plain)
                && (patterns::OPERATORS.contains(&&*name.value) || OPERATORS.contains(&&*name.value))
            {
                let wrong = Wrong::new(format!("`{}` within JSON that is given", name.value));
                let help = "patterns are for what is to be found, below `then`; for a key of that name write the whole \
                            value below `$json`";
                reader.error(name.at, item.key.as_str(), wrong.help(help));
                return None;
            }
            let read = entries(reader, item, map, |reader, item| json(reader, item, plain))?;
            Some(Json::Object(read.into_iter().collect::<Map<_, _>>()))
        }
    }
}

/// A map's keys and what they have, none of them twice.
pub(super) fn entries<T>(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    map: &[(Spanned<String>, Node)],
    mut read: impl FnMut(&mut Reader<'_>, &Item<'_>) -> Option<T>,
) -> Option<Vec<(String, T)>> {
    let (mut seen, mut all, mut good) = (HashSet::new(), Vec::with_capacity(map.len()), true);
    for (name, node) in map {
        let child = item.child(&name.value, node);
        if !seen.insert(name.value.as_str()) {
            reader.error(name.at, child.key, Wrong::new(format!("{} is given twice", shown(&name.value))));
            good = false;
            continue;
        }
        match read(reader, &child) {
            Some(value) => all.push((name.value.clone(), value)),
            None => good = false,
        }
    }
    good.then_some(all)
}

/// What a scalar is in JSON.
pub(super) fn scalar(kind: Kind, text: &str) -> Result<Json, Wrong> {
    match kind {
        Kind::Text => Ok(Json::String(text.to_owned())),
        Kind::Bool => Ok(Json::Bool(text.eq_ignore_ascii_case("true"))),
        Kind::Number => number(text),
    }
}

fn number(text: &str) -> Result<Json, Wrong> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let whole = |text: &str| match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
        (_, Some(digits)) => u64::from_str_radix(digits, 8).ok(),
        _ => text.parse::<u64>().ok(),
    };
    if let Some(number) = whole(digits) {
        return Ok(number.into());
    }
    if let Ok(number) = digits.parse::<i64>() {
        return Ok(number.into());
    }
    let is_fraction = text.contains(['.', 'e', 'E']) && text.bytes().any(|b| b.is_ascii_digit());
    let fraction = digits.parse::<f64>().ok().filter(|_| is_fraction);
    let number = fraction.and_then(serde_json::Number::from_f64).map(Json::Number);
    number.ok_or_else(|| {
        Wrong::new(format!("{} is no number that JSON could have here", shown(text)))
            .help("numbers have 64 bits; put it in quotes if it is a text")
    })
}

impl Data {
    /// The bytes that a component sees; JSON is without spaces.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::tests::read_with;

    #[test]
    fn data_is_text_json_or_bytes() {
        let cases = [
            ("a text", "a text"),
            ("1.10", "1.10"),
            ("true", "true"),
            ("\"\"", ""),
            (
                "{ total: 5, of: [1.5, -2, 0x1F, 1e3], on: true, no: ~, v: '1' }",
                r#"{"no":null,"of":[1.5,-2,31,1000.0],"on":true,"total":5,"v":"1"}"#,
            ),
            ("[]", "[]"),
            ("{}", "{}"),
            ("{ $text: 5 }", "5"),
            ("{ $json: text }", "\"text\""),
            ("{ $json: ~ }", "null"),
            ("{ $json: { $any: 1 } }", r#"{"$any":1}"#),
            ("{ $ref: a, b: 1 }", r##"{"$ref":"a","b":1}"##),
            ("{ a: { $ref: b } }", r#"{"a":{"$ref":"b"}}"#),
            ("{ $base64: aGVs bG8= }", "hello"),
            ("18446744073709551616", "18446744073709551616"),
        ];
        for (text, expected) in cases {
            let data = read_with(text, read).unwrap();
            assert_eq!(String::from_utf8(data.to_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_data_is_refused() {
        let cases = [
            ("", "expected data, found nothing"),
            ("{ $any: true }", "`$any` in data that is given"),
            ("{ a: { $matches: x } }", "`$matches` within JSON that is given"),
            ("{ $bas64: x }", "unknown operator `$bas64`"),
            ("{ $base64: a, b: 1 }", "`$base64` beside other keys"),
            ("{ $base64: '*' }", "`*` is not base64"),
            ("[18446744073709551616]", "`18446744073709551616` is no number that JSON could have here"),
            ("[.inf]", "`.inf` is no number that JSON could have here"),
            ("{ a: 1, a: 2 }", "`a` is given twice"),
        ];
        for (text, expected) in cases {
            let problems = read_with(text, read).unwrap_err();
            let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            assert_eq!(messages, [expected], "{text}");
        }
    }
}
