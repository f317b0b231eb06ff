//! What a component publishes, and what it is told when that is refused.

use std::collections::HashSet;

use mecha_tests::courier::World;
use serde_json::{Value, json};

use super::{courier, news, on_every_topic, topic};

on_every_topic! {
    what_is_published_is_given_to_the_handler
    the_host_fills_in_what_a_message_lacks
    each_of_many_messages_has_an_outcome_of_its_own
    an_attribute_that_is_malformed_is_refused_by_its_name
    an_event_that_is_too_large_is_refused_with_the_limit
    a_repeated_publication_is_recognized_by_source_and_id
    a_topic_that_is_full_refuses_if_it_is_told_to
    a_topic_that_is_full_makes_its_publishers_wait_if_it_is_told_to
    a_topic_that_is_full_lets_its_oldest_events_go_if_it_is_told_to
}

const ALL: &str = "  all: { topic: news, to: courier }";

fn what_is_published_is_given_to_the_handler(kind: &str) {
    let world = news(kind, ALL);
    let message = json!({
        "id": "a-1", "type": "com.example.placed", "source": "/shop", "subject": "order 1",
        "schema": "https://example.com/order", "key": "customer 7", "extensions": { "rank": "3" },
        "data": { "total": 12 },
    });
    assert_eq!(world.courier().published("news", &message), "a-1");
    let given = world.courier().given("all", "a-1");
    for (name, value) in [
        ("attempt", json!(1)),
        ("topic", json!("news")),
        ("key", json!("customer 7")),
        ("type", json!("com.example.placed")),
        ("source", json!("/shop")),
        ("subject", json!("order 1")),
        ("schema", json!("https://example.com/order")),
        ("content-type", json!("application/json")),
        ("data", json!({ "total": 12 })),
        ("dead-letter", Value::Null),
    ] {
        assert_eq!(given[name], value, "{name} of {given}");
    }
    assert_eq!(given["extensions"]["rank"], "3");
    world.wait_for_events("news", 0);
}

fn the_host_fills_in_what_a_message_lacks(kind: &str) {
    let world = news(kind, ALL);
    let ids: HashSet<_> =
        (0..3).map(|n| world.courier().published("news", &json!({ "text": n.to_string() }))).collect();
    assert_eq!(ids.len(), 3, "each has an id of its own");
    for id in &ids {
        let given = world.courier().given("all", id);
        assert_eq!(id.len(), 36, "a UUID: {id}");
        assert_eq!(given["source"], "/post/courier");
        assert!(given["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{given}");
        assert!(given["published-ms"].as_u64().is_some_and(|ms| ms > 1_600_000_000_000), "{given}");
        assert_eq!(given["key"], Value::Null);
    }
    let bytes = world.courier().published("news", &json!({ "size": 70_000 }));
    let given = world.courier().given("all", &bytes);
    assert_eq!(
        (&given["size"], &given["content-type"]),
        (&json!(70_000), &json!("application/octet-stream"))
    );
}

fn each_of_many_messages_has_an_outcome_of_its_own(kind: &str) {
    let world = topic(kind, "max-event: 1KiB", "", ALL);
    let outcomes = world.courier().publish_many(
        "news",
        &[
            json!({ "id": "a" }),
            json!({ "id": "b", "size": 2000 }),
            json!({ "id": "c", "type": "" }),
            json!({ "id": "d" }),
        ],
    );
    assert_eq!(outcomes[0]["id"], "a");
    assert_eq!(outcomes[1]["error"], "too-large");
    assert_eq!(outcomes[2]["error"], "invalid-argument");
    assert_eq!(outcomes[3]["id"], "d");
    world.wait_for_events("news", 0);
    assert_eq!(super::ids(&world.courier().seen("all")), ["a", "d"]);
    assert_eq!(world.courier().publish_many("news", &[]), Vec::<Value>::new());
    let many = vec![json!({ "text": "x" }); 1001];
    let refused = world.courier().send("POST", "/publish-many/news", Value::from(many).to_string());
    assert_eq!(refused.status, 400, "{}", refused.text());
}

fn an_attribute_that_is_malformed_is_refused_by_its_name(kind: &str) {
    let world = news(kind, ALL);
    let cases = [
        ("id", json!({ "id": "" })),
        ("id", json!({ "id": "a\u{7}" })),
        ("source", json!({ "source": "" })),
        ("source", json!({ "source": "not a uri" })),
        ("type", json!({ "type": "" })),
        ("subject", json!({ "subject": "" })),
        ("dataschema", json!({ "schema": "relative/only" })),
        ("datacontenttype", json!({ "content-type": "no media type" })),
        ("Upper", json!({ "extensions": { "Upper": "x" } })),
        ("with_line", json!({ "extensions": { "with_line": "x" } })),
        ("data", json!({ "extensions": { "data": "x" } })),
        ("specversion", json!({ "extensions": { "specversion": "1.0" } })),
        ("key", json!({ "key": "" })),
        ("key", json!({ "key": "k".repeat(2000) })),
        ("ttl-ms", json!({ "ttl-ms": u64::MAX })),
        ("delay-ms", json!({ "delay-ms": u64::MAX })),
    ];
    for (name, message) in cases {
        let refused = world.courier().publish("news", &message);
        assert_eq!(refused.status, 400, "{message:.80}: {}", refused.text());
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(name), "{message:.80}: {detail} does not name {name}");
    }
    world.wait_for_events("news", 0);
    assert_eq!(world.courier().count("all"), 0);
}

fn an_event_that_is_too_large_is_refused_with_the_limit(kind: &str) {
    let world = topic(kind, "max-event: 2KiB", "", ALL);
    let refused = world.courier().publish("news", &json!({ "size": 2048 }));
    assert_eq!((refused.status, &refused.json()["detail"]), (413, &json!(2048)));
    let taken = world.courier().published("news", &json!({ "size": 1000 }));
    assert_eq!(world.courier().given("all", &taken)["size"], 1000);
}

fn a_repeated_publication_is_recognized_by_source_and_id(kind: &str) {
    let world = topic(kind, "", "deduplicate: 10m", ALL);
    let message = json!({ "id": "once", "key": "k" });
    for _ in 0..3 {
        assert_eq!(world.courier().published("news", &message), "once", "told as the first time");
    }
    let outcomes = world
        .courier()
        .publish_many("news", &[message.clone(), json!({ "id": "twice" }), json!({ "id": "twice" })]);
    assert!(outcomes.iter().all(|outcome| outcome["id"].is_string()), "{outcomes:?}");
    world.courier().published("news", &json!({ "id": "once", "source": "/elsewhere" }));
    world.wait_for_events("news", 0);
    let seen = world.courier().seen("all");
    assert_eq!(seen["once"].as_array().unwrap().len(), 2, "one of each source: {seen}");
    assert_eq!(seen["twice"].as_array().unwrap().len(), 1);
}

fn a_topic_that_is_full_refuses_if_it_is_told_to(kind: &str) {
    let world = topic(kind, "max-size: 64KiB", "", "  all: { topic: news, to: courier, paused: true }");
    let statuses: Vec<_> =
        (0..10).map(|_| world.courier().publish("news", &json!({ "size": 10_000 })).status).collect();
    assert_eq!(statuses[0], 200);
    assert_eq!(statuses[9], 507);
    let taken = statuses.iter().filter(|status| **status == 200).count() as u64;
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("news", 0);
    assert_eq!(world.courier().count("all"), taken);
    assert_eq!(
        world.courier().publish("news", &json!({ "size": 10_000 })).status,
        200,
        "there is room again"
    );
}

fn a_topic_that_is_full_makes_its_publishers_wait_if_it_is_told_to(kind: &str) {
    let world =
        topic(kind, "max-size: 64KiB, full: wait", "", "  all: { topic: news, to: courier, paused: true }");
    let courier = world.courier();
    let publisher = std::thread::spawn(move || {
        (0..10).map(|_| courier.publish("news", &json!({ "size": 10_000 })).status).collect::<Vec<_>>()
    });
    mecha_tests::host::until("the topic is full", || world.topic("news")["events"].as_u64() >= Some(5));
    assert!(!publisher.is_finished());
    world.ask(&["topics", "resume", "all"]);
    assert_eq!(publisher.join().unwrap(), vec![200; 10]);
    world.courier().wait_for_count("all", 10);
}

fn a_topic_that_is_full_lets_its_oldest_events_go_if_it_is_told_to(kind: &str) {
    let limits = "max-size: 64KiB, full: drop-oldest";
    let world = topic(kind, limits, "", "  all: { topic: news, to: courier, paused: true }");
    for n in 0..20 {
        world.courier().published("news", &json!({ "id": format!("e{n:02}"), "size": 10_000, "key": "k" }));
    }
    let held = world.topic("news")["events"].as_u64().unwrap();
    assert!((1..=6).contains(&held), "{held} of 10,000 bytes in 64 KiB");
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("news", 0);
    let seen = super::ids(&world.courier().seen("all"));
    let newest: Vec<_> = (20 - held..20).map(|n| format!("e{n:02}")).collect();
    assert_eq!(seen, newest);
}

#[test]
fn a_component_publishes_only_where_and_what_it_was_granted() {
    let world = World::new(&courier(
        "    publish: [{ topic: 'a.*', types: [com.example.*, exact] }]",
        "
topics: { a.one: memory, b: memory }
subscriptions: { all: { topic: '>', to: courier } }",
    ));
    let status =
        |topic: &str, kind: &str| world.courier().publish(topic, &json!({ "type": kind, "id": kind })).status;
    assert_eq!(status("a.one", "com.example.x"), 200);
    assert_eq!(status("a.one", "exact"), 200);
    assert_eq!(status("a.one", "exactly"), 403);
    assert_eq!(status("a.one", "com.examplex"), 403);
    assert_eq!(status("b", "exact"), 404, "a topic that it was not granted is none");
    assert_eq!(status("c", "exact"), 404);
    world.courier().wait_for_count("all", 2);
    assert_eq!(super::ids(&world.courier().seen("all")), ["com.example.x", "exact"]);
}

#[test]
fn the_trace_of_a_request_goes_on_in_what_it_publishes() {
    let world = news("memory", ALL);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let answer = world.host.client().send(
        "POST",
        "/publish/news",
        &[("traceparent", &parent)],
        json!({ "id": "a", "extensions": { "traceparent": "00-ffffffffffffffffffffffffffffffff-00f067aa0ba902b7-01" } })
            .to_string(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let given = world.courier().given("all", "a");
    let found = given["extensions"]["traceparent"].as_str().unwrap();
    assert!(found.starts_with(&format!("00-{trace}-")), "the host says which trace it is: {found}");
}
