//! Where something differs from what a pattern wants, to the innermost value.

use mecha_manifest::suite::Pattern;
use serde_json::{Map, Value};

use super::{
    align::{Pair, align},
    changes::changes,
    found::Found,
    judge::{Judge, as_json, member},
    texts, words,
};

/// One place at which something else was found than expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Such as `body.items.0.price`.
    pub what: String,
    pub expected: String,
    pub found: String,
}

/// What is too much is shown one by one up to this number: there may be any number of it.
pub const EXTRAS: usize = 10;

impl Judge {
    /// Appends all differences. `what` is the name of what was found.
    pub fn differences(&self, pattern: &Pattern, found: &Found<'_>, what: &str, into: &mut Vec<Difference>) {
        if self.fits(pattern, found) {
            return;
        }
        let in_json = matches!(found, Found::Json(_));
        let (part, among_others) = match pattern {
            Pattern::Includes(part) => (&**part, true),
            whole => (whole, false),
        };
        match (part, as_json(found)) {
            (Pattern::Map(wanted), Some(Value::Object(map))) => {
                return self.in_map(wanted, map, among_others, what, into);
            }
            (Pattern::List(wanted), Some(Value::Array(list))) => {
                return self.in_list(wanted, list, among_others, what, into);
            }
            _ => {}
        }
        let (expected, shown) = match (pattern, found.as_text()) {
            (Pattern::Scalar { json: Value::String(wanted), .. }, Some(text)) => texts(wanted, text, in_json),
            (Pattern::Scalar { text: wanted, .. }, Some(text)) if !in_json => texts(wanted, text, false),
            (Pattern::Bytes(wanted), _) => bytes(wanted, found),
            (Pattern::Map(_) | Pattern::List(_) | Pattern::Includes(_), _) => {
                (words::pattern(pattern, in_json), no_json(found))
            }
            _ => (words::pattern(pattern, in_json), words::found(found)),
        };
        into.push(Difference { what: what.to_owned(), expected, found: shown });
    }

    fn in_map(
        &self,
        wanted: &[(String, Pattern)],
        map: &Map<String, Value>,
        among_others: bool,
        what: &str,
        into: &mut Vec<Difference>,
    ) {
        for (key, want) in wanted {
            let before = into.len();
            self.differences(want, &member(map, key), &texts::under(what, key), into);
            if let Some(missing) = into.get_mut(before).filter(|_| !map.contains_key(key)) {
                let unknown = map.keys().filter(|key| wanted.iter().all(|(name, _)| name != *key));
                missing.found.push_str(&near(key, unknown));
            }
        }
        if among_others {
            return;
        }
        let extra: Vec<_> =
            map.iter().filter(|(key, _)| wanted.iter().all(|(name, _)| name != *key)).collect();
        for (key, value) in extra.iter().take(EXTRAS) {
            let found = words::json(value);
            into.push(Difference { what: texts::under(what, key), expected: "nothing".to_owned(), found });
        }
        let rest: Vec<&str> = extra.iter().skip(EXTRAS).map(|(key, _)| key.as_str()).collect();
        more(&rest, what, into);
    }

    fn in_list(
        &self,
        wanted: &[Pattern],
        list: &[Value],
        among_others: bool,
        what: &str,
        into: &mut Vec<Difference>,
    ) {
        let distance = |i: usize, j: usize| self.distance(&wanted[i], &Found::Json(&list[j]));
        let pairs = align((wanted.len(), list.len()), among_others, distance);
        let mut extras = 0;
        for pair in pairs {
            let difference = |place: usize, expected: String, found: String| Difference {
                what: texts::under(what, &place.to_string()),
                expected,
                found,
            };
            match pair {
                Pair::Same(..) => {}
                Pair::Other(i, j) => {
                    let name = texts::under(what, &i.to_string());
                    self.differences(&wanted[i], &Found::Json(&list[j]), &name, into);
                }
                Pair::Moved(i, j) => {
                    into.push(difference(i, words::pattern(&wanted[i], true), elsewhere(j)));
                }
                Pair::Missing(i) => {
                    let found = missing(list.len());
                    into.push(difference(i, words::pattern(&wanted[i], true), found));
                }
                Pair::Extra(_) if among_others => {}
                Pair::Extra(j) => {
                    extras += 1;
                    if extras <= EXTRAS {
                        into.push(difference(j, "no such element".to_owned(), words::json(&list[j])));
                    }
                }
            }
        }
        more(&vec![""; extras.saturating_sub(EXTRAS)], what, into);
    }
}

/// What is said of an element that is not there.
#[must_use]
pub fn missing(among: usize) -> String {
    match among {
        0 => "nothing: there are none".to_owned(),
        1 => "nothing: the only one is another".to_owned(),
        count => format!("nothing: none of {} fits", texts::number(count as u64)),
    }
}

/// What is said of an element that is as expected, but in another place.
#[must_use]
pub fn elsewhere(place: usize) -> String {
    format!("it is there, but at {place}")
}

/// What is said of what is too much beyond [`EXTRAS`], by its names if it has any.
pub fn more(rest: &[&str], what: &str, into: &mut Vec<Difference>) {
    if rest.is_empty() {
        return;
    }
    let names: Vec<String> =
        rest.iter().take(EXTRAS).filter(|name| !name.is_empty()).map(|name| texts::under("", name)).collect();
    let names = match names.len() {
        0 => String::new(),
        shown if shown < rest.len() => format!(": {}, …", names.join(", ")),
        _ => format!(": {}", names.join(", ")),
    };
    let found = format!("{} more{names}", texts::number(rest.len() as u64));
    into.push(Difference { what: what.to_owned(), expected: "nothing else".to_owned(), found });
}

/// ` (there is …)`, if a name that is there is like one that is not.
#[must_use]
pub fn near<'k>(name: &str, there: impl IntoIterator<Item = &'k String>) -> String {
    /// How alike, and names of what length and number are compared.
    const ALIKE: f32 = 0.65;
    const LONGEST: usize = 64;
    const NAMES: usize = 1000;
    if name.len() > LONGEST {
        return String::new();
    }
    let names = there.into_iter().map(String::as_str).filter(|name| name.len() <= LONGEST);
    let names: Vec<&str> = names.take(NAMES).collect();
    match similar::get_close_matches(name, &names, 1, ALIKE).first() {
        Some(near) => format!(" (there is {})", texts::under("", near)),
        None => String::new(),
    }
}

fn texts(expected: &str, found: &str, in_json: bool) -> (String, String) {
    let quoted = |text: &str| words::json(&Value::String(text.to_owned()));
    let (expected, found) = match in_json && expected.len().max(found.len()) <= 100 {
        true => (quoted(expected), quoted(found)),
        false => changes(expected, found),
    };
    match expected == found {
        // One has the quotes itself that the other is shown in.
        true => (escaped(&expected), escaped(&found)),
        false => (expected, found),
    }
}

fn escaped(text: &str) -> String {
    texts::cut(&text.escape_default().to_string(), texts::MOST)
}

fn bytes(expected: &[u8], found: &Found<'_>) -> (String, String) {
    let shown = words::bytes(expected);
    let is = match found {
        Found::Data(data) => data.bytes,
        _ => match found.as_text() {
            Some(text) => text.as_bytes(),
            None => return (shown, words::found(found)),
        },
    };
    let same = expected.iter().zip(is).take_while(|(a, b)| a == b).count();
    (shown, format!("{} (the first that differs is byte {same}, counted from 0)", words::bytes(is)))
}

/// What is no map or list, although one was expected.
fn no_json(found: &Found<'_>) -> String {
    let shown = words::found(found);
    match found {
        Found::Data(data) => match data.json() {
            Ok(_) => shown,
            Err(_) if data.bytes.is_empty() => "no JSON: it is empty".to_owned(),
            Err(why) => texts::cut(&format!("no JSON ({why}): {shown}"), texts::MOST),
        },
        Found::Text(_) => texts::cut(&format!("a text: {shown}"), texts::MOST),
        Found::Nothing | Found::Json(_) => shown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::expect::samples::pattern;

    fn differences(wanted: &Value, data: &[u8]) -> Vec<(String, String, String)> {
        let mut into = Vec::new();
        Judge::default().differences(&pattern(wanted), &Found::data(data), "body", &mut into);
        into.into_iter().map(|d| (d.what, d.expected, d.found)).collect()
    }

    #[test]
    fn each_difference_has_its_place() {
        type Case = (Value, &'static str, &'static [(&'static str, &'static str, &'static str)]);
        let cases: &[Case] = &[
            (json!("lamp"), "lamp", &[]),
            (json!("lamp"), "lamb", &[("body", "lamp", "lamb")]),
            (json!("lamp"), "lamp ", &[("body", "lamp", "\"lamp \"")]),
            (json!(5), "7", &[("body", "5", "7")]),
            (json!(5), "\"5\"", &[("body", "5", "\"5\"")]),
            (json!({"$absent": true}), "x", &[("body", "nothing", "x")]),
            (json!({"$contains": "took"}), "gave", &[("body", "a text with took in it", "gave")]),
            (
                json!({"$base64": "aGk="}),
                "ho",
                &[(
                    "body",
                    "2 bytes: 68 69",
                    "2 bytes: 68 6f (the first that differs is byte 1, counted from 0)",
                )],
            ),
            (
                json!({"a": 1}),
                "oops",
                &[("body", "{\"a\":1}", "no JSON (expected value at line 1 column 1): oops")],
            ),
            (json!({"a": 1}), "", &[("body", "{\"a\":1}", "no JSON: it is empty")]),
            (json!({"a": 1}), "[1]", &[("body", "{\"a\":1}", "[1]")]),
            (json!([1]), "{\"a\":1}", &[("body", "[1]", "{\"a\":1}")]),
            (
                json!({"total": 5, "item": "lamp"}),
                "{\"total\":7,\"item\":\"lamp\"}",
                &[("body.total", "5", "7")],
            ),
            (
                json!({"total": 5, "id": 1}),
                "{\"totl\":5}",
                &[
                    ("body.id", "1", "nothing"),
                    ("body.total", "5", "nothing (there is totl)"),
                    ("body.totl", "nothing", "5"),
                ],
            ),
            (json!({"$includes": {"a": 1}}), "{\"a\":\"1\",\"b\":2}", &[("body.a", "1", "\"1\"")]),
            (
                json!({"items": [{"id": 1, "price": 3}, {"id": 2, "price": 4}]}),
                "{\"items\":[{\"id\":1,\"price\":5},{\"id\":2,\"price\":4}]}",
                &[("body.items.0.price", "3", "5")],
            ),
            (
                json!([{"id": 1, "price": 3}, {"id": 2, "price": 4}]),
                "[{\"id\":2,\"price\":9}]",
                &[
                    ("body.0", "{\"id\":1,\"price\":3}", "nothing: the only one is another"),
                    ("body.1.price", "4", "9"),
                ],
            ),
            (json!(["a", "b"]), "[\"b\",\"a\"]", &[("body.1", "\"b\"", "it is there, but at 0")]),
            (json!(["a"]), "[\"a\",\"b\"]", &[("body.1", "no such element", "\"b\"")]),
            (json!(["a"]), "[]", &[("body.0", "\"a\"", "nothing: there are none")]),
            (json!({"$includes": [2, 9]}), "[1,2,3]", &[("body.1", "9", "nothing: none of 3 fits")]),
            (json!({"a": {"$includes": [1]}}), "{\"a\":5}", &[("body.a", "among others [1]", "5")]),
        ];
        for (wanted, data, expected) in cases {
            let found = differences(wanted, data.as_bytes());
            let found: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
            assert_eq!(found, *expected, "{wanted} and {data}");
        }
    }

    #[test]
    fn what_is_too_much_is_not_shown_without_end() {
        let map: Map<_, _> = (0..1000).map(|i| (format!("key{i:03}"), json!(i))).collect();
        let data = serde_json::to_vec(&map).unwrap();
        let found = differences(&json!({}), &data);
        assert_eq!(found.len(), 11);
        assert_eq!(found[0], ("body.key000".to_owned(), "nothing".to_owned(), "0".to_owned()));
        let names: Vec<_> = (10..20).map(|i| format!("key{i:03}")).collect();
        let more = format!("990 more: {}, …", names.join(", "));
        assert_eq!(found[10], ("body".to_owned(), "nothing else".to_owned(), more));

        let list = serde_json::to_vec(&vec![7; 1000]).unwrap();
        let found = differences(&json!([]), &list);
        assert_eq!(found[10], ("body".to_owned(), "nothing else".to_owned(), "990 more".to_owned()));
    }

    #[test]
    fn data_that_is_no_text_is_shown_as_bytes() {
        let found = differences(&json!("a"), &[0xff, 0]);
        assert_eq!(found, [("body".to_owned(), "a".to_owned(), "2 bytes: ff 00".to_owned())]);
    }
}
