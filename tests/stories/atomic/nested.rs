//! An atomic component that invokes an atomic component on the same engine makes one transaction of both.

use std::thread;

use mecha_tests::{
    courier::World,
    gate::Gate,
    teller::{answer, attempt, increase, invoke, just, list, log, publish, set},
};
use serde_json::{Value, json};

use super::on_every_engine;

on_every_engine! {
    what_both_did_is_one_commit
    what_both_did_is_undone_if_the_caller_fails
    a_fault_or_trap_of_the_callee_undoes_its_part_only
    what_a_callee_did_is_seen_by_its_caller_and_the_other_way_round
    what_the_callee_read_is_checked_with_the_callers_reads
    a_callee_that_takes_too_long_is_undone_alone
    a_fault_far_down_undoes_all_below_it
}

/// `teller` calls `callee`, and that one `third`; they have a store of their own each, and one in common.
fn chain(kind: &str, gate: &Gate) -> World {
    let gate = gate.host();
    World::new(&format!(
        "
name: bank
components:
  teller:
    source: '{{guests}}/teller.wasm'
    atomic: true
    http: [/, {{ path: /plain, atomic: false }}]
    stores: {{ main: read-write, common: read-write }}
    publish: [news]
    invoke: [callee]
    outbound: [{{ host: '{gate}', outside: safe }}]
  callee:
    source: '{{guests}}/teller.wasm'
    atomic: true
    http: [{{ host: callee, path: /plain, atomic: false }}]
    stores: {{ main: read-write, common: read-write }}
    publish: [news]
    callers: {{ teller: all }}
    invoke: [third]
    outbound: [{{ host: '{gate}', outside: safe }}]
  third:
    source: '{{guests}}/teller.wasm'
    atomic: true
    http: [{{ host: third, path: /plain, atomic: false }}]
    stores: {{ main: read-write }}
    callers: {{ callee: all }}
stores: {{ main: {kind}, common: {{ {kind}: {{}}, shared: true }} }}
topics: {{ news: {{ {kind}: {{}}, keep: 1d }} }}
"
    ))
}

/// The keys of the stores `main`, of the caller, its callee, and the callee's callee.
fn keys(world: &World) -> [Vec<String>; 3] {
    let named = |name| world.plain().named(name).keys("");
    [world.plain().keys(""), named("callee"), named("third")]
}

fn texts(keys: [&[&str]; 3]) -> [Vec<String>; 3] {
    keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect())
}

fn what_both_did_is_one_commit(kind: &str) {
    let gate = Gate::closed();
    let world = chain(kind, &gate);
    let teller = world.teller();
    let inner = [set("b", "1"), publish("news", &[])];
    let script = vec![set("a", "1"), invoke("callee", &inner), publish("news", &[]), gate.pass()];
    let caller = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    assert_eq!(keys(&world), texts([&[], &[], &[]]), "the callee has answered, and nobody sees it");
    assert_eq!(world.topic("news")["events"], 0);
    gate.open();
    assert_eq!(caller.join().unwrap().status, 200);
    assert_eq!(keys(&world), texts([&["a"], &["b"], &[]]));
    assert_eq!(world.topic("news")["events"], 2);
}

fn what_both_did_is_undone_if_the_caller_fails(kind: &str) {
    let world = chain(kind, &Gate::closed());
    let inner = [set("b", "1"), publish("news", &[]), invoke("third", &[set("c", "1")])];
    for end in [answer(500), just("trap")] {
        let told = world.teller().call(&[set("a", "1"), invoke("callee", &inner), end]);
        assert_eq!(told.status, 500);
        assert_eq!(keys(&world), texts([&[], &[], &[]]));
        assert_eq!(world.topic("news")["events"], 0);
    }
}

fn a_fault_or_trap_of_the_callee_undoes_its_part_only(kind: &str) {
    for (end, error) in [("fault", "Fault"), ("trap", "Crashed"), ("exit", "Crashed")] {
        let world = chain(kind, &Gate::closed());
        let inner = [set("b", "1"), set_common("x", "callee"), publish("news", &[]), just(end)];
        let told = world.teller().done(&[
            set("a", "1"),
            set_common("x", "caller"),
            attempt(invoke("callee", &inner)),
            get_common("x"),
            publish("news", &[]),
        ]);
        assert_eq!(told[2]["error"], error, "{told:?}");
        assert_eq!(told[3], "caller", "it is as it was before the call");
        assert_eq!(keys(&world), texts([&["a"], &[], &[]]));
        assert_eq!(world.topic("news")["events"], 1);
        let again = world.teller().call(&[set("d", "1"), invoke("callee", &inner)]);
        assert!(again.status >= 500, "the caller decides: {}", again.text());
        assert_eq!(keys(&world), texts([&["a"], &[], &[]]));
    }
}

fn get_common(key: &str) -> Value {
    json!({ "do": "get", "store": "common", "key": key })
}

fn set_common(key: &str, value: &str) -> Value {
    json!({ "do": "set", "store": "common", "key": key, "value": value })
}

fn what_a_callee_did_is_seen_by_its_caller_and_the_other_way_round(kind: &str) {
    let world = chain(kind, &Gate::closed());
    let inner = [get_common("a"), set_common("b", "callee")];
    let told = world.teller().done(&[
        set_common("a", "caller"),
        invoke("callee", &inner),
        get_common("b"),
        list(""),
    ]);
    assert_eq!((&told[1][0], &told[2]), (&json!("caller"), &json!("callee")));
}

fn what_the_callee_read_is_checked_with_the_callers_reads(kind: &str) {
    let gate = Gate::closed();
    let world = chain(kind, &gate);
    let teller = world.teller();
    let script = vec![set("a", "1"), invoke("callee", &[increase("n"), log("counted")]), gate.pass()];
    let caller = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    world.plain().named("callee").done(&[set("n", "10")]);
    gate.open_for_all();
    let told = caller.join().unwrap();
    assert_eq!((told.status, gate.arrived()), (200, 2), "both ran again: {}", told.text());
    assert_eq!(world.plain().named("callee").value("n").as_deref(), Some("11"));
}

fn a_callee_that_takes_too_long_is_undone_alone(kind: &str) {
    let gate = Gate::closed();
    let world = chain(kind, &gate);
    for last in [just("loop"), gate.pass()] {
        let slow = json!({
            "do": "invoke", "target": "callee", "method": "run", "timeout-ms": 300, "script": [set("b", "1"), last]
        });
        let told = world.teller().done(&[set("a", "1"), attempt(slow)]);
        assert_eq!(told[1]["error"], "Timeout", "{told:?}");
        world.wait_for_rest("callee");
        assert_eq!(keys(&world), texts([&["a"], &[], &[]]));
    }
}

fn a_fault_far_down_undoes_all_below_it(kind: &str) {
    let world = chain(kind, &Gate::closed());
    let told = world.teller().done(&[
        set("a", "1"),
        invoke("callee", &[set("b", "1"), attempt(invoke("third", &[set("c", "1"), just("fault")]))]),
    ]);
    assert_eq!(told[1][1]["error"], "Fault", "{told:?}");
    assert_eq!(keys(&world), texts([&["a"], &["b"], &[]]));
    let told = world.teller().done(&[
        set("d", "1"),
        attempt(invoke("callee", &[set("e", "1"), invoke("third", &[set("f", "1")]), just("fault")])),
    ]);
    assert_eq!(told[1]["error"], "Fault", "{told:?}");
    assert_eq!(keys(&world), texts([&["a", "d"], &["b"], &[]]), "what had succeeded below it, too");
}

#[test]
fn a_callee_that_is_not_atomic_is_a_load_error_unless_it_may_be_outside() {
    let manifest = |invoke: &str, atomic: &str| {
        format!(
            "
name: bank
components:
  teller: {{ source: '{{guests}}/teller.wasm', atomic: true, http: [/, {{ path: /plain, atomic: false }}], stores: {{ main: read-write }}, invoke: {invoke} }}
  callee: {{ source: '{{guests}}/teller.wasm', atomic: {atomic}, http: [{{ path: /plain, host: callee, atomic: false }}], stores: {{ main: read-write }}, callers: {{ teller: all }} }}
stores: {{ main: embedded }}
"
        )
    };
    super::assert_refused(&manifest("[callee]", "false"), &["callee", "outside: allow"]);
    super::assert_refused(
        &manifest("{ callee: [run] }", "{ default: true, methods: { run: false } }"),
        &["run", "outside: allow"],
    );
    super::assert_accepted(&manifest("{ callee: [run] }", "{ default: false, methods: { run: true } }"));
    let world = World::new(&manifest("{ callee: { methods: all, outside: allow } }", "false"));
    let told = world.teller().call(&[set("a", "1"), invoke("callee", &[set("b", "1")]), answer(500)]);
    assert_eq!(told.status, 500);
    assert_eq!(world.value("a"), None);
    assert_eq!(world.plain().named("callee").keys(""), ["b"], "it was outside of the transaction");
}

#[test]
fn killed_after_the_callee_has_answered_neither_has_done_anything() {
    let gate = Gate::closed();
    let world = chain("embedded", &gate);
    let teller = world.teller();
    let script = vec![set("a", "1"), invoke("callee", &[set("b", "1")]), gate.pass()];
    let caller = thread::spawn(move || teller.try_call(&[], &script));
    gate.wait_for(1);
    let world = world.killed();
    assert!(caller.join().unwrap().is_err());
    assert_eq!(keys(&world), texts([&[], &[], &[]]));
}
