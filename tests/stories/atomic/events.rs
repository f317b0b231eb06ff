//! Events: what a handler does, and that the event is settled, are one commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use mecha_tests::{
    courier::World,
    gate::Gate,
    host::until,
    teller::{add, before_attempt, get, increase, just, publish, schedule, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, world};

on_every_engine! {
    what_a_handler_does_comes_with_the_settlement
    a_nack_leaves_nothing_but_a_retry
    what_fails_too_often_is_a_dead_letter_and_nothing_else
    what_is_rejected_is_a_dead_letter_and_nothing_else
    a_handler_whose_reads_were_changed_is_run_again_under_the_same_attempt
    a_handler_that_loses_every_time_gets_its_event_again
    events_of_one_key_keep_their_order
    an_event_of_a_call_that_failed_may_be_published_again
    a_handler_that_runs_out_of_time_leaves_nothing_but_a_retry
    a_full_topic_refuses_the_commit
    a_full_topic_that_waits_lets_the_commit_wait
    a_full_topic_that_drops_its_oldest_makes_room_for_the_commit
}

/// What subscribers are given, they carry out; what they publish to `out`, others carry out.
fn news(kind: &str, gate: &Gate, keys: &str) -> World {
    let sections = format!(
        "
topics: {{ news: {kind}, out: {kind} }}
subscriptions:
  readers: {{ topic: news, to: teller, retry: {{ attempts: 3, min: 1ms, max: 5ms }} {keys} }}
  others: {{ topic: out, to: teller, retry: {{ attempts: 3, min: 1ms, max: 5ms }} }}"
    );
    world(
        kind,
        gate,
        "    publish: [news, out]\n    jobs: JOBS".replace("JOBS", jobs(kind)).as_str(),
        &sections,
    )
}

/// Jobs are kept in the embedded database, so that a component in memory has none.
fn jobs(kind: &str) -> &'static str {
    if kind == "embedded" { "true" } else { "false" }
}

fn letters(world: &World) -> Vec<Value> {
    world.ask(&["dlq", "list"])["letters"].as_array().unwrap().clone()
}

fn what_a_handler_does_comes_with_the_settlement(kind: &str) {
    let gate = Gate::closed();
    let world = news(kind, &gate, "");
    let script = [increase("handled"), add("added", 1), publish("out", &[increase("out")]), gate.pass()];
    world.plain().done(&[publish("news", &script)]);
    gate.wait_for(1);
    assert_eq!(world.plain().keys(""), Vec::<String>::new());
    assert_eq!(
        (world.topic("news")["events"].clone(), world.topic("out")["events"].clone()),
        (json!(1), json!(0))
    );
    gate.open();
    world.wait_for_value("handled", "1");
    assert_eq!(world.topic("news")["events"], 0, "as soon as the effect is seen");
    world.wait_for_value("out", "1");
    assert_eq!(world.value("added").as_deref(), Some("1"));
}

fn a_nack_leaves_nothing_but_a_retry(kind: &str) {
    for end in ["nack", "trap", "exit"] {
        let world = news(kind, &Gate::closed(), "");
        let fails = before_attempt(
            3,
            &[set("from", "a run that failed"), publish("out", &[increase("out")]), just(end)],
        );
        let script =
            [increase("handled"), fails, set("attempt", "$attempt"), publish("out", &[increase("out")])];
        world.plain().done(&[publish("news", &script)]);
        world.wait_for_value("attempt", "3");
        world.wait_for_value("out", "1");
        world.wait_for_events("out", 0);
        assert_eq!(world.plain().keys(""), ["attempt", "handled", "out"], "{end}");
        assert_eq!(world.value("handled").as_deref(), Some("1"));
    }
}

fn what_fails_too_often_is_a_dead_letter_and_nothing_else(kind: &str) {
    let world = news(kind, &Gate::closed(), "");
    world.plain().done(&[publish("news", &[increase("a"), publish("out", &[increase("b")]), just("nack")])]);
    let letters = world.wait_for_letters(1);
    assert_eq!(letters[0]["attempts"], 3);
    assert_eq!(world.plain().keys(""), Vec::<String>::new());
    assert_eq!(world.topic("out")["events"], 0);
}

fn what_is_rejected_is_a_dead_letter_and_nothing_else(kind: &str) {
    let world = news(kind, &Gate::closed(), "");
    world.plain().done(&[publish("news", &[increase("a"), just("reject")])]);
    let letters = world.wait_for_letters(1);
    assert_eq!(letters[0]["attempts"], 1);
    assert_eq!(world.plain().keys(""), Vec::<String>::new());
}

fn a_handler_whose_reads_were_changed_is_run_again_under_the_same_attempt(kind: &str) {
    let gate = Gate::closed();
    let world = news(kind, &gate, "");
    world
        .plain()
        .done(&[publish("news", &[get("a"), gate.pass(), increase("a"), set("attempt", "$attempt")])]);
    gate.wait_for(1);
    world.plain().done(&[set("a", "41")]);
    gate.open_for_all();
    world.wait_for_value("attempt", "1");
    assert_eq!((gate.arrived(), world.value("a").as_deref()), (2, Some("42")));
    assert_eq!(world.topic("news")["events"], 0);
}

fn a_handler_that_loses_every_time_gets_its_event_again(kind: &str) {
    let gate = Gate::closed();
    let world = news(kind, &gate, "");
    let script = [get("a"), before_attempt(2, &[gate.pass()]), set("attempt", "$attempt")];
    world.plain().done(&[publish("news", &script)]);
    for run in 1..=5 {
        gate.wait_for(run);
        world.plain().done(&[set("a", &run.to_string())]);
        gate.open();
    }
    world.wait_for_value("attempt", "2");
    assert_eq!((gate.arrived(), letters(&world)), (5, vec![]));
}

/// What recognizes repetitions has not seen it either.
fn an_event_of_a_call_that_failed_may_be_published_again(kind: &str) {
    let world = news(kind, &Gate::closed(), "");
    let event = json!({ "do": "publish", "topic": "news", "id": "e", "data": [add("handled", 1)] });
    assert_eq!(world.teller().call(&[event.clone(), just("trap")]).status, 500);
    world.teller().done(&[event.clone()]);
    world.wait_for_value("handled", "1");
    world.teller().done(&[event]);
    world.wait_for_events("news", 0);
    assert_eq!(world.value("handled").as_deref(), Some("1"), "but a repetition it recognizes");
}

fn a_handler_that_runs_out_of_time_leaves_nothing_but_a_retry(kind: &str) {
    let sections = format!(
        "topics: {{ news: {kind} }}\nsubscriptions: {{ all: {{ topic: news, to: teller, retry: {{ min: 1ms, max: 5ms }} }} }}"
    );
    let lines = "    publish: [news]\n    limits: { wall-time: 1s }";
    let world = world(kind, &Gate::closed(), lines, &sections);
    let script = [add("handled", 1), before_attempt(2, &[just("loop")]), set("attempt", "$attempt")];
    world.plain().done(&[publish("news", &script)]);
    world.wait_for_value("attempt", "2");
    assert_eq!(world.value("handled").as_deref(), Some("1"));
}

/// A topic for one large event, and who reads it is paused.
fn small(kind: &str, full: &str) -> (World, Vec<Value>) {
    let sections = format!(
        "topics: {{ small: {{ {kind}: {{ max-size: 6KiB, full: {full} }} }} }}\n\
         subscriptions: {{ all: {{ topic: small, to: teller, paused: true }} }}"
    );
    let world = world(kind, &Gate::closed(), "    publish: [small]", &sections);
    let filler = json!({ "do": "log", "text": "x".repeat(4000) });
    let script = vec![add("published", 1), publish("small", &[filler, add("handled", 1)])];
    world.teller().done(&script);
    (world, script)
}

fn a_full_topic_refuses_the_commit(kind: &str) {
    let (world, script) = small(kind, "refuse");
    let told = world.teller().call(&script);
    assert_eq!(told.status, 507, "{}", told.text());
    assert_eq!(
        (world.value("published").as_deref(), &world.topic("small")["events"]),
        (Some("1"), &json!(1))
    );
}

fn a_full_topic_that_waits_lets_the_commit_wait(kind: &str) {
    let (world, script) = small(kind, "wait");
    let teller = world.teller();
    let caller = thread::spawn(move || teller.call(&script));
    until("it has begun", || world.in_flight("teller") == 1.0);
    world.ask(&["topics", "resume", "all"]);
    assert_eq!(caller.join().unwrap().status, 200);
    world.wait_for_value("handled", "2");
    assert_eq!(world.value("published").as_deref(), Some("2"));
}

fn a_full_topic_that_drops_its_oldest_makes_room_for_the_commit(kind: &str) {
    let (world, script) = small(kind, "drop-oldest");
    world.teller().done(&script);
    assert_eq!(
        (world.value("published").as_deref(), &world.topic("small")["events"]),
        (Some("2"), &json!(1))
    );
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("small", 0);
    assert_eq!(world.value("handled").as_deref(), Some("1"));
}

fn events_of_one_key_keep_their_order(kind: &str) {
    let world = news(kind, &Gate::closed(), "");
    let publications: Vec<_> = (0..10)
        .map(|n| {
            let fails = before_attempt(if n % 3 == 0 { 3 } else { 1 }, &[just("nack")]);
            let then = json!({ "do": "if-count", "prefix": "seen/", "count": n, "then": [set(&format!("seen/{n}"), "x")] });
            json!({ "do": "publish", "topic": "news", "key": "k", "data": [fails, then] })
        })
        .collect();
    world.teller().done(&publications);
    world.wait_for_events("news", 0);
    assert_eq!(world.plain().keys("seen/").len(), 10, "each came when all before it were there");
}

#[test]
fn a_plain_subscription_keeps_what_a_failed_attempt_did() {
    let gate = Gate::closed();
    let world = news("embedded", &gate, ", atomic: false");
    world
        .plain()
        .done(&[publish("news", &[increase("a"), before_attempt(3, &[just("nack")]), set("done", "1")])]);
    world.wait_for_value("done", "1");
    assert_eq!(world.value("a").as_deref(), Some("3"));
}

#[test]
fn killed_in_the_middle_a_handler_has_done_nothing_and_gets_its_event_again() {
    let gate = Gate::closed();
    let world = news("embedded", &gate, "");
    let script = [
        increase("handled"),
        publish("out", &[increase("out")]),
        schedule("job", 1, &[increase("job")]),
        gate.pass(),
        set("attempt", "$attempt"),
    ];
    world.plain().done(&[publish("news", &script)]);
    gate.wait_for(1);
    let world = world.killed();
    assert_eq!(world.value("handled"), None);
    gate.open_for_all();
    world.wait_for_value("attempt", "2");
    for key in ["out", "job"] {
        world.wait_for_value(key, "1");
    }
    assert_eq!(world.value("handled").as_deref(), Some("1"));
}

/// Each event is published with a count, in one call; handled with a count and a further event, in one; and that one is
/// counted. Nothing of it is repeated by hand, and nothing is recognized by hand.
#[test]
fn killed_again_and_again_every_event_is_handled_exactly_once() {
    let mut world = news("embedded", &Gate::closed(), ", concurrency: 4");
    let acknowledged = Arc::new(std::sync::atomic::AtomicU64::new(0));
    for round in 1..=8 {
        let stop = Arc::new(AtomicBool::new(false));
        let publishers: Vec<_> = (0..3)
            .map(|_| {
                let (teller, acknowledged, stop) = (world.teller(), acknowledged.clone(), stop.clone());
                thread::spawn(move || {
                    let handler = [add("handled", 1), set("seen/$id", "x"), publish("out", &[add("out", 1)])];
                    while !stop.load(Ordering::Relaxed) {
                        let script = [add("published", 1), publish("news", &handler)];
                        if teller.try_call(&[], &script).is_ok_and(|answer| answer.status == 200) {
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        until("some are acknowledged", || acknowledged.load(Ordering::Relaxed) >= round * 20);
        world.host.kill();
        stop.store(true, Ordering::Relaxed);
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        world = World::of(world.app);
    }
    world.wait_for_events("news", 0);
    world.wait_for_events("out", 0);
    let published: u64 = world.value("published").unwrap().parse().unwrap();
    assert!(published >= acknowledged.load(Ordering::Relaxed), "what was acknowledged is there");
    assert_eq!(world.value("handled"), Some(published.to_string()));
    assert_eq!(world.value("out"), Some(published.to_string()));
    assert_eq!(world.plain().keys("seen/").len() as u64, published);
    assert_eq!(letters(&world), Vec::<Value>::new());
}
