//! A component that misbehaves costs its own request and nothing else.

use std::thread;

use mecha_tests::{
    client::{Client, Response},
    host::{App, Host},
};

/// A component that misbehaves, and a neighbour in the same app.
const APP: &str = "
name: limits
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
    limits: { memory: 32MiB, wall-time: 1s, concurrency: 4, handles: 500, request-body: 1MiB }
  neighbour:
    source: '{guests}/hello.wasm'
    http: [{ path: /, host: neighbour }]
";

const PROBE: &str = r#"component="probe""#;

fn neighbour(client: Client) -> Response {
    client.send("GET", "/", &[("host", "neighbour")], "")
}

/// What a client is told: the status, and nothing internal.
fn assert_problem(answer: &Response, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let body = answer.json();
    assert_eq!(body["status"], status);
    let fields: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert!(fields.iter().all(|field| ["title", "status", "call"].contains(&field.as_str())), "{fields:?}");
}

/// The request fails as it should, is counted and logged once, and the neighbour answers meanwhile and after.
fn costs_itself_only(path: &str, status: u16, fault: &str) -> Host {
    let host = App::new(APP).serve();
    let client = host.client();
    let answer = thread::scope(|scope| {
        let bad = scope.spawn(|| client.get(path));
        for _ in 0..20 {
            assert_eq!(neighbour(client).text(), "Hello, world!\n");
        }
        bad.join().unwrap()
    });
    assert_problem(&answer, status);
    assert_eq!(neighbour(client).status, 200);
    assert_eq!(client.get("/time").status, 200, "the component itself answers the next request");
    let outcome = format!("outcome=\"{fault}\"");
    assert_eq!(host.metric("mecha_calls_total", &[PROBE, &outcome]), 1.0);
    assert_eq!(host.metric("mecha_calls_in_flight", &[PROBE]), 0.0);
    assert_eq!(host.metric("mecha_calls_total", &[r#"component="neighbour""#, "outcome=\"ok\""]), 21.0);
    host.wait_for_log("call failed");
    assert_eq!(host.log().matches("call failed").count(), 1, "one event tells the operator all");
    assert!(host.log().contains(&format!("fault=\"{fault}\"")), "{}", host.log());
    let call = answer.json()["call"].as_str().unwrap().to_owned();
    assert!(host.log().contains(&call), "the client's id leads to the log");
    host
}

fn refused(host: &Host, limit: &str) -> f64 {
    host.metric("mecha_refusals_total", &[PROBE, &format!("limit=\"{limit}\"")])
}

#[test]
fn a_guest_that_loops_ends_at_its_wall_time() {
    let host = costs_itself_only("/loop", 504, "deadline");
    assert_eq!(refused(&host, "wall-time"), 1.0);
}

#[test]
fn a_guest_that_never_answers_ends_at_its_wall_time() {
    let host = costs_itself_only("/never", 504, "deadline");
    assert_eq!(refused(&host, "wall-time"), 1.0);
}

#[test]
fn a_guest_that_grows_ends_at_its_memory_limit() {
    let host = costs_itself_only("/grow", 500, "memory");
    assert_eq!(refused(&host, "memory"), 1.0);
}

#[test]
fn a_guest_that_recurses_for_ever_runs_out_of_its_own_stack() {
    let host = costs_itself_only("/overflow", 500, "stack");
    assert_eq!(refused(&host, "stack"), 1.0);
}

#[test]
fn a_guest_that_panics_costs_its_request() {
    costs_itself_only("/panic", 500, "trap");
}

#[test]
fn a_guest_that_exits_costs_its_request() {
    costs_itself_only("/exit", 500, "exit");
}

#[test]
fn a_guest_that_returns_without_an_answer_costs_its_request() {
    costs_itself_only("/silent", 500, "no-answer");
}

#[test]
fn a_guest_that_leaks_handles_ends_at_its_limit() {
    let host = costs_itself_only("/leak", 500, "handles");
    assert_eq!(refused(&host, "handles"), 1.0);
}

#[test]
fn a_guest_that_asks_for_too_much_randomness_costs_its_request() {
    costs_itself_only("/random?bytes=1000000", 500, "trap");
}

#[test]
fn headers_that_a_guest_makes_are_bounded() {
    let host = App::new(APP).serve();
    let answer = host.get("/fields?bytes=1000000");
    assert_ne!(answer.status, 0);
    assert!(answer.headers.iter().map(|(_, value)| value.len()).sum::<usize>() < 100_000);
    assert_eq!(neighbour(host.client()).status, 200);
}

#[test]
fn a_guest_out_of_fuel_ends_with_503() {
    let manifest = APP.replace("memory: 32MiB", "memory: 32MiB, fuel: 100000000");
    let host = App::new(&manifest).serve();
    assert_eq!(host.get("/time").status, 200);
    let answer = host.get("/loop");
    assert_problem(&answer, 503);
    assert_eq!(refused(&host, "fuel"), 1.0);
    assert_eq!(neighbour(host.client()).status, 200);
}

#[test]
fn a_request_body_beyond_the_limit_is_413() {
    let host = App::new(APP).serve();
    assert_problem(&host.post("/echo", vec![b'x'; (1 << 20) + 1]), 413);
    assert_eq!(refused(&host, "request-body"), 1.0);
    assert_eq!(host.post("/echo", vec![b'x'; 1 << 20]).body.len(), 1 << 20);
    assert_eq!(neighbour(host.client()).status, 200);
}

#[test]
fn beyond_its_concurrency_and_its_queue_a_component_is_busy_and_others_are_not() {
    let host = App::new(APP).serve();
    let client = host.client();
    // Four run, forty wait, the rest is refused.
    let answers: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..60).map(|_| scope.spawn(move || client.get("/sleep?ms=300"))).collect();
        assert_eq!(neighbour(client).status, 200);
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(!busy.is_empty());
    for answer in &busy {
        assert_problem(answer, 503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(refused(&host, "concurrency"), busy.len() as f64);
    assert_eq!(client.get("/time").status, 200);
}
