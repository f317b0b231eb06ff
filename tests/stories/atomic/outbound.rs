//! Requests that leave the host from within an atomic call.

use mecha_tests::{
    courier::World,
    gate::Gate,
    receiver::Receiver,
    teller::{answer, attempt, set},
};
use serde_json::{Value, json};

use super::{assert_refused, teller};

fn manifest(receiver: &Receiver, outside: &str) -> String {
    let host = receiver.url("");
    teller("embedded", &Gate::closed(), "", "")
        .replace("    outbound: [", &format!("    outbound: [{{ host: '{host}'{outside} }}, "))
}

fn fetch(receiver: &Receiver, method: &str) -> Value {
    json!({ "do": "fetch", "method": method, "url": receiver.url("/") })
}

#[test]
fn a_grant_that_does_not_say_which_requests_may_leave_is_a_load_error() {
    let receiver = Receiver::answering(&[]);
    assert_refused(&manifest(&receiver, ""), &[&receiver.url(""), "outside: safe", "outside: allow"]);
}

#[test]
fn a_safe_request_leaves_and_another_one_does_not() {
    let receiver = Receiver::answering(&[]);
    let world = World::new(&manifest(&receiver, ", outside: safe"));
    for method in ["GET", "HEAD"] {
        world.teller().done(&[fetch(&receiver, method)]);
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let told = world.teller().done(&[set("a", "1"), attempt(fetch(&receiver, method))]);
        assert!(told[1]["error"].as_str().is_some_and(|code| code.contains("HttpRequestDenied")), "{told:?}");
    }
    assert_eq!(receiver.received().len(), 2);
    // In a call that is not atomic, the grant is a grant.
    world.plain().done(&[fetch(&receiver, "POST")]);
    assert_eq!(receiver.received().len(), 3);
}

#[test]
fn a_request_that_may_be_outside_leaves_whatever_becomes_of_the_call() {
    let receiver = Receiver::answering(&[]);
    let world = World::new(&manifest(&receiver, ", outside: allow"));
    let told = world.teller().call(&[set("a", "1"), fetch(&receiver, "POST"), answer(500)]);
    assert_eq!((told.status, receiver.received().len()), (500, 1));
    assert_eq!(world.value("a"), None);
}
