//! The answer leaves the host after the commit.

use mecha_tests::{
    courier::World,
    gate::Gate,
    teller::{get, just, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, world};

on_every_engine! {
    what_is_answered_is_there
    an_answer_is_held_until_its_body_is_whole
    an_answer_that_fails_in_its_body_leaves_nothing
    an_answer_larger_than_may_be_held_fails_before_the_commit
    a_request_larger_than_may_be_held_is_refused
    the_answer_of_a_plain_call_is_not_held
    an_answer_that_is_held_is_the_same_answer
}

fn what_is_answered_is_there(kind: &str) {
    let world = world(kind, &Gate::closed(), "", "");
    for n in 0..20 {
        let value = n.to_string();
        world.teller().done(&[set("a", &value)]);
        assert_eq!(world.value("a"), Some(value));
    }
}

#[test]
fn what_is_answered_is_there_after_a_kill() {
    let mut world = world("embedded", &Gate::closed(), "", "");
    for n in 0..5 {
        let value = n.to_string();
        world.teller().done(&[set("a", &value), set("b", &value)]);
        world = world.killed();
        assert_eq!(world.plain().done(&[get("a"), get("b")]), [json!(value), json!(value)]);
    }
}

/// A script whose answer has a body of so many bytes, and that goes on with these steps behind them.
fn body(size: usize, then: &[Value]) -> Vec<Value> {
    vec![set("a", "1"), json!({ "do": "answer", "size": size, "then": then })]
}

fn an_answer_is_held_until_its_body_is_whole(kind: &str) {
    let gate = Gate::closed();
    let world = world(kind, &gate, "", "");
    let teller = world.teller();
    let script = body(1000, &[gate.pass(), set("b", "1")]);
    let caller = std::thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    assert_eq!(world.plain().keys(""), Vec::<String>::new());
    assert!(!caller.is_finished());
    gate.open();
    let answer = caller.join().unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 1000));
    assert_eq!(world.plain().keys(""), ["a", "b"], "what it does while it makes its body is a part of it");
}

fn an_answer_that_fails_in_its_body_leaves_nothing(kind: &str) {
    let gate = Gate::closed();
    let world = world(kind, &gate, "    limits: { wall-time: 1s }", "");
    for (then, status) in [(just("trap"), 500), (gate.pass(), 504)] {
        let answer = world.teller().call(&body(1000, &[then]));
        assert_eq!(answer.status, status, "and not 200 with a body that breaks off");
        assert_eq!(world.plain().keys(""), Vec::<String>::new());
    }
}

fn an_answer_larger_than_may_be_held_fails_before_the_commit(kind: &str) {
    for (lines, limit) in [("", 1 << 20), ("    limits: { held-body: 4KiB }", 4 << 10)] {
        let world = world(kind, &Gate::closed(), lines, "");
        let answer = world.teller().call(&body(limit + 1, &[]));
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert_eq!(world.plain().keys(""), Vec::<String>::new());
        world.host.wait_for_log(&format!("the answer has more than {limit} bytes"));
        let answer = world.teller().call(&body(limit, &[]));
        assert_eq!((answer.status, answer.body.len()), (200, limit));
        assert_eq!(world.plain().keys(""), ["a"]);
    }
}

fn a_request_larger_than_may_be_held_is_refused(kind: &str) {
    let world = world(kind, &Gate::closed(), "    limits: { held-body: 4KiB }", "");
    let large = [set("a", &"x".repeat(5000))];
    assert_eq!(world.teller().call(&large).status, 413);
    assert_eq!(world.value("a"), None);
    // Of unknown length, too.
    let body = Value::from(large.to_vec()).to_string();
    let chunked = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let answer = world.host.client().raw(chunked.as_bytes()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(world.value("a"), None);
    world.plain().done(&large);
    assert!(world.value("a").is_some(), "a plain call holds nothing");
}

fn the_answer_of_a_plain_call_is_not_held(kind: &str) {
    let world = world(kind, &Gate::closed(), "", "");
    let answer = world.plain().call(&body(3 << 20, &[]));
    assert_eq!((answer.status, answer.body.len()), (200, 3 << 20));
}

/// The same component, with and without a transaction.
fn an_answer_that_is_held_is_the_same_answer(kind: &str) {
    let world = World::new(&format!(
        "
name: held
components:
  held: {{ source: '{{guests}}/probe.wasm', atomic: true, http: [{{ host: held, path: / }}], stores: {{ main: read }} }}
  plain: {{ source: '{{guests}}/probe.wasm', http: [{{ host: plain, path: / }}] }}
stores: {{ main: {kind} }}
"
    ));
    let whole = |host: &str, method: &str, path: &str, body: &str| {
        let headers = [("host", host), ("x-more", "1"), ("x-more", "2"), ("cookie", "a=b")];
        let mut answer = world.host.client().send(method, path, &headers, body);
        // How its length is told may differ.
        answer
            .headers
            .retain(|(name, _)| !matches!(&**name, "date" | "content-length" | "transfer-encoding"));
        (answer.status, answer.headers.clone(), answer.text().replace(host, "HOST"))
    };
    for (method, path, body) in [
        ("GET", "/body?bytes=1000", ""),
        ("GET", "/body?bytes=0", ""),
        ("GET", "/slow-body?chunks=3&ms=1", ""),
        ("POST", "/echo", "what is echoed"),
        ("PUT", "/echo", ""),
        ("GET", "/status?code=204", ""),
        ("GET", "/status?code=304", ""),
        ("GET", "/status?code=404", ""),
        ("GET", "/status?code=503", ""),
        ("GET", "/nothing", ""),
        ("GET", "/silent", ""),
    ] {
        let (held, plain) = (whole("held", method, path, body), whole("plain", method, path, body));
        assert_eq!((held.0, &held.1), (plain.0, &plain.1), "{method} {path}");
        // A problem of the host's own tells the call's id.
        assert!(held.2 == plain.2 || held.0 == 500, "{method} {path}: {} and {}", held.2, plain.2);
    }
    let partial = world.host.client().send("GET", "/partial", &[("host", "held")], "");
    assert_eq!(partial.status, 500, "what breaks off is no answer");
}

#[test]
fn a_call_that_changed_nothing_waits_for_no_disk() {
    let world = world("embedded", &Gate::closed(), "", "");
    world.teller().done(&[set("a", "1")]);
    let commits = || world.host.metric("mecha_commit_group_count", &[]);
    let before = commits();
    assert!(before >= 1.0);
    for _ in 0..10 {
        world.teller().done(&[get("a"), get("b")]);
    }
    assert_eq!(commits(), before);
}

#[test]
fn a_snapshot_is_held_no_longer_than_the_calls_deadline() {
    let gate = Gate::closed();
    let world = world("embedded", &gate, "    limits: { wall-time: 1s }", "");
    let answer = world.teller().call(&[get("a"), gate.pass(), set("b", "1")]);
    assert_eq!(answer.status, 504);
    world.wait_for_rest("teller");
}
