//! What is told of whole cases, as a person reads it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use mecha_manifest::suite::{AnswerPattern, Pattern, ResponsePattern, StorePattern, StoreRef};
use mecha_primitives::identity::CallId;
use mecha_runtime::fault::Kind;
use serde_json::json;

use super::{samples::*, *};
use crate::testing::seen::{Call, End, InvokeError, Invoked};

mod lists;

/// All mismatches, as they are shown.
fn told(expected: &Expected, seen: &Seen, replies: &[Reply]) -> String {
    let all = compare(expected, seen, replies);
    all.iter().map(|mismatch| shown(mismatch, seen, "tests/a.yaml", true)).collect()
}

fn http(status: u16, body: &str) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.append("vary", "a".parse().unwrap());
    headers.append("vary", "b".parse().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    Reply::Http { status, headers, body: Ok(Bytes::from(body.to_owned())) }
}

fn listed<T>(among_others: bool, items: impl IntoIterator<Item = T>) -> Listed<T> {
    let items = items.into_iter().zip(11..).map(|(value, line)| spanned(line, value)).collect();
    Listed { at: at(10), among_others, items }
}

fn some(value: impl Into<serde_json::Value>) -> Option<Pattern> {
    Some(pattern(&value.into()))
}

#[test]
fn a_response_is_told_with_what_its_call_did() {
    let wanted = ResponsePattern {
        status: Some(spanned(1, pattern(&json!(201)))),
        headers: vec![
            ("content-type".into(), spanned(2, pattern(&json!("application/json")))),
            ("vary".into(), spanned(3, pattern(&json!("a, b")))),
            ("etag".into(), spanned(4, pattern(&json!({"$any": true})))),
        ],
        body: Some(spanned(5, pattern(&json!({"total": 5, "items": ["lamp"]})))),
    };
    let expected = Expected { response: Some(wanted), ..Expected::default() };
    let mut seen = seen(&[("state.open", ""), ("state.get", "carts/7"), ("state.set", "carts/7")]);
    seen.steps[1].answer = "{\"items\":[]}".into();
    seen.steps[2].gave = 34;
    let replies = [http(500, "first"), http(200, "{\"total\":7,\"items\":[\"lamp\"]}"), Reply::None];
    let golden = "  response.status  at tests/a.yaml:1:5
    expected  201
    found     200, with the body {\"total\":7,\"items\":[\"lamp\"]}
    host calls that led there
      2  state.get carts/7         → {\"items\":[]}
      3  state.set carts/7  (34 B) → ok
  response.headers.etag  at tests/a.yaml:4:5
    expected  anything
    found     nothing
    host calls that led there
      2  state.get carts/7         → {\"items\":[]}
      3  state.set carts/7  (34 B) → ok
  response.body.total  at tests/a.yaml:5:5
    expected  5
    found     7
    host calls that led there
      2  state.get carts/7         → {\"items\":[]}
      3  state.set carts/7  (34 B) → ok
";
    assert_eq!(told(&expected, &seen, &replies), golden);
    let good = [http(201, "{\"total\":5,\"items\":[\"lamp\"]}")];
    let only_etag = compare(&expected, &seen, &good);
    assert_eq!(only_etag.len(), 1, "{only_etag:?}");
}

#[test]
fn a_response_that_is_none_or_breaks_off_is_told() {
    let wanted = |body| {
        let body = Some(spanned(5, pattern(&body)));
        Expected { response: Some(ResponsePattern { body, ..Default::default() }), ..Expected::default() }
    };
    let broken = Reply::Http {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: Err(Bytes::from_static(b"{\"tot")),
    };
    let cases = [
        (json!("x"), Reply::None, "a response", "none: nothing was asked that has one"),
        (json!("x"), Reply::Lost, "a response", "none: the host ended before there was one"),
        (json!({}), broken, "{}", "it broke off after 5 bytes: {\"tot"),
        (json!({"$any": true}), http(200, ""), "anything", "nothing"),
        (json!({"$absent": true}), http(200, "x"), "nothing", "x"),
    ];
    for (body, reply, expected, found) in cases {
        let all = compare(&wanted(body), &Seen::default(), &[reply]);
        let all: Vec<_> = all.iter().map(|m| (m.expected.as_str(), m.found.as_str())).collect();
        assert_eq!(all, [(expected, found)]);
    }
    assert_eq!(compare(&wanted(json!({"$absent": true})), &Seen::default(), &[http(204, "")]), []);
}

#[test]
fn an_answer_may_be_an_error() {
    let wanted = |data: Option<Pattern>, error: Option<Pattern>| {
        let (data, error) = (data.map(|data| spanned(1, data)), error.map(|error| spanned(2, error)));
        let answer = Some(AnswerPattern { data, content_type: None, error });
        Expected { answer, ..Expected::default() }
    };
    let ok = || Reply::Invoked(Ok(Invoked { data: Bytes::from_static(b"3"), content_type: None }));
    let busy = || Reply::Invoked(Err(InvokeError { kind: "busy".into(), message: "come\nagain".into() }));
    let cases = [
        (wanted(some(json!(3)), None), ok(), None),
        (wanted(None, some(json!("busy"))), busy(), None),
        (wanted(some(json!(4)), None), ok(), Some(("answer.data", "4", "3"))),
        (wanted(some(json!(4)), None), busy(), Some(("answer.data", "4", "the error busy: come\\nagain"))),
        (wanted(None, some(json!("denied"))), busy(), Some(("answer.error", "denied", "busy: come\\nagain"))),
        (
            wanted(None, some(json!("busy"))),
            ok(),
            Some(("answer.error", "busy", "no error, but the answer 3")),
        ),
        (wanted(None, some(json!({"$absent": true}))), ok(), None),
        (
            wanted(some(json!(4)), None),
            Reply::None,
            Some(("answer", "an answer", "none: nothing was asked that has one")),
        ),
    ];
    for (expected, reply, told) in cases {
        let all = compare(&expected, &Seen::default(), &[reply]);
        let all: Vec<_> =
            all.iter().map(|m| (m.what.as_str(), m.expected.as_str(), m.found.as_str())).collect();
        assert_eq!(all, told.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn state_is_told_by_key() {
    let keys = vec![
        (spanned(2, "order:1".to_owned()), pattern(&json!({"total": 5}))),
        (spanned(3, "order:2".to_owned()), pattern(&json!({"$absent": true}))),
        (spanned(4, "notes".to_owned()), pattern(&json!("one\ntwo\nthree\n"))),
        (spanned(5, "cuont".to_owned()), pattern(&json!(3))),
    ];
    let expected = Expected {
        state: vec![StorePattern { at: at(1), store: shared("orders"), exactly: true, keys }],
        ..Expected::default()
    };
    let mut seen = seen(&[
        ("state.set", "orders/order:1"),
        ("state.set", "other/order:1"),
        ("state.scan", "orders/order:*"),
        ("state.add", "orders/count"),
    ]);
    seen.steps[2].changes = false;
    let other = StoreRef { component: Some(component("web")), ..shared("orders") };
    seen.state = [
        (shared("orders"), "order:1", "{\"total\":\"5\"}"),
        (shared("orders"), "notes", "one\n2\nthree\n"),
        (shared("orders"), "count", "3"),
        (other, "order:2", "of another"),
        (shared("a"), "order:2", "elsewhere"),
    ]
    .map(|(store, key, value)| ((store, key.to_owned()), Bytes::from_static(value.as_bytes())))
    .into();
    let golden = "  state.orders.order:1.total  at tests/a.yaml:2:5
    expected  5
    found     \"5\"
    host calls that led there
      1  state.set orders/order:1 → ok
  state.orders.notes  at tests/a.yaml:4:5
    expected
      one
      two
      three
    found
      lines that differ, from line 2 on (- expected, + found)
        one
      - two
      + 2
        three
    host calls that led there
      1  state.set orders/order:1 → ok
      4  state.add orders/count   → ok
  state.orders.cuont  at tests/a.yaml:5:5
    expected  3
    found     nothing (there is count)
    host calls that led there
      1  state.set orders/order:1 → ok
      4  state.add orders/count   → ok
  state.orders.count  at tests/a.yaml:1:5
    expected  no such key
    found     3
    host calls that led there
      4  state.add orders/count → ok
";
    assert_eq!(told(&expected, &seen, &[]), golden);

    // Of its own store a component is asked, and nobody else.
    let mut own = expected;
    own.state[0].store = StoreRef { component: Some(component("web")), ..shared("orders") };
    own.state[0].keys.truncate(1);
    let told = told(&own, &seen, &[]);
    let golden = "  state.orders@web.order:1  at tests/a.yaml:2:5
    expected  {\"total\":5}
    found     nothing (there is order:2)
    no host call led there
  state.orders@web.order:2  at tests/a.yaml:1:5
    expected  no such key
    found     of another
    no host call led there
";
    assert_eq!(told, golden);
}

#[test]
fn a_call_without_an_answer_is_told_unless_it_is_expected() {
    let mut seen = seen(&[("state.get", "carts/7"), ("state.set", "carts/7")]);
    (seen.steps[1].call, seen.steps[1].outcome) = (1, Some("unavailable"));
    seen.calls.push(Call { id: CallId(2), ..call("web", Trigger::Invoke) });
    seen.calls[1].end = End::Failed(
        Kind::Trap,
        Arc::from(
            "error while executing at wasm backtrace:\n    0: 0x2a - web.wasm!web::handle\n\nCaused by:\n    wasm trap: unreachable\n",
        ),
    );
    let expected = Expected::default();
    let golden = "  faults  at tests/a.yaml:7:5
    expected  an answer from each call; or, if none is meant, `faults` says so
    found
      trap of web: unreachable
        in web::handle
    host calls that led there
      2  state.set carts/7 → unavailable
";
    let told: String = unexpected_faults(&expected, &seen, at(7))
        .iter()
        .map(|m| shown(m, &seen, "tests/a.yaml", true))
        .collect();
    assert_eq!(told, golden);

    let faults = |kinds: &[&str]| {
        let kinds: Vec<Pattern> = kinds.iter().map(|kind| pattern(&json!(kind))).collect();
        Expected { faults: Some(listed(false, kinds)), ..Expected::default() }
    };
    assert_eq!(unexpected_faults(&faults(&["trap"]), &seen, at(7)), []);
    assert_eq!(compare(&faults(&["trap"]), &seen, &[]), []);
    let wrong = compare(&faults(&["fuel"]), &seen, &[]);
    let wrong: Vec<_> =
        wrong.iter().map(|m| (m.what.as_str(), m.expected.as_str(), m.found.as_str())).collect();
    assert_eq!(wrong, [("faults.0", "fuel", "trap")]);
    let none = compare(&faults(&[]), &seen, &[]);
    let none: Vec<_> =
        none.iter().map(|m| (m.expected.as_str(), m.found.as_str(), m.steps.as_slice())).collect();
    assert_eq!(none, [("nothing more", "trap", [1].as_slice())]);
}

#[test]
fn whose_host_calls_they_are_is_told_if_they_are_of_several() {
    let body = Some(spanned(5, pattern(&json!("x"))));
    let response = Some(ResponsePattern { body, ..Default::default() });
    let expected = Expected { response, ..Expected::default() };
    let mut seen = seen(&[("state.get", "carts/7"), ("invoke.call", "pricing.quote")]);
    seen.calls = vec![
        call("web", Trigger::Http),
        call("shop", Trigger::Http),
        call("pricing", Trigger::Invoke),
        call("web", Trigger::Job("later".into())),
        call("pricing", Trigger::Invoke),
    ];
    for (step, call) in seen.steps.iter_mut().zip([0, 1]) {
        step.call = call;
    }
    let long = "k".repeat(100);
    seen.steps.push(step(2, "state.get", &long));
    seen.steps.extend((0..20).map(|_| step(4, "state.get", "later")));
    seen.steps[2].outcome = None;
    let golden = format!(
        "  response.body  at tests/a.yaml:5:5
    expected  x
    found     y
    host calls that led there
      2  shop     invoke.call pricing.quote{0} → ok
      3  pricing  state.get {1}… → not over
",
        " ".repeat(46),
        "k".repeat(60)
    );
    assert_eq!(told(&expected, &seen, &[http(200, "y")]), golden);

    seen.steps.extend((0..30).map(|_| step(1, "state.get", "again")));
    let all = compare(&expected, &seen, &[http(200, "y")]);
    assert_eq!(all[0].steps, (33..53).collect::<Vec<_>>());
}
