//! Components that call each other, and people who call them.

use std::thread;

use mecha_tests::{
    client::{Client, Response},
    courier::World,
    host::{App, Output, mecha, output, until},
};
use serde_json::{Value, json};

/// `courier` may call `near`, `near` may call `far`, and people `far`.
const CHAIN: &str = "
name: chain
components:
  courier:
    source: '{guests}/courier.wasm'
    http: [/]
    invoke: { near: all, far: [echo, sleep, context, size, call], mute: all }
    limits: { wall-time: 20s }
    callers: { far: all }
  near:
    source: '{guests}/courier.wasm'
    callers: { courier: all }
    invoke: [far]
    limits: { memory: 64MiB }
  far:
    source: '{guests}/courier.wasm'
    callers: { courier: all, near: all, outside: [echo, fail, count, trap] }
    invoke: [courier]
    stores: { seen: read-write }
    limits: { concurrency: 1, invoke-payload: 64KiB }
  mute:
    source: '{guests}/courier.wasm'
    callers: { courier: [echo] }
stores: { seen: embedded }
";

fn chain() -> World {
    World::new(CHAIN)
}

/// What a refused call is refused with.
fn refusal(answer: &Response) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

/// Calls of a component that are going on.
fn in_flight(world: &World, component: &str) -> f64 {
    world.host.metric("mecha_calls_in_flight", &[&format!("component=\"{component}\"")])
}

#[test]
fn a_call_reaches_the_other_component_with_the_callers_identity() {
    let world = chain();
    let answer = world.courier().send("POST", "/call/near/echo?key=once-only", json!({ "a": 1 }).to_string());
    let echoed = &answer.json()["ok"];
    assert_eq!(echoed["data"], json!({ "a": 1 }), "{}", answer.text());
    assert_eq!(echoed["caller"], "chain/courier", "as the host knows it, and not as anybody says");
    assert_eq!(echoed["idempotency-key"], "once-only");
    let context = world.courier().called("near", "context", &Value::Null);
    assert_eq!((&context["component"], &context["trigger"]), (&json!("near"), &json!("invoke")));
    assert_eq!((&context["caller"], &context["attempt"]), (&json!("chain/courier"), &json!(1)), "{context}");
}

#[test]
fn a_fault_of_the_callee_is_a_value_to_its_caller() {
    let world = chain();
    for kind in
        ["invalid-request", "not-found", "conflict", "denied", "unavailable", "unknown-method", "internal"]
    {
        let answer = world.courier().call("near", "fail", &json!(kind));
        assert_eq!(refusal(&answer), refused(502, "fault"));
        assert_eq!(answer.json()["detail"], json!({ "kind": kind, "message": "told to fail" }));
    }
    let answer = world.courier().call("near", "nothing", &Value::Null);
    assert_eq!(answer.json()["detail"]["kind"], "unknown-method");
}

#[test]
fn only_what_both_sides_allow_is_called() {
    let world = chain();
    let call =
        |target: &str, method: &str| refusal(&world.courier().call(target, method, &json!("internal")));
    assert_eq!(call("far", "fail"), refused(403, "access-denied"), "the caller was not granted it");
    assert_eq!(call("mute", "fail"), refused(403, "access-denied"), "the callee does not let it");
    assert_eq!(call("nobody", "echo"), refused(404, "no-such-target"));
    assert_eq!(world.courier().call("mute", "echo", &json!(1)).status, 200);
}

#[test]
fn a_callee_without_a_free_permit_is_busy_at_once() {
    let world = chain();
    let courier = world.courier();
    let sleeper = thread::spawn(move || courier.call("far", "sleep", &json!(3000)));
    until("the only permit is taken", || in_flight(&world, "far") == 1.0);
    let answer = world.courier().call("far", "echo", &json!(1));
    assert_eq!(refusal(&answer), refused(429, "busy"));
    assert!(answer.json()["detail"].as_u64().is_some(), "when to try again: {}", answer.text());
    assert!(!sleeper.is_finished(), "it did not wait for the permit");
    assert_eq!(sleeper.join().unwrap().status, 200);
    assert_eq!(world.courier().call("far", "echo", &json!(1)).status, 200);
}

/// `far` has one permit, which the chain itself holds: waiting for it would be for ever.
#[test]
fn calls_that_go_round_in_a_circle_are_refused() {
    let world = chain();
    let call = json!({ "target": "courier", "method": "echo" });
    let circle = world.courier().called("far", "call", &call);
    assert_eq!(circle["error"], "depth-exceeded", "{circle}");
    assert_eq!(in_flight(&world, "far"), 0.0);
}

#[test]
fn calls_are_nested_only_so_deep() {
    let components: String = (0..20)
        .map(|n| {
            let (next, before) = (n + 1, n - 1);
            let http = if n == 0 { "http: [/]" } else { "" };
            let callers = if n == 0 { String::new() } else { format!("callers: {{ c{before}: all }}") };
            let invoke = if n == 19 { String::new() } else { format!("invoke: [c{next}]") };
            format!(
                "  c{n}:\n    source: '{{guests}}/courier.wasm'\n    {http}\n    {callers}\n    {invoke}\n"
            )
        })
        .collect();
    let world = World::new(&format!("name: deep\ncomponents:\n{components}"));
    let mut data = json!({ "target": "c19", "method": "echo" });
    for n in (2..19).rev() {
        data = json!({ "target": format!("c{n}"), "method": "call", "data": data });
    }
    let mut found = world.courier().called("c1", "call", &data);
    let mut depth = 0;
    while !found["ok"].is_null() {
        depth += 1;
        found = found["ok"].take();
    }
    assert_eq!(found["error"], "depth-exceeded");
    assert_eq!(depth, 14, "16 components are in the chain: c0, c1 and those below");
}

#[test]
fn a_callee_has_no_more_time_than_its_caller_leaves_it() {
    let world = chain();
    let remaining = |answer: &Value| answer["remaining-ms"].as_u64().unwrap_or_else(|| panic!("{answer}"));
    let own = remaining(&world.courier().show("/context"));
    let near = remaining(&world.courier().called("near", "context", &Value::Null));
    assert!(own <= 20_000 && near <= 20_000, "near alone would have 30 s: {near}");
    let asked = world.courier().send("POST", "/call/near/context?timeout-ms=5000", "null").json();
    assert!(remaining(&asked["ok"]) <= 5000, "{asked}");
    let nested = json!({ "target": "far", "method": "context" });
    let path = "/call/near/call?timeout-ms=5000";
    let far = world.courier().send("POST", path, nested.to_string()).json();
    assert!(remaining(&far["ok"]["ok"]) <= 5000, "{far}");
}

#[test]
fn a_callee_that_takes_too_long_is_ended_and_its_caller_goes_on() {
    let world = chain();
    for (method, data) in [("sleep", json!(60_000)), ("loop", Value::Null)] {
        let path = format!("/call/near/{method}?timeout-ms=300");
        let answer = world.courier().send("POST", &path, data.to_string());
        assert_eq!(refusal(&answer), refused(503, "timeout"), "{method}");
        until("the callee has ended", || in_flight(&world, "near") == 0.0);
    }
}

#[test]
fn a_client_that_goes_away_ends_the_whole_chain() {
    let world = chain();
    let body = json!({ "target": "far", "method": "sleep", "data": 15_000 }).to_string();
    let mut connection = world.host.client().connect().unwrap();
    let head =
        format!("POST /call/near/call HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    std::io::Write::write_all(&mut connection, head.as_bytes()).unwrap();
    until("the last of the chain runs", || in_flight(&world, "far") == 1.0);
    drop(connection);
    until("all have ended", || {
        ["courier", "near", "far"].iter().all(|component| in_flight(&world, component) == 0.0)
    });
    assert_eq!(world.courier().call("far", "echo", &json!(1)).status, 200, "its permit is free again");
}

#[test]
fn a_trap_in_the_callee_is_an_error_of_its_own() {
    let world = chain();
    let answer = world.courier().call("near", "trap", &Value::Null);
    assert_eq!(refusal(&answer), refused(503, "crashed"));
    world.host.wait_for_log("component=near");
    assert_eq!(world.host.metric("mecha_calls_total", &["component=\"near\"", "outcome=\"trap\""]), 1.0);
    assert_eq!(world.host.metric("mecha_calls_total", &["component=\"courier\"", "outcome=\"ok\""]), 1.0);
}

#[test]
fn requests_and_responses_are_only_so_large() {
    let world = chain();
    let limit = json!(64 << 10);
    let answer = world.courier().send("POST", "/call/far/echo", vec![b'x'; (64 << 10) + 1]);
    assert_eq!(refusal(&answer), refused(413, "too-large"));
    assert_eq!(answer.json()["detail"], limit);
    assert_eq!(
        refusal(&world.courier().call("far", "size", &json!((64 << 10) + 1))),
        refused(413, "too-large")
    );
    assert_eq!(world.courier().called("far", "size", &json!(64 << 10)), json!({ "bytes": 64 << 10 }));
    let answer = world.courier().send("POST", "/call/near/echo", vec![b'x'; (1 << 20) + 1]);
    assert_eq!(answer.json()["detail"], 1 << 20, "the default");
}

fn call(app: &std::path::Path, args: &[&str]) -> Output {
    output(mecha(&["call"]).arg(app).args(args))
}

#[test]
fn people_call_a_component_whether_the_host_runs_or_not() {
    let world = chain();
    let told = call(world.app.path(), &["far", "echo", "--data", "[1]", "--idempotency-key", "k"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let echoed: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&echoed["data"], &echoed["idempotency-key"]), (&json!([1]), &json!("k")));
    assert_eq!(echoed["caller"], Value::Null, "somebody outside");
    assert_eq!(call(world.app.path(), &["far", "count"]).stdout, "1\n");
    let app = world.stopped();
    assert_eq!(call(app.path(), &["far", "count"]).stdout, "2\n", "the same store");
    let fault = call(app.path(), &["far", "fail", "--data", "\"conflict\""]);
    assert_eq!(fault.code, Some(1));
    assert!(fault.stderr.contains("told to fail"), "{}", fault.stderr);
    let world = World::of(app);
    assert_eq!(call(world.app.path(), &["far", "count"]).stdout, "3\n");
}

#[test]
fn people_call_only_what_the_manifest_lets_them() {
    let world = chain();
    for (args, part) in [
        (["far", "context"], "does not let"),
        (["near", "echo"], "does not let"),
        (["nobody", "echo"], "nobody"),
    ] {
        let told = call(world.app.path(), &args);
        assert_eq!(told.code, Some(1), "{args:?}: {}", told.stdout);
        assert!(told.stderr.contains(part), "{args:?}: {}", told.stderr);
    }
    let app = world.stopped();
    assert_eq!(call(app.path(), &["near", "echo"]).code, Some(1));
}

#[test]
fn scripts_call_a_component_over_the_admin_listener() {
    let world = chain();
    let admin = Client::new(world.host.admin);
    let post = |path: &str, body: &str| {
        admin.send("POST", path, &[("content-type", "application/json"), ("idempotency-key", "k")], body)
    };
    let echoed = post("/invoke/far/echo", "{\"a\":1}");
    assert_eq!((echoed.status, &echoed.json()["data"]), (200, &json!({ "a": 1 })));
    assert_eq!(echoed.json()["idempotency-key"], "k");
    assert_eq!(post("/invoke/far/fail", "\"not-found\"").status, 404);
    assert_eq!(post("/invoke/far/fail", "\"conflict\"").status, 409);
    assert_eq!(post("/invoke/far/trap", "").status, 500);
    assert_eq!(post("/invoke/far/context", "").status, 403);
    assert_eq!(post("/invoke/near/echo", "").status, 403);
    assert_eq!(post("/invoke/nobody/echo", "").status, 404);
    assert_eq!(admin.get("/invoke/far/echo").status, 404, "it is posted");
    assert_eq!(post("/invoke/far/echo", &"x".repeat((64 << 10) + 1)).status, 413);
    assert_eq!(world.host.post("/invoke/far/echo", "").status, 404, "and not where everybody is");
}

const LINKED: &str = "
name: linked
components:
  dialer:
    source: '{guests}/dialer.wasm'
    http: [/]
    invoke: [answerer]
    link: { 'test:echo/echoing': answerer }
  answerer:
    source: '{guests}/answerer.wasm'
    callers: { dialer: all }
    limits: { invoke-payload: 64KiB }
";

#[test]
fn an_import_that_is_linked_is_the_other_components_export() {
    let world = World::new(LINKED);
    for path in ["/typed", "/text", "/invoke"] {
        let answer = world.host.get(&format!("{path}?n=3&size=1000"));
        assert_eq!((answer.status, &*answer.text()), (200, "3 calls of 1000 bytes\n"), "{path}");
    }
    let calls = world.host.metric("mecha_calls_total", &["component=\"answerer\"", "outcome=\"ok\""]);
    assert_eq!(calls, 9.0, "each is a call of its own");
    let large = world.host.get("/typed?size=70000");
    assert_eq!(large.status, 500, "there is no value for it in this interface");
    world.host.wait_for_log("65536");
    assert_eq!(world.host.get("/typed").status, 200, "that was the end of that call and no other");
}

#[test]
fn a_link_needs_both_sides() {
    let check = |manifest: &str| {
        let app = App::new(manifest);
        output(mecha(&["check"]).arg(app.path()))
    };
    let good = check(LINKED);
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    let unlinked = check(&LINKED.replace("link: { 'test:echo/echoing': answerer }", ""));
    assert_eq!(unlinked.code, Some(1));
    assert!(unlinked.stderr.contains("test:echo/echoing"), "{}", unlinked.stderr);
    let unallowed = check(&LINKED.replace("callers: { dialer: all }", "callers: { dialer: [echo] }"));
    assert_eq!(unallowed.code, Some(1));
    assert!(unallowed.stderr.contains("does not let `dialer` call"), "{}", unallowed.stderr);
}

#[test]
fn a_link_to_a_component_without_the_interface_is_found_by_check() {
    let manifest = LINKED.replace("{guests}/answerer.wasm", "{guests}/courier.wasm");
    let app = App::new(&manifest);
    let elsewhere = output(mecha(&["check"]).arg(app.path()));
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.stderr.contains("test:echo/echoing"), "{}", elsewhere.stderr);
}
