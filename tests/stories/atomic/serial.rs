//! Calls are serializable: each reads one moment and its own writes, and is run again if others change what it read.

use std::thread::{self, JoinHandle};

use mecha_tests::{
    client::Response,
    courier::World,
    gate::Gate,
    host::until,
    teller::{Teller, add, answer, attempt, delete, get, increase, just, list, peek, publish, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, world};

on_every_engine! {
    a_call_reads_one_moment_while_others_commit
    a_call_sees_its_own_writes_in_listings_too
    a_call_whose_reads_were_changed_is_run_again_with_the_same_input
    a_call_whose_absent_key_has_come_is_run_again
    a_call_whose_listing_has_changed_is_run_again
    a_call_is_not_run_again_for_what_it_has_not_read
    who_loses_every_time_is_told_to_come_again
    how_often_a_call_is_run_is_said_in_the_manifest
    what_was_peeked_at_may_change
    additions_do_not_conflict
    write_skew_does_not_occur
    phantoms_do_not_occur
    the_version_of_a_write_holds_after_the_commit
    a_run_that_is_thrown_away_takes_its_versions_with_it
}

fn bank(kind: &str, gate: &Gate) -> World {
    world(kind, gate, "", "")
}

fn call(teller: Teller, script: Vec<Value>) -> JoinHandle<Response> {
    thread::spawn(move || teller.call(&script))
}

/// Results of a call that succeeded.
fn results(call: JoinHandle<Response>) -> Vec<Value> {
    let answer = call.join().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_array().unwrap().clone()
}

/// Has a call arrive at the gate, others do something meanwhile, and gives how often it was run in the end, and with
/// what results.
fn meanwhile(
    kind: &str,
    script: impl Fn(&Gate) -> Vec<Value>,
    others: &[Value],
) -> (World, usize, Vec<Value>) {
    let gate = Gate::closed();
    let world = bank(kind, &gate);
    world.plain().done(&[set("a", "1"), set("list/2", "x"), set("list/4", "x")]);
    let caller = call(world.teller(), script(&gate));
    gate.wait_for(1);
    world.plain().done(others);
    gate.open_for_all();
    let results = results(caller);
    (world, gate.arrived(), results)
}

fn a_call_reads_one_moment_while_others_commit(kind: &str) {
    let gate = Gate::closed();
    let world = bank(kind, &gate);
    world.plain().done(&[set("a", "100"), set("b", "100")]);
    let reads = vec![get("a"), gate.pass(), get("b"), list("")];
    let caller = call(world.teller(), reads);
    gate.wait_for(1);
    let transfer = json!({ "do": "move", "from": "a", "to": "b", "amount": 30 });
    world.teller().done(&[transfer]);
    world.plain().done(&[set("c", "new")]);
    gate.open();
    let seen = results(caller);
    assert_eq!((&seen[0], &seen[2]), (&json!("100"), &json!("100")), "the moment of its first read");
    assert_eq!(seen[3], json!([["a", "100"], ["b", "100"]]));
    assert_eq!(gate.arrived(), 1, "who only reads is not disturbed");
}

fn a_call_sees_its_own_writes_in_listings_too(kind: &str) {
    let world = bank(kind, &Gate::closed());
    world.plain().done(&[set("k/1", "old"), set("k/3", "old"), set("k/5", "old")]);
    let exists = |key: &str| json!({ "do": "exists", "key": key });
    let seen = world.teller().done(&[
        set("k/2", "new"),
        set("k/3", "new"),
        delete("k/5"),
        add("k/7", 4),
        get("k/2"),
        get("k/3"),
        get("k/5"),
        get("k/7"),
        exists("k/2"),
        exists("k/5"),
        list("k/"),
        json!({ "do": "list", "prefix": "k/", "limit": 2 }),
        json!({ "do": "increment", "key": "k/7", "by": 1 }),
        delete("k/2"),
        exists("k/2"),
        list("k/"),
    ]);
    assert_eq!(seen[4..8], [json!("new"), json!("new"), Value::Null, json!("4")]);
    assert_eq!(seen[8..10], [json!(true), json!(false)]);
    assert_eq!(seen[10], json!([["k/1", "old"], ["k/2", "new"], ["k/3", "new"], ["k/7", "4"]]));
    assert_eq!(seen[11], json!([["k/1", "old"], ["k/2", "new"]]));
    assert_eq!((&seen[12], &seen[14]), (&json!(5), &json!(false)));
    assert_eq!(seen[15], json!([["k/1", "old"], ["k/3", "new"], ["k/7", "5"]]));
    assert_eq!(world.plain().done(&[list("k/")])[0], seen[15], "and so it was committed");
}

fn a_call_whose_reads_were_changed_is_run_again_with_the_same_input(kind: &str) {
    let (world, runs, results) = meanwhile(
        kind,
        |gate| vec![get("a"), gate.pass(), set("seen", "it"), increase("a")],
        &[set("a", "41")],
    );
    assert_eq!(runs, 2, "the first run was in vain");
    assert_eq!((&results[0], &results[3]), (&json!("41"), &json!(42)), "it is the second that is answered");
    assert_eq!(world.value("a").as_deref(), Some("42"), "none of the two writes is lost");
    let again = world.host.metric("mecha_conflicts_total", &["component=\"teller\""]);
    assert_eq!(again, 1.0);
}

fn a_call_whose_absent_key_has_come_is_run_again(kind: &str) {
    let script = |gate: &Gate| vec![get("absent"), gate.pass(), set("b", "1")];
    let (_, runs, results) = meanwhile(kind, script, &[set("absent", "here")]);
    assert_eq!((runs, &results[0]), (2, &json!("here")));
    let exists = json!({ "do": "exists", "key": "absent" });
    let script = |gate: &Gate| vec![exists.clone(), gate.pass(), set("b", "1")];
    let (_, runs, results) = meanwhile(kind, script, &[set("absent", "here")]);
    assert_eq!((runs, &results[0]), (2, &json!(true)));
}

fn a_call_whose_listing_has_changed_is_run_again(kind: &str) {
    let script = |gate: &Gate| vec![list("list/"), gate.pass(), set("b", "1")];
    for (others, then) in [
        (set("list/1", "x"), json!([["list/1", "x"], ["list/2", "x"], ["list/4", "x"]])),
        (set("list/2", "y"), json!([["list/2", "y"], ["list/4", "x"]])),
        (delete("list/2"), json!([["list/4", "x"]])),
    ] {
        let (_, runs, results) = meanwhile(kind, script, &[others]);
        assert_eq!((runs, &results[0]), (2, &then));
    }
}

fn a_call_is_not_run_again_for_what_it_has_not_read(kind: &str) {
    let page = json!({ "do": "list", "prefix": "list/", "limit": 1 });
    let script = |gate: &Gate| vec![get("a"), page.clone(), gate.pass(), set("b", "1"), set("c", "1")];
    // Another key, one beyond the page, and one that it writes without having read it.
    let (world, runs, _) = meanwhile(kind, script, &[set("other", "x"), set("list/6", "x"), set("b", "2")]);
    assert_eq!(runs, 1);
    assert_eq!(world.value("b").as_deref(), Some("1"), "it was the later");
}

/// Changes `a` each time that the call stands at the gate, until it is answered.
fn disturbed(world: &World, gate: &Gate) -> (Response, usize) {
    let caller = call(world.teller(), vec![get("a"), gate.pass(), set("b", "1")]);
    let mut runs = 0;
    while !caller.is_finished() {
        if gate.arrived() > runs {
            runs += 1;
            world.plain().done(&[set("a", &runs.to_string())]);
            gate.open();
        }
        thread::yield_now();
    }
    (caller.join().unwrap(), gate.arrived())
}

fn who_loses_every_time_is_told_to_come_again(kind: &str) {
    let gate = Gate::closed();
    let world = bank(kind, &gate);
    let (answer, runs) = disturbed(&world, &gate);
    assert_eq!((answer.status, runs), (503, 5), "{}", answer.text());
    let after = answer.header("retry-after").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(after.parse::<u32>().unwrap() >= 1, "{after}");
    assert_eq!(world.value("b"), None);
    world.host.wait_for_log("others changed what it read");
    let log = world.host.log();
    let lines = log.lines().filter(|line| line.contains("others changed what it read")).count();
    assert_eq!(lines, 1, "one line when it gives up: {log}");
    gate.open_for_all();
    world.teller().done(&[get("a"), gate.pass(), set("b", "1")]);
}

fn how_often_a_call_is_run_is_said_in_the_manifest(kind: &str) {
    let gate = Gate::closed();
    let manifest = super::teller(kind, &gate, "", "");
    let world = World::new(&manifest.replace("atomic: true", "atomic: { default: true, runs: 2 }"));
    let (answer, runs) = disturbed(&world, &gate);
    assert_eq!((answer.status, runs), (503, 2), "{}", answer.text());
}

fn what_was_peeked_at_may_change(kind: &str) {
    let (_, runs, results) =
        meanwhile(kind, |gate| vec![peek("a"), gate.pass(), set("b", "1")], &[set("a", "2")]);
    assert_eq!((runs, &results[0]), (1, &json!("1")));
    let world = bank(kind, &Gate::closed());
    let seen = world.teller().done(&[set("a", "mine"), peek("a")]);
    assert_eq!(seen[1], "mine", "its own writes it sees");
}

fn additions_do_not_conflict(kind: &str) {
    let script = |gate: &Gate| vec![add("n", 1), gate.pass(), set("b", "1")];
    let (world, runs, _) = meanwhile(kind, script, &[add("n", 10)]);
    assert_eq!((runs, world.value("n").as_deref()), (1, Some("11")));
    let gate = Gate::closed();
    let world = bank(kind, &gate);
    let callers: Vec<_> =
        (0..8).map(|_| call(world.teller(), vec![add("n", 1), gate.pass(), add("n", 1)])).collect();
    gate.wait_for(8);
    gate.open_for_all();
    callers.into_iter().for_each(|caller| drop(results(caller)));
    assert_eq!((gate.arrived(), world.value("n").as_deref()), (8, Some("16")));
}

fn if_equal(keys: &[(&str, &str)], then: &[Value]) -> Value {
    let keys: serde_json::Map<_, _> =
        keys.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({ "do": "if-equal", "keys": keys, "then": then })
}

/// Two are on duty, and each goes off if the other one stays.
fn write_skew_does_not_occur(kind: &str) {
    let gate = Gate::closed();
    let world = bank(kind, &gate);
    world.plain().done(&[set("ada", "on"), set("bob", "on")]);
    let off = |who: &str| vec![if_equal(&[("ada", "on"), ("bob", "on")], &[gate.pass(), set(who, "off")])];
    let callers = [call(world.teller(), off("ada")), call(world.teller(), off("bob"))];
    gate.wait_for(2);
    gate.open_for_all();
    callers.into_iter().for_each(|caller| drop(results(caller)));
    let mut duty = [world.value("ada").unwrap(), world.value("bob").unwrap()];
    duty.sort();
    assert_eq!(duty, ["off", "on"]);
}

/// Two take the only seat, if nobody has.
fn phantoms_do_not_occur(kind: &str) {
    let gate = Gate::closed();
    let world = bank(kind, &gate);
    let take = |who: &str| {
        let then = [gate.pass(), set(&format!("seats/{who}"), "taken")];
        vec![json!({ "do": "if-count", "prefix": "seats/", "count": 0, "then": then })]
    };
    let callers = [call(world.teller(), take("ada")), call(world.teller(), take("bob"))];
    gate.wait_for(2);
    gate.open_for_all();
    callers.into_iter().for_each(|caller| drop(results(caller)));
    assert_eq!(world.plain().keys("seats/").len(), 1);
}

fn etag(key: &str) -> Value {
    json!({ "do": "etag", "key": key })
}

fn the_version_of_a_write_holds_after_the_commit(kind: &str) {
    let world = bank(kind, &Gate::closed());
    let told = world.teller().done(&[set("a", "1"), etag("a"), set("b", "2")]);
    assert_eq!(told[0], told[1], "inside");
    let found = world.plain().done(&[etag("a"), etag("b")]);
    assert_eq!((&found[0], &found[1]), (&told[0], &told[2]), "and outside");
    let matching = json!({ "do": "set", "key": "a", "value": "3", "if-match": told[0] });
    world.plain().done(&[matching]);
}

fn a_run_that_is_thrown_away_takes_its_versions_with_it(kind: &str) {
    let world = bank(kind, &Gate::closed());
    let told = world.teller().call(&[set("a", "1"), answer(500)]);
    assert_eq!(told.status, 500);
    let etag = told.json()[0].as_str().unwrap().to_owned();
    world.plain().done(&[set("a", "1")]);
    let matching = json!({ "do": "set", "key": "a", "value": "2", "if-match": etag });
    let refused = world.plain().done(&[attempt(matching)]);
    assert_eq!(refused[0]["error"], "Conflict", "{refused:?}");
}

#[test]
fn a_route_can_be_atomic_where_its_component_is_not() {
    let manifest = super::teller("embedded", &Gate::closed(), "", "");
    let manifest = manifest.replace("    atomic: true\n", "");
    let world = World::new(&manifest.replace("http: [/,", "http: [/, { path: /atomic, atomic: true },"));
    for (teller, left) in [(world.teller(), Some("1")), (world.teller().at("/atomic"), None)] {
        world.plain().done(&[delete("a")]);
        assert_eq!(teller.call(&[set("a", "1"), answer(500)]).status, 500);
        assert_eq!(world.value("a").as_deref(), left);
    }
}

#[test]
fn a_component_is_told_whether_its_call_is_atomic() {
    let sections = "
topics: { a: embedded, b: embedded }
subscriptions:
  a: { topic: a, to: teller }
  b: { topic: b, to: teller, atomic: false }";
    let lines = "    publish: [a, b]\n    callers: { outside: all }";
    let manifest = super::teller("embedded", &Gate::closed(), lines, sections);
    let world =
        World::new(&manifest.replace("atomic: true", "atomic: { default: true, methods: { look: false } }"));
    let atomic = |teller: Teller| teller.done(&[just("context")])[0]["atomic"].clone();
    assert_eq!((atomic(world.teller()), atomic(world.plain())), (json!(true), json!(false)));
    let called = |method: &str| {
        let args = ["teller", method, "--data", r#"[{"do": "context"}]"#];
        let told =
            mecha_tests::host::output(mecha_tests::host::mecha(&["call"]).arg(world.app.path()).args(args));
        serde_json::from_str::<Value>(&told.stdout).unwrap_or_else(|_| panic!("{}", told.stderr))[0]["atomic"]
            .clone()
    };
    assert_eq!((called("run"), called("look")), (json!(true), json!(false)));
    // A handler of events has no answer: what it writes before it fails says it.
    for topic in ["a", "b"] {
        let script = [set(&format!("of/{topic}"), "written"), just("reject")];
        world.plain().done(&[publish(topic, &script)]);
    }
    _ = world.wait_for_letters(2);
    until("the plain one is there", || world.plain().keys("of/") == ["of/b"]);
}
