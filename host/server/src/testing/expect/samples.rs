//! What the tests here have in common: patterns as test files have them, and things that were found.

use mecha_manifest::{
    Span, Spanned,
    suite::{Pattern, StoreRef},
};
use mecha_primitives::{
    clock::Timestamp,
    identity::Trigger,
    name,
    pubsub::event::{Draft, Event},
};
use serde_json::Value;

use crate::testing::seen::{Call, End, HostCall, Seen};

/// The pattern that a test file writes so.
pub fn pattern(value: &Value) -> Pattern {
    if let Value::Object(map) = value
        && let Some((operator, operand)) = map.iter().next().filter(|(key, _)| key.starts_with('$'))
    {
        let text = || operand.as_str().unwrap_or_default().to_owned();
        return match operator.as_str() {
            "$any" => Pattern::Any,
            "$absent" => Pattern::Absent,
            "$matches" => Pattern::Matches(text()),
            "$contains" => Pattern::Contains(text()),
            "$includes" => Pattern::Includes(Box::new(pattern(operand))),
            // The tests use no other.
            "$base64" if text() == "aGk=" => Pattern::Bytes(b"hi".to_vec()),
            other => panic!("{other}"),
        };
    }
    match value {
        Value::Object(map) => {
            Pattern::Map(map.iter().map(|(key, part)| (key.clone(), pattern(part))).collect())
        }
        Value::Array(list) => Pattern::List(list.iter().map(pattern).collect()),
        Value::String(text) => Pattern::Scalar { text: text.clone(), json: value.clone() },
        scalar => Pattern::Scalar { text: scalar.to_string(), json: scalar.clone() },
    }
}

pub fn at(line: u32) -> Span {
    Span { line, column: 5 }
}

pub fn spanned<T>(line: u32, value: T) -> Spanned<T> {
    Spanned { value, at: at(line) }
}

pub fn component(text: &str) -> name::Component {
    name::Component::new(text).unwrap()
}

pub fn topic(text: &str) -> name::Topic {
    name::Topic::new(text).unwrap()
}

pub fn shared(store: &str) -> StoreRef {
    StoreRef { store: name::Store::new(store).unwrap(), component: None }
}

pub fn event(kind: &str, id: &str, data: &str) -> Event {
    let draft = Draft {
        id: Some(id.into()),
        source: Some("/shop".into()),
        kind: Some(kind.into()),
        data: Some(data.to_owned().into()),
        ..Draft::default()
    };
    draft.check().unwrap()
}

pub fn call(of: &str, trigger: Trigger) -> Call {
    Call { component: component(of), trigger, attempt: 1, end: End::Answered, fuel: 0, memory: 0 }
}

/// An operation `state.get`, say, that went well.
pub fn step(call: usize, operation: &'static str, about: &str) -> HostCall {
    let (primitive, verb) = operation.split_once('.').unwrap();
    HostCall {
        call,
        primitive,
        verb,
        about: about.into(),
        changes: !matches!(verb, "get" | "open" | "list"),
        outcome: Some("ok"),
        gave: 0,
        got: 0,
        answer: String::new(),
        at: Timestamp(0),
    }
}

/// A call of `shop` over HTTP that did these operations.
pub fn seen(steps: &[(&'static str, &str)]) -> Seen {
    Seen {
        calls: vec![call("shop", Trigger::Http)],
        steps: steps.iter().map(|(operation, about)| step(0, operation, about)).collect(),
        ..Seen::default()
    }
}
