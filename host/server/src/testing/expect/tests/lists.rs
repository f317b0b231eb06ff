//! What is told of lists of what happened.

use mecha_manifest::suite::{CalleePattern, EventPattern, JobPattern, OutputPattern, RequestPattern};
use mecha_primitives::{bindings::Effect, clock::Timestamp, name};

use super::*;
use crate::testing::seen::{CalleeCall, HttpCall, Job, Line, OutputCall};

#[test]
fn events_are_told_in_their_order() {
    let wanted =
        |kind: &str, data| EventPattern { kind: some(json!(kind)), data: some(data), ..Default::default() };
    let events = |among_others, items: Vec<EventPattern>| Expected {
        events: vec![(spanned(9, topic("orders")), listed(among_others, items))],
        ..Expected::default()
    };
    let mut seen = seen(&[("pubsub.publish", "orders"), ("pubsub.publish", "other")]);
    seen.events =
        [("order.placed", "{\"id\":1}"), ("order.paid", "{\"id\":1}"), ("order.paid", "{\"id\":1}")]
            .into_iter()
            .zip(1..)
            .map(|((kind, data), id)| (topic("orders"), event(kind, &id.to_string(), data)))
            .chain([(topic("other"), event("a", "4", "b"))])
            .collect();

    let twice =
        events(false, vec![wanted("order.placed", json!({"id": 1})), wanted("order.paid", json!({"id": 1}))]);
    let golden = "  events.orders.2  at tests/a.yaml:10:5
    expected  nothing more
    found
      {
        \"type\": \"order.paid\",
        \"id\": \"3\",
        \"source\": \"/shop\",
        \"data\": {
          \"id\": 1
        }
      }
    host calls that led there
      1  pubsub.publish orders → ok
";
    assert_eq!(told(&twice, &seen, &[]), golden);

    let lost =
        events(true, vec![wanted("order.placed", json!({"id": 1})), wanted("order.sent", json!({"id": 9}))]);
    let golden = "  events.orders.1  at tests/a.yaml:12:5
    expected  {\"type\":\"order.sent\",\"data\":{\"id\":9}}
    found
      nothing: none of 3 fits
      {\"type\":\"order.placed\",\"id\":\"1\",\"source\":\"/shop\",\"data\":{\"id\":1}}
      {\"type\":\"order.paid\",\"id\":\"2\",\"source\":\"/shop\",\"data\":{\"id\":1}}
      {\"type\":\"order.paid\",\"id\":\"3\",\"source\":\"/shop\",\"data\":{\"id\":1}}
    host calls that led there
      1  pubsub.publish orders → ok
";
    assert_eq!(told(&lost, &seen, &[]), golden);

    let extended = EventPattern {
        extensions: vec![("partitionkey".into(), pattern(&json!("7")))],
        ..wanted("order.placed", json!({"id": 2}))
    };
    let all = compare(&events(true, vec![extended]), &seen, &[]);
    let all: Vec<_> = all.iter().map(|m| (m.what.as_str(), m.expected.as_str())).collect();
    let wanted = "{
  \"type\": \"order.placed\",
  \"data\": {
    \"id\": 2
  },
  \"extensions.partitionkey\": \"7\"
}";
    assert_eq!(all, [("events.orders.0", wanted)]);
}

#[test]
fn jobs_outputs_requests_and_callees_are_lists_as_well() {
    let post = OutputPattern {
        operation: some(json!("post")),
        data: some(json!({"amount": 5})),
        metadata: vec![("path".into(), pattern(&json!("/charges")))],
    };
    let remind =
        JobPattern { name: some(json!("remind")), due: some(json!("2026-01-05T13:00:00Z")), data: None };
    let get = RequestPattern {
        method: some(json!("GET")),
        url: some(json!({"$contains": "/price/"})),
        headers: vec![("accept".into(), pattern(&json!({"$absent": true})))],
        body: some(json!({"$absent": true})),
    };
    let quote = CalleePattern { method: some(json!("quote")), data: some(json!({"item": "lamp"})) };
    let payments = name::Binding::new("payments").unwrap();
    let expected = Expected {
        jobs: vec![(spanned(9, component("shop")), listed(false, [remind]))],
        outputs: vec![(spanned(9, payments.clone()), listed(false, [post]))],
        requests: Some(listed(false, [get])),
        callees: vec![(spanned(9, component("pricing")), listed(false, [quote]))],
        ..Expected::default()
    };
    let mut seen = seen(&[
        ("jobs.schedule", "remind"),
        ("bindings.invoke", "payments.post"),
        ("bindings.invoke", "payments2.post"),
        ("http.send", "GET https://api.example.com/price/lamp"),
        ("invoke.call", "pricing.quote"),
    ]);
    let (none, of) = (compare(&expected, &seen, &[]), Bytes::from_static);
    let none: Vec<_> = none.iter().map(|m| (m.what.as_str(), m.found.as_str(), m.steps.as_slice())).collect();
    let nothing = "nothing: there are none";
    let steps: [&[usize]; 4] = [&[0], &[1], &[3], &[4]];
    let whats = ["jobs.shop.0", "outputs.payments.0", "requests.0", "callees.pricing.0"];
    assert_eq!(none, [0, 1, 2, 3].map(|i| (whats[i], nothing, steps[i])));

    let due = Some(Timestamp(1_767_618_000_000));
    seen.jobs = vec![Job { component: component("shop"), name: "remind".into(), due, data: Bytes::new() }];
    seen.outputs = vec![OutputCall {
        output: payments,
        operation: "post".into(),
        data: of(b"{\"amount\":5}"),
        metadata: vec![("path".into(), "/charges".into())],
        effect: Effect::Immediate,
        answered: true,
    }];
    seen.requests = vec![HttpCall {
        method: http::Method::GET,
        url: "https://api.example.com/price/lamp".into(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        answered: Some(StatusCode::OK),
    }];
    seen.callees = vec![CalleeCall {
        component: component("pricing"),
        method: "quote".into(),
        data: of(b"{\"item\":\"lamp\"}"),
        idempotency_key: None,
        answered: true,
    }];
    assert_eq!(compare(&expected, &seen, &[]), []);

    seen.jobs[0].due = Some(Timestamp(1_767_618_000_500));
    seen.outputs[0].metadata[0].1 = "/refunds".into();
    seen.requests[0].headers.insert("accept", "*/*".parse().unwrap());
    seen.callees[0].data = of(b"{\"item\":\"bulb\"}");
    let all = compare(&expected, &seen, &[]);
    let all: Vec<_> = all.iter().map(|m| (m.what.as_str(), m.expected.as_str(), m.found.as_str())).collect();
    let golden = [
        ("jobs.shop.0.due", "2026-01-05T13:00:00Z", "2026-01-05T13:00:00.5Z"),
        ("outputs.payments.0.metadata.path", "/charges", "/refunds"),
        ("requests.0.headers.accept", "nothing", "*/*"),
        ("callees.pricing.0.data.item", "\"lamp\"", "\"bulb\""),
    ];
    assert_eq!(all, golden);
}

#[test]
fn lines_are_looked_for_among_others() {
    let mut seen = seen(&[]);
    let line = |text: &str| Line { component: component("shop"), stream: "stdout", text: text.into() };
    seen.lines = ["began", "took order 1\n", "\u{1b}[2Jdone"].map(line).into();
    let logs = |items: &[serde_json::Value]| Expected {
        logs: Some(listed(true, items.iter().map(pattern))),
        ..Expected::default()
    };
    let contains = |part: &str| json!({"$contains": part});
    assert_eq!(compare(&logs(&[json!("began"), json!("took order 1")]), &seen, &[]), []);
    let golden = "  logs.1  at tests/a.yaml:12:5
    expected  a text with paid in it
    found
      nothing: none of 3 fits
      began
      took order 1
      \"\\u{1b}[2Jdone\"
";
    assert_eq!(told(&logs(&[contains("took"), contains("paid")]), &seen, &[]), golden);
    let golden = "  logs.1  at tests/a.yaml:12:5
    expected  a text with began in it
    found     it is there, but at 0
";
    assert_eq!(told(&logs(&[contains("took"), contains("began")]), &seen, &[]), golden);
}
