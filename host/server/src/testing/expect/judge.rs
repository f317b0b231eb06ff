//! Whether something is as a pattern wants it, and if not, how far from it.

use std::{cell::RefCell, collections::HashMap};

use mecha_manifest::suite::Pattern;
use regex::Regex;
use serde_json::{Map, Number, Value};

use super::found::Found;

/// Nothing is farther away than this.
pub const FARTHEST: u32 = 19;
/// A scalar that is another one. That far, it could as well be something else.
const OTHER: u32 = 15;

/// Judges, and keeps the regular expressions that it had to compile.
#[derive(Debug, Default)]
pub struct Judge {
    regexes: RefCell<HashMap<String, Option<Regex>>>,
}

impl Judge {
    #[must_use]
    pub fn fits(&self, pattern: &Pattern, found: &Found<'_>) -> bool {
        match pattern {
            Pattern::Any => !matches!(found, Found::Nothing),
            Pattern::Absent => matches!(found, Found::Nothing),
            Pattern::Matches(regex) => found.as_text().is_some_and(|text| self.is_match(regex, text)),
            Pattern::Contains(part) => found.as_text().is_some_and(|text| text.contains(part)),
            Pattern::Bytes(bytes) => match found {
                Found::Data(data) => data.bytes == bytes,
                _ => found.as_text().is_some_and(|text| text.as_bytes() == bytes),
            },
            Pattern::Scalar { text, json } => match found {
                Found::Nothing => false,
                Found::Text(found) => found == text,
                Found::Data(data) => {
                    data.bytes == text.as_bytes() || data.json().is_ok_and(|value| same(json, value))
                }
                Found::Json(value) => same(json, value),
            },
            Pattern::Map(wanted) => as_json(found).and_then(Value::as_object).is_some_and(|map| {
                self.has(wanted, map) && map.keys().all(|key| wanted.iter().any(|(name, _)| name == key))
            }),
            Pattern::List(wanted) => as_json(found).and_then(Value::as_array).is_some_and(|list| {
                let pairs = || wanted.iter().zip(list);
                wanted.len() == list.len()
                    && pairs().all(|(want, value)| self.fits(want, &Found::Json(value)))
            }),
            Pattern::Includes(part) => match &**part {
                Pattern::Map(wanted) => {
                    as_json(found).and_then(Value::as_object).is_some_and(|map| self.has(wanted, map))
                }
                Pattern::List(wanted) => as_json(found).and_then(Value::as_array).is_some_and(|list| {
                    let mut rest = list.iter();
                    wanted.iter().all(|want| rest.any(|value| self.fits(want, &Found::Json(value))))
                }),
                whole => self.fits(whole, found),
            },
        }
    }

    /// How far something is from what is wanted: 0 if it fits, and at most [`FARTHEST`].
    #[must_use]
    pub fn distance(&self, pattern: &Pattern, found: &Found<'_>) -> u32 {
        if self.fits(pattern, found) {
            return 0;
        }
        let part = match pattern {
            Pattern::Includes(part) => part,
            whole => whole,
        };
        let json = as_json(found);
        match part {
            Pattern::Map(wanted) => json.and_then(Value::as_object).map_or(FARTHEST, |map| {
                let apart = wanted.iter().map(|(key, want)| self.distance(want, &member(map, key)));
                let others = map.keys().filter(|key| wanted.iter().all(|(name, _)| name != *key)).count();
                let others = if part == pattern { others } else { 0 };
                averaged(apart.sum::<u32>(), others, wanted.len() + others)
            }),
            Pattern::List(wanted) => json.and_then(Value::as_array).map_or(FARTHEST, |list| {
                let pairs = wanted.iter().zip(list);
                let apart = pairs.map(|(want, value)| self.distance(want, &Found::Json(value)));
                averaged(apart.sum::<u32>(), wanted.len().abs_diff(list.len()), wanted.len().max(list.len()))
            }),
            Pattern::Scalar { json: Value::String(_), .. } | Pattern::Matches(_) | Pattern::Contains(_) => {
                if found.as_text().is_some() {
                    OTHER
                } else {
                    FARTHEST
                }
            }
            Pattern::Scalar { .. } => match json {
                Some(Value::Array(_) | Value::Object(_)) | None => FARTHEST,
                Some(_) => OTHER,
            },
            _ => FARTHEST,
        }
    }

    fn has(&self, wanted: &[(String, Pattern)], map: &Map<String, Value>) -> bool {
        wanted.iter().all(|(key, want)| self.fits(want, &member(map, key)))
    }

    fn is_match(&self, regex: &str, text: &str) -> bool {
        let mut known = self.regexes.borrow_mut();
        let compiled = match known.get(regex) {
            Some(compiled) => compiled,
            // That it can be compiled was checked when the file was read.
            None => known.entry(regex.to_owned()).or_insert_with(|| Regex::new(regex).ok()),
        };
        compiled.as_ref().is_some_and(|compiled| compiled.is_match(text))
    }
}

/// What is to be found under a key.
#[must_use]
pub fn member<'a>(map: &'a Map<String, Value>, key: &str) -> Found<'a> {
    map.get(key).map_or(Found::Nothing, Found::Json)
}

/// What it is as JSON.
#[must_use]
pub fn as_json<'f>(found: &'f Found<'_>) -> Option<&'f Value> {
    match found {
        Found::Data(data) => data.json().ok(),
        Found::Json(value) => Some(value),
        Found::Nothing | Found::Text(_) => None,
    }
}

/// Numbers are the same by their value; all else is the same or is not.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (a, b) => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// A whole number, exactly: as a float, large ones would be the same that are not.
fn whole(number: &Number) -> Option<i128> {
    if let Some(value) = number.as_i64() {
        return Some(value.into());
    }
    if let Some(value) = number.as_u64() {
        return Some(value.into());
    }
    // All whole numbers of this size are exact in both; what is larger is compared as a float.
    number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 1e30).map(|value| value as i128)
}

/// The distance of what has `all` parts, of which `odd` have nothing to be compared with.
fn averaged(apart: u32, odd: usize, all: usize) -> u32 {
    let odd = u64::try_from(odd).unwrap_or(u64::MAX).saturating_mul(FARTHEST.into());
    let all = u64::try_from(all).unwrap_or(u64::MAX).max(1);
    let average = odd.saturating_add(apart.into()) / all;
    u32::try_from(average).unwrap_or(FARTHEST).clamp(1, FARTHEST)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::expect::samples::pattern;

    #[test]
    fn what_fits_and_what_does_not() {
        // The pattern as a test file has it, data that fits, and data that does not.
        let cases: &[(Value, &[&str], &[&str])] = &[
            (json!({"$any": true}), &["", "x", "{}"], &[]),
            (json!({"$absent": true}), &[], &["", "null"]),
            (json!({"$matches": "^a+$"}), &["a", "aaa"], &["", "b", "\"a\""]),
            (json!({"$contains": "took"}), &["it took", "took"], &["too k"]),
            (json!({"$base64": "aGk="}), &["hi"], &["hi ", "aGk="]),
            (json!(5), &["5", "5.0", "5e0", " 5"], &["\"5\"", "50", "", "[5]", "5.1"]),
            (json!(1.5), &["1.5", "15e-1"], &["1", "2"]),
            (json!(9_007_199_254_740_993_u64), &["9007199254740993"], &["9007199254740992"]),
            (json!(u64::MAX), &["18446744073709551615"], &["18446744073709551614", "-1"]),
            (json!("5"), &["5", "\"5\""], &["5.0"]),
            (json!("a b"), &["a b", "\"a b\""], &["a  b", "A b"]),
            (json!(true), &["true", " true "], &["\"true\"", "1", "True"]),
            (json!(null), &["null"], &["", "0"]),
            (json!(""), &["", "\"\""], &[" "]),
            (json!({}), &["{}", "{ }"], &["[]", "", "x", "{\"a\":1}"]),
            (json!({"a": 1}), &["{\"a\":1}", "{\"a\":1.0}"], &["{\"a\":\"1\"}", "{}", "{\"a\":1,\"b\":2}"]),
            (json!({"a": "1"}), &["{\"a\":\"1\"}"], &["{\"a\":1}"]),
            (json!({"a": {"$any": true}}), &["{\"a\":null}", "{\"a\":[]}"], &["{}"]),
            (json!({"a": {"$absent": true}}), &["{}"], &["{\"a\":null}", "{\"b\":1}"]),
            (json!({"a": {"$matches": "1"}}), &["{\"a\":\"21\"}"], &["{\"a\":1}", "{\"a\":\"2\"}"]),
            (
                json!({"$includes": {"a": {"b": 1}}}),
                &["{\"a\":{\"b\":1},\"c\":2}"],
                &["{\"a\":{\"b\":1,\"c\":2}}", "{}", "[]"],
            ),
            (json!([]), &["[]"], &["[1]", "{}", ""]),
            (json!([1, "a"]), &["[1,\"a\"]"], &["[\"a\",1]", "[1]", "[1,\"a\",null]"]),
            (json!({"$includes": [1, 3]}), &["[1,3]", "[0,1,2,3,4]"], &["[3,1]", "[1]", "{}"]),
            (json!({"$includes": [1, 1]}), &["[1,2,1]"], &["[1,2]"]),
        ];
        let judge = Judge::default();
        for (wanted, fitting, others) in cases {
            let pattern = pattern(wanted);
            for (data, fits) in fitting.iter().map(|d| (d, true)).chain(others.iter().map(|d| (d, false))) {
                let found = Found::data(data.as_bytes());
                assert_eq!(judge.fits(&pattern, &found), fits, "{wanted} and {data:?}");
                assert_eq!(
                    judge.distance(&pattern, &found) == 0,
                    fits,
                    "the distance of {wanted} and {data:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_there_is_absent_and_nothing_else() {
        let judge = Judge::default();
        for wanted in [json!({"$any": true}), json!(null), json!(""), json!({"$contains": ""}), json!({})] {
            assert!(!judge.fits(&pattern(&wanted), &Found::Nothing), "{wanted}");
        }
        assert!(judge.fits(&Pattern::Absent, &Found::Nothing));
    }

    #[test]
    fn a_text_is_no_number_and_not_read_as_json() {
        let judge = Judge::default();
        let cases = [(json!(5), "5", true), (json!(5), "5.0", false), (json!("a"), "\"a\"", false)];
        for (wanted, text, fits) in cases {
            assert_eq!(judge.fits(&pattern(&wanted), &Found::text(text)), fits, "{wanted} and {text:?}");
        }
    }

    #[test]
    fn what_has_more_in_common_is_nearer() {
        let judge = Judge::default();
        let wanted = pattern(&json!({"id": 1, "item": "lamp", "total": 5}));
        let order = [
            "{\"id\":1,\"item\":\"lamp\",\"total\":6}",
            "{\"id\":1,\"item\":\"bulb\",\"total\":6}",
            "{\"id\":2,\"item\":\"bulb\",\"total\":6}",
            "5",
        ];
        let distances = order.map(|data| judge.distance(&wanted, &Found::data(data.as_bytes())));
        assert!(distances.is_sorted_by(|a, b| a < b), "{distances:?}");
        assert_eq!(distances.last(), Some(&FARTHEST));
    }
}
