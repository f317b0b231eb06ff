//! How a host starts, drains and ends.

use std::{
    io::{BufReader, Read as _, Write as _},
    thread,
};

use mecha_tests::{
    client::{Client, read_head, read_response},
    host::{App, until},
};
use rustix::process::Signal;

const PROBE: &str = "
name: probe
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
";

#[test]
fn sigterm_lets_calls_in_flight_finish_and_accepts_no_more() {
    let mut host = App::new(PROBE).serve();
    let client = host.client();
    let slow = thread::spawn(move || client.get("/sleep?ms=1500"));
    until("the call is in flight", || host.metric("mecha_calls_in_flight", &[]) == 1.0);
    assert_eq!(Client::new(host.admin).get("/readyz").status, 200);
    host.signal(Signal::TERM);
    host.wait_for_log("shutting down");
    until("no more connections are accepted", || client.connect().is_err());
    assert_eq!(Client::new(host.admin).get("/readyz").status, 503, "a host that drains is not ready");
    assert_eq!(Client::new(host.admin).get("/healthz").status, 200, "but well");
    assert_eq!(slow.join().unwrap().status, 200, "what was in flight is finished");
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn sigterm_in_the_middle_of_a_body_loses_none_of_it() {
    let mut host = App::new(PROBE).serve();
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"GET /slow-body?chunks=10&ms=100 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut reader = BufReader::new(connection);
    let mut first = [0; 1];
    reader.get_ref().peek(&mut first).unwrap();
    host.signal(Signal::TERM);
    let answer = read_response(&mut reader).unwrap();
    assert_eq!(answer.status, 200);
    assert!(!answer.body.is_empty());
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn sigint_ends_like_sigterm_and_a_second_signal_ends_at_once() {
    let mut host = App::new(PROBE).serve();
    let client = host.client();
    thread::spawn(move || client.try_send("GET", "/never", &[], ""));
    until("the call is in flight", || host.metric("mecha_calls_in_flight", &[]) == 1.0);
    host.signal(Signal::INT);
    host.wait_for_log("shutting down");
    assert!(host.is_running());
    host.signal(Signal::INT);
    assert_eq!(host.wait().code(), Some(130));
}

#[test]
fn a_call_that_does_not_finish_within_the_grace_period_is_given_up() {
    let app = App::new(PROBE);
    let mut host = mecha_tests::host::Host::start(app.path(), &["--grace", "1"]);
    let client = host.client();
    thread::spawn(move || client.try_send("GET", "/never", &[], ""));
    until("the call is in flight", || host.metric("mecha_calls_in_flight", &[]) == 1.0);
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
    host.wait_for_log("not finish");
}

#[test]
fn a_client_that_goes_away_cancels_its_call() {
    let host = App::new(PROBE).serve();
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    until("the call is in flight", || host.metric("mecha_calls_in_flight", &[]) == 1.0);
    drop(connection);
    until("the call has ended", || host.metric("mecha_calls_in_flight", &[]) == 0.0);
    assert_eq!(host.metric("mecha_calls_total", &["outcome=\"cancelled\""]), 1.0);
}

#[test]
fn a_component_may_work_on_after_its_answer() {
    let host = App::new(PROBE).serve();
    assert_eq!(host.get("/late").status, 200);
    host.wait_for_log("late work done");
}

#[test]
fn an_answer_that_is_cut_short_is_seen_as_cut_short() {
    let host = App::new(PROBE).serve();
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"GET /partial HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut reader = BufReader::new(connection);
    assert_eq!(read_head(&mut reader).unwrap().status, 200);
    let mut rest = String::new();
    // Chunked, and without the last chunk: no client takes it for the whole.
    _ = reader.read_to_string(&mut rest);
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest:?}");
    host.wait_for_log("call failed");
    assert_eq!(host.get("/time").status, 200);
}
