//! Webhooks and requests that become events. An event log shows what was published.

use mecha_tests::{
    client::Response,
    host::{App, Host},
};
use serde_json::json;

use super::{each, logged, until_logged};

const HOOKS: &str = "
name: hooks
topics:
  deliveries: embedded
subscriptions:
  log: { topic: deliveries, to: log }
inputs:
  github:
    http:
      path: /hooks/github
      id: x-github-delivery
      signature: { secret: \"It's a Secret to Everybody\", header: x-hub-signature-256, prefix: sha256= }
    to: hooks
components:
  hooks:
    source: '{guests}/webhook_to_event.wasm'
    http: [/in]
    env: { TOPIC: deliveries, SOURCE: 'https://github.com/', TYPE: 'com.github.{x-github-event}', SUBJECT: '{x-subject}', ID: '{x-id}' }
    publish: [deliveries]
  log:
    source: '{guests}/event_log.wasm'
    http: [/log/]
    env: { PREFIX: /log }
    stores: { log: read-write }
stores:
  log: embedded
";

/// Of the secret above and `Hello, World!`, as GitHub's documentation has it.
const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn deliver(host: &Host, id: &str, signature: &str, more: &[(&str, &str)]) -> Response {
    let mut headers =
        vec![("content-type", "text/plain"), ("x-github-delivery", id), ("x-hub-signature-256", signature)];
    headers.extend(more);
    host.client().send("POST", "/hooks/github", &headers, "Hello, World!")
}

const PUSH: (&str, &str) = ("x-github-event", "push");

#[test]
fn a_signed_webhook_is_an_event_and_the_same_one_when_it_is_repeated() {
    let app = App::new(HOOKS);
    let host = app.serve();
    for id in ["1", "1", "2"] {
        let answer = deliver(&host, id, SIGNATURE, &[PUSH, ("x-subject", "tea")]);
        assert_eq!((answer.status, answer.json()), (200, json!({ "ids": [id] })));
    }
    let events = until_logged(&host, 2);
    let mut ids = each(&events, "id");
    ids.sort_unstable();
    assert_eq!(ids, ["1", "2"]);
    let event = &events[0]["event"];
    assert_eq!(event["type"], "com.github.push");
    assert_eq!(event["source"], "https://github.com/");
    assert_eq!(event["subject"], "tea");
    assert_eq!((&event["datacontenttype"], &event["data"]), (&json!("text/plain"), &json!("Hello, World!")));
}

#[test]
fn what_is_not_signed_or_not_complete_is_no_event() {
    let app = App::new(HOOKS);
    let host = app.serve();
    let wrong = SIGNATURE.replace("757", "758");
    for signature in ["", "sha256=", &wrong] {
        assert_eq!(deliver(&host, "1", signature, &[PUSH]).status, 401, "{signature:?}");
    }
    assert_eq!(deliver(&host, "1", SIGNATURE, &[]).status, 422, "its type cannot be said");
    assert_eq!(deliver(&host, "2", SIGNATURE, &[PUSH]).status, 200);
    until_logged(&host, 1);
    assert_eq!(each(&logged(&host, 0), "id"), ["2"]);
}

#[test]
fn the_headers_of_a_webhook_are_not_believed_to_be_an_event() {
    let app = App::new(HOOKS);
    let host = app.serve();
    let forged =
        [PUSH, ("ce-specversion", "1.0"), ("ce-id", "9"), ("ce-source", "/bank"), ("ce-type", "paid")];
    assert_eq!(deliver(&host, "1", SIGNATURE, &forged).status, 200);
    let events = until_logged(&host, 1);
    assert_eq!((each(&events, "id"), each(&events, "type")), (vec!["1"], vec!["com.github.push"]));
}

#[test]
fn requests_become_events_whatever_form_they_have() {
    let app = App::new(HOOKS);
    let host = app.serve();
    let post = |headers: &[(&str, &str)], body: &str| host.client().send("POST", "/in", headers, body);
    let structured = r#"{"specversion":"1.0","id":"s","source":"/a","type":"t","tone":"warm","data":[1]}"#;
    let answers = [
        post(&[("content-type", "application/cloudevents+json")], structured),
        post(&[("content-type", "application/cloudevents+json")], structured),
        post(
            &[("content-type", "application/cloudevents-batch+json")],
            &format!("[{}]", structured.replace("\"s\"", "\"c\"")),
        ),
        post(
            &[
                ("ce-specversion", "1.0"),
                ("ce-id", "b"),
                ("ce-source", "/a"),
                ("ce-type", "t"),
                ("content-type", "text/plain"),
            ],
            "binary",
        ),
        post(&[PUSH, ("x-id", "p"), ("content-type", "text/plain")], "plain"),
    ];
    for answer in answers {
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    let events = until_logged(&host, 4);
    let mut ids = each(&events, "id");
    ids.sort_unstable();
    assert_eq!(ids, ["b", "c", "p", "s"]);
    let whole = events.iter().find(|event| event["event"]["id"] == "s").unwrap();
    assert_eq!((&whole["event"]["tone"], &whole["event"]["data"]), (&json!("warm"), &json!([1])));

    let malformed = [
        post(&[("content-type", "application/cloudevents+json")], "{}"),
        post(
            &[("content-type", "application/cloudevents+json")],
            &structured.replace("\"/a\"", "\"not a uri\""),
        ),
        post(&[("content-type", "text/plain")], "no type"),
    ];
    for answer in malformed {
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(host.get("/in").status, 405);
}
