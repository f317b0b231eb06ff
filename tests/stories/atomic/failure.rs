//! Success commits, failure leaves nothing but the log line.

use std::{io::Write as _, thread, time::Duration};

use mecha_tests::{
    courier::World,
    gate::Gate,
    host::{mecha, output as ran, until},
    teller::{add, answer, attempt, get, just, list, log, publish, set},
};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{on_every_engine, teller, world};

on_every_engine! {
    a_status_below_500_commits
    a_5xx_leaves_nothing
    a_refusal_that_the_component_handles_is_no_failure
    what_ends_a_call_leaves_nothing
    a_call_that_runs_out_of_time_leaves_nothing
    a_limit_that_is_reached_leaves_nothing
    a_store_that_is_full_refuses_the_commit
    a_request_that_its_client_gives_up_leaves_nothing
}

fn bank(kind: &str, gate: &Gate, lines: &str) -> World {
    let topics = format!("topics: {{ news: {{ {kind}: {{}}, keep: 1d }} }}");
    world(kind, gate, &format!("    publish: [news]\n{lines}"), &topics)
}

/// Writes, counts and publishes, and then does this.
fn effects_and(then: Value) -> Vec<Value> {
    vec![set("a", "1"), add("n", 1), publish("news", &[]), then]
}

fn assert_nothing(world: &World) {
    assert_eq!(world.plain().keys(""), Vec::<String>::new());
    assert_eq!(world.topic("news")["events"], 0);
}

fn assert_all(world: &World) {
    assert_eq!(world.plain().keys(""), ["a", "n"]);
    assert_eq!(world.topic("news")["events"], 1);
}

fn a_status_below_500_commits(kind: &str) {
    let world = bank(kind, &Gate::closed(), "");
    for (n, status) in [200, 204, 303, 404, 409, 422, 499].into_iter().enumerate() {
        assert_eq!(world.teller().call(&effects_and(answer(status))).status, status);
        assert_eq!(world.value("n"), Some((n + 1).to_string()), "{status}");
        assert_eq!(world.topic("news")["events"], n + 1, "{status}");
    }
}

fn a_5xx_leaves_nothing(kind: &str) {
    let world = bank(kind, &Gate::closed(), "");
    for status in [500, 501, 503, 507, 599] {
        assert_eq!(world.teller().call(&effects_and(answer(status))).status, status, "its own answer");
        assert_nothing(&world);
    }
}

fn a_refusal_that_the_component_handles_is_no_failure(kind: &str) {
    let world = bank(kind, &Gate::closed(), "");
    let refused = json!({ "do": "set", "key": "a", "value": "2", "if-match": "nobody's" });
    let results = world.teller().done(&effects_and(attempt(refused)));
    assert_eq!(results[3]["error"], "Conflict", "{results:?}");
    assert_all(&world);
    assert_eq!(world.value("a").as_deref(), Some("1"));
}

fn what_ends_a_call_leaves_nothing(kind: &str) {
    let world = bank(kind, &Gate::closed(), "");
    for (end, status) in [("trap", 500), ("exit", 500), ("reject", 500)] {
        assert_eq!(world.teller().call(&effects_and(just(end))).status, status, "{end}");
        assert_nothing(&world);
    }
    world.host.wait_for_log("component=teller");
}

fn a_call_that_runs_out_of_time_leaves_nothing(kind: &str) {
    let gate = Gate::closed();
    let world = bank(kind, &gate, "    limits: { wall-time: 1s }");
    for end in [just("loop"), gate.pass()] {
        assert_eq!(world.teller().call(&effects_and(end)).status, 504);
        assert_nothing(&world);
    }
    gate.open_for_all();
    world.wait_for_rest("teller");
    assert_nothing(&world);
}

fn a_limit_that_is_reached_leaves_nothing(kind: &str) {
    let lines =
        "    limits: { held-body: 4KiB, transaction-entries: 100, transaction-size: 64KiB, memory: 16MiB }";
    let world = bank(kind, &Gate::closed(), lines);
    let large = json!({ "do": "answer", "size": 5000 });
    world.plain().done(&[json!({ "do": "set-many", "prefix": "read/", "count": 200 })]);
    let many = json!({ "do": "set-many", "prefix": "k", "count": 200 });
    let reads = json!({ "do": "list", "prefix": "read/" });
    let heavy = json!({ "do": "set-large", "key": "k", "size": 70_000 });
    for beyond in [large, many, reads, heavy] {
        let answer = world.teller().call(&effects_and(beyond.clone()));
        assert!(answer.status >= 500, "{beyond}: {} {}", answer.status, answer.text());
        assert_eq!((world.value("a"), world.value("n"), world.value("k")), (None, None, None));
        assert_eq!(world.topic("news")["events"], 0);
    }
    // What is refused is a value, and a component that handles it goes on.
    let many = attempt(json!({ "do": "set-many", "prefix": "k", "count": 200 }));
    let results = world.teller().done(&[many, get("k000000"), answer(200)]);
    assert_eq!(results[0]["error"], "QuotaExceeded", "{results:?}");
}

fn a_store_that_is_full_refuses_the_commit(kind: &str) {
    let small = format!("{{ {kind}: {{ max-size: 4KiB }} }}");
    let world = bank(kind, &Gate::closed(), "");
    let manifest = std::fs::read_to_string(world.app.path().join("mecha.yaml")).unwrap();
    let world = World::new(&manifest.replace(&format!("main: {kind}"), &format!("main: {small}")));
    let large = json!({ "do": "set-large", "key": "large", "size": 5000 });
    let told = world.teller().call(&effects_and(large.clone()));
    assert_eq!(told.status, 507, "{}", told.text());
    assert_nothing(&world);
    // What is full in the middle, and not in the end, is not full.
    world.teller().done(&effects_and(json!({ "do": "set-large", "key": "a", "size": 3000 })));
    world.teller().done(&[set("a", "small"), json!({ "do": "set-large", "key": "b", "size": 3000 })]);
}

/// Whenever it goes: before the commit there is nothing, and once that is queued, it stands.
#[test]
fn clients_that_go_away_at_any_moment_leave_all_of_their_calls_or_nothing() {
    let world = bank("embedded", &Gate::closed(), "");
    for n in 0..200_u64 {
        let script =
            vec![set(&format!("a/{n:03}"), "x"), publish("news", &[]), set(&format!("b/{n:03}"), "x")];
        let body = Value::from(script).to_string();
        let mut connection = world.host.client().connect().unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(head.as_bytes()).unwrap();
        // Not to wait for anything, but to go at another moment each time.
        thread::sleep(Duration::from_micros(n * 40));
    }
    let numbers = |listed: &Value| {
        let listed = listed.as_array().unwrap().iter();
        listed.map(|pair| pair[0].as_str().unwrap()[2..].to_owned()).collect::<Vec<_>>()
    };
    let mut a = vec![];
    until("the last of them has ended", || {
        // Both at one moment, whoever is still to come.
        let listed = world.teller().done(&[list("a/"), list("b/")]);
        a = numbers(&listed[0]);
        assert_eq!(a, numbers(&listed[1]));
        world.in_flight("teller") == 0.0 && world.topic("news")["events"] == a.len()
    });
    assert!(!a.is_empty() && a.len() < 200, "some went before, and some after: {}", a.len());
}

fn a_request_that_its_client_gives_up_leaves_nothing(kind: &str) {
    let gate = Gate::closed();
    let world = bank(kind, &gate, "");
    let body = Value::from(effects_and(gate.pass())).to_string();
    let mut connection = world.host.client().connect().unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    connection.write_all(head.as_bytes()).unwrap();
    gate.wait_for(1);
    drop(connection);
    world.wait_for_rest("teller");
    gate.open_for_all();
    assert_nothing(&world);
}

#[test]
fn a_shutdown_that_does_not_wait_leaves_nothing() {
    let gate = Gate::closed();
    let mut world = bank("embedded", &gate, "");
    let teller = world.teller();
    let script = effects_and(gate.pass());
    let call = thread::spawn(move || teller.try_call(&[], &script));
    gate.wait_for(1);
    world.host.signal(Signal::TERM);
    world.host.wait_for_log("shutting down");
    // The second time, it does not wait for what is in flight.
    world.host.signal(Signal::TERM);
    _ = world.host.wait();
    gate.open_for_all();
    assert!(call.join().unwrap().is_err(), "nobody was told that it happened");
    assert_nothing(&World::of(world.app));
}

#[test]
fn a_shutdown_that_waits_lets_what_is_in_flight_commit_and_answer() {
    let gate = Gate::closed();
    let mut world = bank("embedded", &gate, "");
    let teller = world.teller();
    let script = effects_and(gate.pass());
    let call = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    world.host.signal(Signal::TERM);
    world.host.wait_for_log("shutting down");
    gate.open();
    assert_eq!(call.join().unwrap().status, 200);
    assert_eq!(world.host.wait().code(), Some(0));
    assert_all(&World::of(world.app));
}

/// As an operator, and as another component that is not atomic itself.
#[test]
fn an_invocation_commits_if_it_is_answered_and_leaves_nothing_if_it_fails() {
    let manifest = teller(
        "embedded",
        &Gate::closed(),
        "    callers: { outside: all, plain: all }\n    publish: [news]",
        "topics: { news: { embedded: {}, keep: 1d } }",
    );
    let plain = "components:\n  plain:\n    source: '{guests}/teller.wasm'\n    http: [{ path: /, host: plain }]\n    invoke: [teller]";
    let mut world = World::new(&manifest.replacen("components:", plain, 1));
    let call = |world: &World, script: &[Value]| {
        let script = Value::from(script.to_vec()).to_string();
        ran(mecha(&["call"]).arg(world.app.path()).args(["teller", "run", "--data", &script])).code
    };
    for end in ["fault", "trap", "exit"] {
        assert_ne!(call(&world, &effects_and(just(end))), Some(0), "{end}");
        let told =
            json!({ "do": "invoke", "target": "teller", "method": "run", "script": effects_and(just(end)) });
        let told = world.teller().named("plain").done(&[attempt(told)]);
        assert!(told[0]["error"].is_string(), "{told:?}");
        assert_nothing(&world);
    }
    assert_eq!(call(&world, &effects_and(log("done"))), Some(0));
    assert_all(&world);
    world.plain().done(&[json!({ "do": "delete", "key": "a" }), json!({ "do": "delete", "key": "n" })]);
    let told = json!({ "do": "invoke", "target": "teller", "method": "run", "script": [set("b", "1")] });
    world.teller().named("plain").done(&[told, just("context")]);
    assert_eq!(world.plain().keys(""), ["b"]);
    // On a host that does not run, too.
    let app = world.stopped();
    let failed = Value::from(vec![set("c", "1"), just("fault")]).to_string();
    let done = Value::from(vec![set("d", "1")]).to_string();
    let call =
        |script: &str| ran(mecha(&["call"]).arg(app.path()).args(["teller", "run", "--data", script])).code;
    assert_ne!(call(&failed), Some(0));
    assert_eq!(call(&done), Some(0));
    world = World::of(app);
    assert_eq!(world.plain().keys(""), ["b", "d"]);
}
