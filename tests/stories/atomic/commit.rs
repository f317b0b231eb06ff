//! All that a call does is one commit: before it nobody sees any of it, after it everybody sees all.

use mecha_tests::{
    client::Response,
    courier::World,
    gate::Gate,
    host::{App, Host, until},
    teller::{add, delete, increase, just, output, publish, schedule, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, teller, world};

on_every_engine! {
    nothing_is_seen_before_the_commit_and_all_of_it_after
    a_call_sees_its_own_jobs
}

/// Does one of everything, and in the middle of it waits at the gate.
fn everything(gate: &Gate) -> Vec<Value> {
    vec![
        set("set", "new"),
        delete("deleted"),
        add("added", 5),
        json!({ "do": "increment", "key": "incremented", "by": 7 }),
        publish("news", &[increase("received")]),
        schedule("scheduled", 86_400_000, &[]),
        json!({ "do": "cancel", "name": "cancelled" }),
        output("out", "create", json!({ "path": "a.txt" }), "content"),
        gate.pass(),
        set("last", "new"),
    ]
}

/// A world that can do everything, and what was there before.
fn whole(gate: &Gate) -> World {
    World::of(app(gate)).prepared()
}

fn app(gate: &Gate) -> App {
    let lines = "    publish: [news]\n    jobs: true\n    outputs: { out: [create] }";
    let sections = "
topics: { news: embedded }
subscriptions: { readers: { topic: news, to: teller, atomic: true } }
outputs: { out: { file: { directory: ./out } } }";
    App::new(&teller("embedded", gate, lines, sections)).with_file("out/.keep", "")
}

trait Prepared {
    fn prepared(self) -> Self;
}

impl Prepared for World {
    fn prepared(self) -> Self {
        self.plain().done(&[set("deleted", "old"), schedule("cancelled", 86_400_000, &[])]);
        self
    }
}

/// What everybody sees: values, jobs, and whether the file is there.
fn seen(world: &World) -> (Vec<Option<String>>, Value, bool) {
    let keys = ["set", "deleted", "added", "incremented", "last", "received"];
    let values = keys.iter().map(|key| world.value(key)).collect();
    let jobs = world.plain().done(&[just("jobs")]).remove(0);
    (values, jobs, world.app.path().join("out/a.txt").exists())
}

fn some(values: [&str; 6]) -> Vec<Option<String>> {
    values.iter().map(|value| (!value.is_empty()).then(|| (*value).to_owned())).collect()
}

fn assert_nothing(world: &World) {
    assert_eq!(seen(world), (some(["", "old", "", "", "", ""]), json!(["cancelled"]), false));
    assert_eq!(world.topic("news")["events"], 0);
}

fn assert_all(world: &World) {
    let all = (some(["new", "", "5", "7", "new", "1"]), json!(["scheduled"]), true);
    until("all is seen", || seen(world) == all);
    world.wait_for_events("news", 0);
    assert_eq!(seen(world), all, "and it stays so");
}

#[test]
fn its_writes_publications_jobs_and_deferred_operations_are_one_commit() {
    let gate = Gate::closed();
    let world = whole(&gate);
    let teller = world.teller();
    let script = everything(&gate);
    let call = std::thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    assert_nothing(&world);
    gate.open();
    assert_eq!(call.join().unwrap().status, 200);
    assert_all(&world);
}

fn nothing_is_seen_before_the_commit_and_all_of_it_after(kind: &str) {
    let gate = Gate::closed();
    let world = world(
        kind,
        &gate,
        "    publish: [news]",
        &format!("topics: {{ news: {{ {kind}: {{}}, keep: 1d }} }}"),
    );
    world.plain().done(&[set("gone", "old")]);
    let teller = world.teller();
    let script = [set("a", "1"), delete("gone"), publish("news", &[]), gate.pass(), set("b", "2")];
    let call = std::thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    assert_eq!(world.plain().keys(""), ["gone"]);
    assert_eq!(world.topic("news")["events"], 0);
    gate.open();
    assert_eq!(call.join().unwrap().status, 200);
    assert_eq!(world.plain().keys(""), ["a", "b"]);
    assert_eq!(world.topic("news")["events"], 1);
}

fn a_call_sees_its_own_jobs(kind: &str) {
    if kind == "memory" {
        // Jobs are kept in the embedded database: a component in memory has none.
        return;
    }
    let world = world(kind, &Gate::closed(), "    jobs: true", "");
    let seen = world.teller().done(&[
        schedule("a", 86_400_000, &[]),
        just("jobs"),
        json!({ "do": "cancel", "name": "a" }),
        just("jobs"),
    ]);
    assert_eq!((&seen[1], &seen[3]), (&json!(["a"]), &json!([])));
}

#[test]
fn killed_before_its_commit_a_call_leaves_nothing_and_killed_after_it_all() {
    let gate = Gate::closed();
    let world = whole(&gate);
    let teller = world.teller();
    let script = everything(&gate);
    let call = std::thread::spawn(move || teller.try_call(&[], &script));
    gate.wait_for(1);
    let world = world.killed();
    assert!(call.join().unwrap().is_err());
    assert_nothing(&world);

    gate.open_for_all();
    let answer: Response = world.teller().call(&everything(&gate));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_all(&world.killed());
}

#[test]
fn a_host_that_crashes_at_any_host_call_of_it_leaves_nothing() {
    let gate = Gate::closed();
    gate.open_for_all();
    for operation in [
        "state.delete=crash@1",
        "state.add=crash@1",
        "state.increment=crash@1",
        "pubsub.publish=crash@1",
        "jobs.schedule=crash@2",
        "jobs.cancel=crash@1",
        "bindings.invoke=crash@1",
        "http.send=crash@1",
    ] {
        let app = app(&gate);
        let host = Host::start(app.path(), &["--fault", operation]);
        let world = World { host, app }.prepared();
        assert!(world.teller().try_call(&[], &everything(&gate)).is_err(), "{operation}");
        drop(world.host);
        assert_nothing(&World::of(world.app));
    }
}
