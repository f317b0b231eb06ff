//! Operations that are deferred: carried out after the commit, never without it, at least once, with a key.

use std::{collections::BTreeSet, thread};

use mecha_tests::{
    courier::World,
    gate::Gate,
    host::{App, until},
    receiver::{Received, Receiver},
    teller::{answer, attempt, get, invoke, just, output, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, teller};

on_every_engine! {
    a_deferred_operation_is_carried_out_after_the_commit
    a_deferred_operation_of_a_call_that_fails_is_never_carried_out
    what_the_output_would_refuse_for_its_form_is_refused_in_the_call
    operations_of_one_call_are_carried_out_in_their_order
    an_operation_that_fails_is_repeated_with_the_same_key
    an_operation_that_is_given_up_is_a_dead_letter
    each_run_of_a_call_defers_anew_and_only_the_last_counts
}

fn upstream(kind: &str, gate: &Gate, receiver: &Receiver) -> World {
    let url = receiver.url("/v1");
    World::new(&teller(
        kind,
        gate,
        "    outputs: { out: [get, post, put, delete] }",
        &format!(
            "outputs: {{ out: {{ http: {{ url: '{url}', private: true, retry: {{ attempts: 1 }} }} }} }}"
        ),
    ))
}

fn put(path: &str) -> Value {
    output("out", "put", json!({ "path": path }), "content")
}

fn targets(received: &[Received]) -> Vec<&str> {
    received.iter().map(|request| request.target.rsplit('/').next().unwrap()).collect()
}

fn key(request: &Received) -> String {
    request.header("idempotency-key").unwrap_or_else(|| panic!("{request:?}")).to_owned()
}

/// Waits until so many requests came, and none after them.
fn all_of(receiver: &Receiver, world: &World, count: usize) -> Vec<Received> {
    _ = receiver.wait_for(count);
    // What comes next is the last: operations of later calls are not carried out before all that waits is begun.
    world.teller().done(&[put("last")]);
    let received = receiver.wait_for(count + 1);
    assert_eq!(received.len(), count + 1, "{:?}", targets(&received));
    assert_eq!(targets(&received).last(), Some(&"last"));
    received[..count].to_vec()
}

fn a_deferred_operation_is_carried_out_after_the_commit(kind: &str) {
    let (gate, receiver) = (Gate::closed(), Receiver::answering(&[]));
    let world = upstream(kind, &gate, &receiver);
    let teller = world.teller();
    let script = vec![put("a"), set("a", "1"), gate.pass()];
    let caller = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    assert_eq!(receiver.received().len(), 0);
    gate.open();
    let told = caller.join().unwrap();
    assert_eq!(
        told.json()[0],
        json!({ "deferred": true, "data": null }),
        "an empty answer, marked as deferred"
    );
    let received = receiver.wait_for(1);
    assert_eq!((&*received[0].method, &*received[0].text()), ("PUT", "content"));
    assert!(!key(&received[0]).is_empty());
}

fn a_deferred_operation_of_a_call_that_fails_is_never_carried_out(kind: &str) {
    let (gate, receiver) = (Gate::closed(), Receiver::answering(&[]));
    let world = upstream(kind, &gate, &receiver);
    for end in [answer(500), just("trap")] {
        assert_eq!(world.teller().call(&[put("never"), end]).status, 500);
    }
    assert_eq!(all_of(&receiver, &world, 0).len(), 0);
}

fn what_the_output_would_refuse_for_its_form_is_refused_in_the_call(kind: &str) {
    let world = upstream(kind, &Gate::closed(), &Receiver::answering(&[]));
    let unknown = output("out", "put", json!({ "path": "a", "mode": "fast" }), "");
    let upwards = output("out", "put", json!({ "path": "../v2" }), "");
    let ungranted = output("out", "patch", json!({ "path": "a" }), "");
    let told = world.teller().done(&[attempt(unknown), attempt(upwards), attempt(ungranted)]);
    let errors: Vec<_> = told.iter().map(|told| told["error"].as_str().unwrap()).collect();
    assert_eq!(errors, ["InvalidArgument", "InvalidArgument", "AccessDenied"], "{told:?}");
}

fn operations_of_one_call_are_carried_out_in_their_order(kind: &str) {
    let receiver = Receiver::answering(&["503 Busy", "503 Busy"]);
    let world = upstream(kind, &Gate::closed(), &receiver);
    world.teller().done(&[put("1"), put("2"), put("3"), put("4")]);
    let received = receiver.wait_for(6);
    assert_eq!(targets(&received), ["1", "1", "1", "2", "3", "4"], "also if the first has to be repeated");
    let keys: BTreeSet<_> = received.iter().map(key).collect();
    assert_eq!(keys.len(), 4, "a key for each: {keys:?}");
}

fn an_operation_that_fails_is_repeated_with_the_same_key(kind: &str) {
    let receiver = Receiver::answering(&["503 Busy", "429 Busy", "200 OK"]);
    let world = upstream(kind, &Gate::closed(), &receiver);
    let told = world.teller().done(&[put("a"), just("context")]);
    let received = receiver.wait_for(3);
    let keys: BTreeSet<_> = received.iter().map(key).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let call = told[1]["id"].as_str().unwrap();
    assert!(keys.iter().all(|key| key.contains(call)), "made of the commit's id: {keys:?}, {call}");
}

fn an_operation_that_is_given_up_is_a_dead_letter(kind: &str) {
    let receiver = Receiver::answering(&["403 No"]);
    let world = upstream(kind, &Gate::closed(), &receiver);
    world.teller().done(&[put("a"), put("b")]);
    assert_eq!(targets(&receiver.wait_for(2)), ["a", "b"], "the others go on");
    let letters = world.wait_for_letters(1);
    assert!(letters[0].to_string().contains("403"), "{letters:?}");
    world.host.wait_for_log("given up");
    world.ask(&["dlq", "replay", letters[0]["id"].as_str().unwrap()]);
    let received = receiver.wait_for(3);
    assert_eq!(targets(&received), ["a", "b", "a"], "an operator can have it carried out again");
    assert_eq!(key(&received[2]), key(&received[0]));
}

fn each_run_of_a_call_defers_anew_and_only_the_last_counts(kind: &str) {
    let (gate, receiver) = (Gate::closed(), Receiver::answering(&[]));
    let world = upstream(kind, &gate, &receiver);
    let teller = world.teller();
    let script = vec![get("a"), put("a"), gate.pass(), set("b", "1")];
    let caller = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    world.plain().done(&[set("a", "changed")]);
    gate.open_for_all();
    assert_eq!((caller.join().unwrap().status, gate.arrived()), (200, 2));
    assert_eq!(all_of(&receiver, &world, 1).len(), 1);
}

#[test]
fn a_plain_call_defers_nothing() {
    let receiver = Receiver::answering(&[]);
    let world = upstream("embedded", &Gate::closed(), &receiver);
    let told = world.plain().done(&[put("a")]);
    assert_eq!(told[0], json!({ "deferred": false, "data": "received" }));
}

#[test]
fn a_file_is_created_and_deleted_after_the_commit() {
    let gate = Gate::closed();
    let manifest = teller(
        "embedded",
        &gate,
        "    outputs: { out: all }",
        "outputs: { out: { file: { directory: ./out } } }",
    );
    let world = World::of(App::new(&manifest).with_file("out/old.txt", "old"));
    let teller = world.teller();
    let create = output("out", "create", json!({ "path": "new.txt" }), "new");
    let script = vec![create, output("out", "delete", json!({ "path": "old.txt" }), ""), gate.pass()];
    let caller = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    let (old, new) = (world.app.path().join("out/old.txt"), world.app.path().join("out/new.txt"));
    assert!(old.exists() && !new.exists());
    gate.open();
    assert_eq!(caller.join().unwrap().status, 200);
    until("both are carried out", || !old.exists() && new.exists());
    assert_eq!(std::fs::read_to_string(new).unwrap(), "new");
}

#[test]
fn what_a_nested_call_deferred_is_undone_with_it() {
    let receiver = Receiver::answering(&[]);
    let url = receiver.url("/v1");
    let manifest = teller(
        "embedded",
        &Gate::closed(),
        "    outputs: { out: [put] }\n    invoke: [callee]",
        &format!("outputs: {{ out: {{ http: {{ url: '{url}', private: true }} }} }}"),
    );
    let callee = "components:\n  callee: { source: '{guests}/teller.wasm', atomic: true, callers: { teller: all }, \
        stores: { main: read-write }, outputs: { out: [put] } }";
    let world = World::new(&manifest.replacen("components:", callee, 1));
    world.teller().done(&[put("1"), attempt(invoke("callee", &[put("never"), just("fault")])), put("2")]);
    world.teller().done(&[put("3"), invoke("callee", &[put("4")]), put("5")]);
    let received = receiver.wait_for(5);
    let order = targets(&received);
    let of = |name: &str| order.iter().position(|target| *target == name).unwrap();
    assert!(of("1") < of("2") && of("3") < of("5"), "those of one call keep their order: {order:?}");
    assert!(order.len() == 5 && order.contains(&"4"), "{order:?}");
}

#[test]
fn what_was_deferred_is_carried_out_by_the_next_process_with_the_same_key() {
    let receiver = Receiver::answering(&["503 Busy"; 3]);
    let world = upstream("embedded", &Gate::closed(), &receiver);
    world.teller().done(&[put("a"), put("b")]);
    _ = receiver.wait_for(1);
    let world = world.killed();
    until("both are carried out", || {
        let received = receiver.received();
        targets(&received).contains(&"b")
    });
    let received = receiver.received();
    let first: BTreeSet<_> =
        received.iter().filter(|request| request.target.ends_with("/a")).map(key).collect();
    assert_eq!(first.len(), 1, "{received:?}");
    assert!(received.len() >= 5, "three times in vain, and then both: {:?}", targets(&received));
    drop(world);
}
