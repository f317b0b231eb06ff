//! A linked interface is a nested call like any other.

use mecha_tests::{
    courier::World,
    teller::{just, set},
};
use serde_json::{Value, json};

/// `forwarder` calls `teller` through a WIT interface.
fn manifest(link: &str, atomic: &str) -> String {
    format!(
        "
name: linked
components:
  forwarder:
    source: '{{guests}}/forwarder.wasm'
    atomic: true
    http: [{{ host: forwarder, path: / }}]
    stores: {{ main: read-write }}
    link: {{ 'test:teller/scripts': {link} }}
  teller:
    source: '{{guests}}/teller.wasm'
    atomic: {atomic}
    http: [{{ path: /plain, atomic: false }}]
    stores: {{ main: read-write }}
    callers: {{ forwarder: all }}
stores: {{ main: embedded }}
"
    )
}

fn forward(world: &World, status: u16, script: &[Value]) -> (u16, Value) {
    let headers = [("host", "forwarder")];
    let path = format!("/?status={status}");
    let answer = world.host.client().send("POST", &path, &headers, Value::from(script.to_vec()).to_string());
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

/// What the forwarder has written.
fn forwarded(world: &World) -> Value {
    world.host.client().send("GET", "/", &[("host", "forwarder")], "").json()
}

#[test]
fn a_linked_call_is_a_part_of_its_callers_transaction() {
    let world = World::new(&manifest("teller", "true"));
    let (status, _) = forward(&world, 500, &[set("a", "1")]);
    assert_eq!(status, 500);
    assert_eq!((world.value("a"), forwarded(&world)), (None, Value::Null));
    let (status, told) = forward(&world, 200, &[set("a", "1")]);
    assert_eq!((status, told["ok"].is_string()), (200, true), "{told}");
    assert_eq!(world.value("a").as_deref(), Some("1"));
    assert!(forwarded(&world).is_string());
}

#[test]
fn an_error_of_a_linked_call_undoes_its_part_only() {
    let world = World::new(&manifest("teller", "true"));
    let (status, told) = forward(&world, 200, &[set("a", "1"), just("fault")]);
    assert_eq!((status, &told["error"]), (200, &json!("told to fail")));
    assert_eq!(world.value("a"), None);
    assert!(forwarded(&world).is_string());
}

#[test]
fn a_trap_of_a_linked_call_is_its_callers_to_decide() {
    let world = World::new(&manifest("teller", "true"));
    let (status, told) = forward(&world, 200, &[set("a", "1"), just("trap")]);
    // The function's own error is a string, so a trap becomes one.
    assert_eq!((status, told["error"].is_string()), (200, true), "{told}");
    assert_eq!(world.value("a"), None);
    assert!(forwarded(&world).is_string());
}

#[test]
fn a_link_to_what_is_not_atomic_is_a_load_error_unless_it_may_be_outside() {
    super::assert_refused(&manifest("teller", "false"), &["test:teller/scripts", "outside: allow"]);
    let world = World::new(&manifest("{ component: teller, outside: allow }", "false"));
    let (status, _) = forward(&world, 500, &[set("a", "1")]);
    assert_eq!(status, 500);
    assert_eq!(world.value("a").as_deref(), Some("1"), "it was outside of the transaction");
    assert_eq!(forwarded(&world), Value::Null);
}
