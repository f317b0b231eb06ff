//! Batches: all outcomes `ok` commits; otherwise nothing is kept, and the deliveries come again one by one.

use mecha_tests::{
    courier::World,
    gate::Gate,
    teller::{add, before_attempt, increase, just, publish, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, world};

on_every_engine! {
    a_batch_is_one_commit
    a_batch_of_which_one_fails_comes_again_one_by_one
    a_batch_that_traps_comes_again_one_by_one
}

fn batches(kind: &str, gate: &Gate) -> World {
    let sections = format!(
        "
topics: {{ news: {kind} }}
subscriptions:
  readers:
    topic: news
    to: teller
    batch: {{ size: 4, wait: 300ms }}
    concurrency: 1
    retry: {{ attempts: 3, min: 1ms, max: 5ms }}"
    );
    world(kind, gate, "    publish: [news]", &sections)
}

/// Publishes all in one call.
fn publish_all(world: &World, scripts: &[Vec<Value>]) {
    let steps: Vec<_> = scripts
        .iter()
        .enumerate()
        .map(|(n, script)| json!({ "do": "publish", "topic": "news", "id": format!("e{n}"), "data": script }))
        .collect();
    world.teller().done(&steps);
}

fn handled() -> Vec<Value> {
    vec![add("handled", 1), set("seen/$id", "$attempt")]
}

fn a_batch_is_one_commit(kind: &str) {
    let gate = Gate::closed();
    let world = batches(kind, &gate);
    let mut last = handled();
    last.push(gate.pass());
    publish_all(&world, &[handled(), handled(), handled(), last]);
    gate.wait_for(1);
    assert_eq!(world.plain().keys(""), Vec::<String>::new(), "three are handled, and nobody sees it");
    gate.open();
    world.wait_for_value("handled", "4");
    assert_eq!(world.topic("news")["events"], 0);
    assert!(world.host.log().contains("given a batch of 4"), "{}", world.host.log());
    assert_eq!(world.plain().keys("seen/").len(), 4);
}

fn a_batch_of_which_one_fails_comes_again_one_by_one(kind: &str) {
    let world = batches(kind, &Gate::closed());
    let bad = vec![increase("bad"), just("nack")];
    publish_all(&world, &[handled(), bad, handled(), handled()]);
    let letters = world.wait_for_letters(1);
    assert_eq!(letters[0]["event-id"], "e1", "{letters:?}");
    world.wait_for_events("news", 0);
    assert_eq!(world.value("handled").as_deref(), Some("3"), "those that are well, each once");
    assert_eq!(world.value("bad"), None);
    assert_eq!(world.plain().keys("seen/"), ["seen/e0", "seen/e2", "seen/e3"]);
    let log = world.host.log();
    assert_eq!(
        log.matches("given a batch of 4").count(),
        1,
        "the same four do not come together again: {log}"
    );
    assert!(log.matches("given a batch of 1").count() >= 4, "{log}");
}

fn a_batch_that_traps_comes_again_one_by_one(kind: &str) {
    let world = batches(kind, &Gate::closed());
    let mut trapping = handled();
    trapping.insert(0, before_attempt(2, &[just("trap")]));
    publish_all(&world, &[handled(), handled(), handled(), trapping]);
    world.wait_for_value("handled", "4");
    world.wait_for_events("news", 0);
    assert_eq!(world.plain().keys("seen/").len(), 4);
    assert_eq!(world.value("handled").as_deref(), Some("4"));
}

#[test]
fn the_others_of_a_batch_are_not_given_up_with_the_one_that_is_rejected() {
    let world = batches("embedded", &Gate::closed());
    publish_all(&world, &[handled(), vec![just("reject")], handled(), handled()]);
    world.wait_for_value("handled", "3");
    let letters = world.wait_for_letters(1);
    assert_eq!(letters[0]["event-id"], "e1");
    world.plain().done(&[publish("news", &[set("later", "1")])]);
}
