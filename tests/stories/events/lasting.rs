//! What was acknowledged outlives the process, whenever it is killed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use mecha_tests::{
    courier::{Courier, World},
    host::{App, Host, until},
};
use serde_json::{Value, json};

use super::{courier, ids, news};

#[test]
fn what_waits_is_delivered_by_the_next_process() {
    let world =
        news("embedded", "  all: { topic: news, to: courier, paused: true, retry: { min: 1ms, max: 1ms } }");
    for id in ["a", "b", "c"] {
        world.courier().published("news", &json!({ "id": id, "key": "k" }));
    }
    let world = world.killed();
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("news", 0);
    let seen = world.courier().seen("all");
    assert_eq!(ids(&seen), ["a", "b", "c"]);
    let at = |id: &str| seen[id][0]["at"].as_u64().unwrap();
    assert!(at("a") <= at("b") && at("b") <= at("c"), "in order: {seen}");
}

#[test]
fn what_an_operator_paused_stays_paused_in_the_next_process() {
    let world = news("embedded", "  all: { topic: news, to: courier }");
    world.ask(&["topics", "pause", "all"]);
    let world = world.restarted();
    world.courier().published("news", &json!({ "id": "a" }));
    assert_eq!(world.topic("news")["groups"][0]["paused"], true);
    assert_eq!(world.topic("news")["groups"][0]["ready"], 1);
    // Also an operator of a host that does not run is heard.
    let app = world.stopped();
    mecha_tests::courier::ask(app.path(), &["topics", "resume", "all"]);
    let world = World::of(app);
    _ = world.courier().given("all", "a");
}

#[test]
fn what_was_in_work_when_the_host_was_killed_comes_again_and_nothing_else() {
    let world = news("embedded", "  all: { topic: news, to: courier, concurrency: 1 }");
    world.courier().published("news", &json!({ "id": "done" }));
    _ = world.courier().given("all", "done");
    until("it is settled", || world.topic("news")["events"] == 0);
    world.courier().published("news", &json!({ "id": "begun", "data": { "do": { "sleep": 3000 } } }));
    _ = world.courier().given("all", "begun");
    let world = world.killed();
    let again = world.courier().attempts("all", "begun", 2);
    assert_eq!(again[1]["attempt"], 2, "the attempt that was cut off counts");
    assert_eq!(world.courier().attempts("all", "done", 1).len(), 1);
}

#[test]
fn what_is_tried_again_is_tried_again_by_the_next_process() {
    let world =
        news("embedded", "  all: { topic: news, to: courier, retry: { attempts: 3, min: 1s, max: 1s } }");
    world.courier().published("news", &json!({ "id": "a", "data": { "do": { "fail-until": 3 } } }));
    _ = world.courier().attempts("all", "a", 1);
    until("it waits", || world.topic("news")["groups"][0]["waiting"] == 1);
    let world = world.killed();
    let attempts = world.courier().attempts("all", "a", 3);
    let numbers: Vec<_> = attempts.iter().map(|given| given["attempt"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_host_that_is_stopped_settles_what_is_in_work_before_it_ends() {
    let world = news("embedded", "  all: { topic: news, to: courier }");
    world.courier().published("news", &json!({ "id": "a", "data": { "do": { "sleep": 700 } } }));
    _ = world.courier().given("all", "a");
    let world = world.restarted();
    world.wait_for_events("news", 0);
    assert_eq!(world.courier().attempts("all", "a", 1).len(), 1);
}

#[test]
fn a_host_that_crashes_at_a_publication_has_kept_those_before_it_and_nothing_of_that_one() {
    let app = App::new(&courier(
        "    publish: [news]",
        "topics: { news: embedded }\nsubscriptions: { all: { topic: news, to: courier, paused: true } }",
    ));
    let host = Host::start(app.path(), &["--fault", "pubsub.publish=crash@3"]);
    let world = World { host, app };
    for id in ["a", "b"] {
        world.courier().published("news", &json!({ "id": id }));
    }
    assert!(world.courier().try_send("POST", "/publish/news", json!({ "id": "c" }).to_string()).is_err());
    let world = World::of(world.app);
    assert_eq!(world.topic("news")["groups"][0]["ready"], 2);
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("news", 0);
    assert_eq!(ids(&world.courier().seen("all")), ["a", "b"]);
}

#[test]
fn events_of_one_key_keep_their_order_across_kills_and_failures() {
    let retry = "retry: { attempts: 9, min: 50ms, max: 200ms }";
    let mut world = news("embedded", &format!("  all: {{ topic: news, to: courier, {retry} }}"));
    let messages: Vec<_> = (0..12)
        .map(|n| {
            let data = if n % 2 == 0 { json!({ "do": { "fail-until": 3 } }) } else { json!({}) };
            json!({ "id": format!("e{n:02}"), "key": "k", "data": data })
        })
        .collect();
    world.courier().publish_many("news", &messages);
    for count in [4, 9] {
        world.courier().wait_for_count("all", count);
        world = world.killed();
    }
    world.wait_for_events("news", 0);
    let seen = world.courier().seen("all");
    let mut last = 0;
    for n in 0..12 {
        let attempts = seen[format!("e{n:02}")].as_array().unwrap();
        let first = attempts[0]["at"].as_u64().unwrap();
        assert!(first >= last, "e{n:02} came before the one before it was settled: {seen}");
        last = attempts.last().unwrap()["at"].as_u64().unwrap();
    }
}

#[test]
fn what_topics_hold_is_told_while_no_host_runs_too() {
    let world = news("embedded", "  all: { topic: news, to: courier, paused: true }");
    for _ in 0..3 {
        world.courier().published("news", &json!({}));
    }
    let told = |topics: &Value| {
        let found =
            topics["topics"].as_array().unwrap().iter().find(|topic| topic["topic"] == "news").unwrap();
        (found["events"].clone(), found["groups"][0]["ready"].clone(), found["groups"][0]["paused"].clone())
    };
    let running = told(&world.ask(&["topics"]));
    assert_eq!(running, (json!(3), json!(3), json!(true)));
    let app = world.stopped();
    assert_eq!(told(&mecha_tests::courier::ask(app.path(), &["topics"])), running);
}

#[test]
fn a_group_that_the_manifest_no_longer_has_keeps_its_events_until_it_is_forgotten() {
    let world = news(
        "embedded",
        "  old: { topic: news, to: courier, paused: true }\n  all: { topic: news, to: courier }",
    );
    world.courier().published("news", &json!({ "id": "a" }));
    _ = world.courier().given("all", "a");
    let file = world.app.path().join("mecha.yaml");
    let manifest = std::fs::read_to_string(&file).unwrap();
    let app = world.stopped();
    std::fs::write(file, manifest.replace("  old: { topic: news, to: courier, paused: true }\n", ""))
        .unwrap();
    let world = World::of(app);
    let topic = world.topic("news");
    let old = topic["groups"].as_array().unwrap().iter().find(|group| group["group"] == "old").unwrap();
    assert_eq!((&topic["events"], &old["ready"], &old["subscription"]), (&json!(1), &json!(1), &Value::Null));
    let refused = mecha_tests::courier::asked(world.app.path(), &["topics", "forget", "news", "all"]);
    assert_ne!(refused.code, Some(0), "the manifest has it: {}", refused.stdout);
    world.ask(&["topics", "forget", "news", "old"]);
    assert_eq!(world.topic("news")["groups"].as_array().unwrap().len(), 1);
    world.wait_for_events("news", 0);
    world.courier().published("news", &json!({ "id": "b" }));
    _ = world.courier().given("all", "b");
}

#[test]
fn what_is_published_to_a_topic_in_memory_is_gone_with_the_process() {
    let world = news("memory", "  all: { topic: news, to: courier, paused: true }");
    world.courier().published("news", &json!({ "id": "a" }));
    let world = world.killed();
    assert_eq!(world.topic("news")["events"], 0);
    world.ask(&["topics", "resume", "all"]);
    world.courier().published("news", &json!({ "id": "b" }));
    _ = world.courier().given("all", "b");
    assert_eq!(ids(&world.courier().seen("all")), ["b"]);
}

/// What publishers were told, and what they asked for.
#[derive(Default)]
struct Ledger {
    next: AtomicU64,
    acknowledged: Mutex<Vec<String>>,
}

#[test]
fn killed_twenty_times_under_load_the_host_loses_no_event_that_it_acknowledged() {
    let mut world = news("embedded", "  all: { topic: news, to: courier, concurrency: 4 }");
    let ledger = Arc::new(Ledger::default());
    for round in 0..20 {
        let stop = Arc::new(AtomicBool::new(false));
        let before = ledger.acknowledged.lock().unwrap().len();
        let publishers: Vec<_> = (0..4)
            .map(|_| {
                let (courier, ledger, stop) = (world.courier(), ledger.clone(), stop.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        publish_one(&courier, &ledger);
                    }
                })
            })
            .collect();
        until("some are acknowledged", || ledger.acknowledged.lock().unwrap().len() >= before + 5 + round);
        world.host.kill();
        stop.store(true, Ordering::Relaxed);
        for publisher in publishers {
            publisher.join().unwrap();
        }
        world = World::of(world.app);
    }
    world.wait_for_events("news", 0);
    let acknowledged = ledger.acknowledged.lock().unwrap();
    let seen = all_seen(&world);
    let lost: Vec<_> = acknowledged.iter().filter(|id| !seen.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), acknowledged.len());
    // Only what was in work at a kill comes twice: four at a time, twenty times, and no event is in work before
    // the process that takes it up again.
    let again: usize = seen.values().map(|attempts| attempts - 1).sum();
    assert!(again <= 4 * 20, "{again} came again");
}

fn publish_one(courier: &Courier, ledger: &Ledger) {
    let id = format!("e{}", ledger.next.fetch_add(1, Ordering::Relaxed));
    let answer = courier.try_send("POST", "/publish/news", json!({ "id": id }).to_string());
    if answer.is_ok_and(|answer| answer.status == 200 && answer.text().contains(&id)) {
        ledger.acknowledged.lock().unwrap().push(id);
    }
}

/// How often each event was given to the handler. The lists are shown a thousand at a time.
fn all_seen(world: &World) -> HashMap<String, usize> {
    let mut all = HashMap::new();
    for prefix in 1..=9 {
        let seen: Value = world.courier().show(&format!("/seen/all?prefix=e{prefix}"));
        let lists = seen.as_object().unwrap();
        assert!(lists.len() < 1000, "more than one page");
        all.extend(lists.iter().map(|(id, list)| (format!("e{prefix}{id}"), list.as_array().unwrap().len())));
    }
    let first = world.courier().show("/seen/all?prefix=e0");
    all.extend(
        first
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, list)| (format!("e0{id}"), list.as_array().unwrap().len())),
    );
    all
}

#[test]
fn a_hundred_thousand_delayed_events_survive_a_kill_and_hold_no_memory() {
    let world = news("embedded", "  all: { topic: news, to: courier }");
    let idle = world.host.memory_kib();
    let messages = vec![json!({ "text": "x", "delay-ms": 86_400_000 }); 1000];
    for _ in 0..100 {
        let outcomes = world.courier().publish_many("news", &messages);
        assert!(outcomes.iter().all(|outcome| outcome["id"].is_string()));
    }
    assert_eq!(world.topic("news")["events"], 100_000);
    let full = world.host.memory_kib();
    let world = world.killed();
    let opened = world.host.memory_kib();
    let topic = world.topic("news");
    assert_eq!((&topic["events"], &topic["groups"][0]["waiting"]), (&json!(100_000), &json!(100_000)));
    // The database's cache grows to its bound, and nothing else: 100,000 timers or events would be far more.
    assert!(opened < idle + (64 << 10), "{idle} KiB idle, {opened} in the next process");
    assert!(full < idle + (128 << 10), "{idle} KiB idle, {full} after all was published");
    world.courier().published("news", &json!({ "id": "now" }));
    _ = world.courier().given("all", "now");
}
