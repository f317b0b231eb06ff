//! Who is given an event: groups, filters, routes, patterns, batches, and when.

use mecha_tests::{courier::World, host::until};
use serde_json::{Value, json};

use super::{courier, ids, news, on_every_topic};

on_every_topic! {
    every_group_is_given_every_event_once
    a_filter_decides_what_a_group_is_given
    the_first_route_that_matches_wins
    events_of_one_key_come_in_order_also_when_they_are_tried_again
    without_order_events_of_one_key_run_beside_each_other
    no_more_deliveries_are_in_flight_than_allowed
    a_batch_holds_as_many_as_are_there_and_no_more_than_allowed
    an_event_comes_no_earlier_than_it_is_due
    an_event_that_nobody_took_in_time_is_gone
    a_pattern_takes_from_every_topic_that_fits
    a_subscription_waits_for_as_long_as_it_is_paused
}

fn every_group_is_given_every_event_once(kind: &str) {
    let world = news(
        kind,
        "
  one: { topic: news, to: courier }
  two: { topic: news, to: courier, group: second }",
    );
    let messages: Vec<_> = (0..40).map(|n| json!({ "id": format!("e{n}") })).collect();
    world.courier().publish_many("news", &messages);
    world.wait_for_events("news", 0);
    for subscription in ["one", "two"] {
        assert_eq!(world.courier().count(subscription), 40);
        assert_eq!(ids(&world.courier().seen(subscription)).len(), 40);
    }
}

fn a_filter_decides_what_a_group_is_given(kind: &str) {
    let world = news(
        kind,
        "
  large: { topic: news, to: courier, filter: 'event.type == \"placed\" && data.total > 100' }
  all: { topic: news, to: courier }",
    );
    let courier = world.courier();
    courier.published("news", &json!({ "id": "small", "type": "placed", "data": { "total": 100 } }));
    courier.published("news", &json!({ "id": "large", "type": "placed", "data": { "total": 101 } }));
    courier.published("news", &json!({ "id": "other", "type": "cancelled", "data": { "total": 101 } }));
    courier.published("news", &json!({ "id": "text", "type": "placed", "text": "no JSON" }));
    courier.published("news", &json!({ "id": "lacks", "type": "placed", "data": {} }));
    world.wait_for_events("news", 0);
    assert_eq!(ids(&courier.seen("large")), ["large"]);
    assert_eq!(courier.count("all"), 5);
}

fn the_first_route_that_matches_wins(kind: &str) {
    let manifest = courier(
        "    publish: [news]
  second: { source: '{guests}/courier.wasm', stores: { seen: read-write }, http: [{ path: /, host: second }] }
  third: { source: '{guests}/courier.wasm', stores: { seen: read-write }, http: [{ path: /, host: third }] }",
        &format!(
            "
topics: {{ news: {kind} }}
subscriptions:
  routed:
    topic: news
    to: courier
    routes:
      - {{ when: 'data.n >= 20', to: third }}
      - {{ when: 'data.n >= 10', to: second }}
  strict:
    topic: news
    routes: [{{ when: 'data.n == 1', to: third }}]"
        ),
    );
    let world = World::new(&manifest);
    for n in [1, 10, 20, 30] {
        world.courier().published("news", &json!({ "id": format!("n{n}"), "data": { "n": n } }));
    }
    world.wait_for_events("news", 0);
    assert_eq!(ids(&world.courier().seen("routed")), ["n1"]);
    assert_eq!(ids(&world.named("second").seen("routed")), ["n10"]);
    assert_eq!(ids(&world.named("third").seen("routed")), ["n20", "n30"]);
    assert_eq!(ids(&world.named("third").seen("strict")), ["n1"], "what matches no route is settled unseen");
}

fn events_of_one_key_come_in_order_also_when_they_are_tried_again(kind: &str) {
    let world = news(
        kind,
        "  all: { topic: news, to: courier, concurrency: 8, retry: { attempts: 5, min: 5ms, max: 20ms } }",
    );
    let message = |key: &str, n: u32| {
        let fails = n.is_multiple_of(3);
        let data = if fails { json!({ "do": { "fail-until": 3 } }) } else { json!({}) };
        json!({ "id": format!("{key}{n}"), "key": key, "data": data })
    };
    let messages: Vec<_> = (0..10).flat_map(|n| ["x", "y", "z"].map(|key| message(key, n))).collect();
    world.courier().publish_many("news", &messages);
    world.wait_for_events("news", 0);
    let seen = world.courier().seen("all");
    for key in ["x", "y", "z"] {
        let mut last = 0;
        for n in 0..10_u32 {
            let attempts = seen[format!("{key}{n}")].as_array().unwrap();
            assert_eq!(attempts.len(), if n.is_multiple_of(3) { 3 } else { 1 }, "{key}{n}");
            let first = attempts[0]["at"].as_u64().unwrap();
            assert!(first >= last, "{key}{n} came before the one before it was settled");
            last = attempts.last().unwrap()["at"].as_u64().unwrap();
        }
    }
}

fn without_order_events_of_one_key_run_beside_each_other(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier, ordered: false, concurrency: 2 }");
    let slow = |id: &str| json!({ "id": id, "key": "k", "data": { "do": { "sleep": 2000 } } });
    world.courier().publish_many("news", &[slow("a"), slow("b")]);
    until("both are in work", || world.topic("news")["groups"][0]["leased"] == 2);
    world.wait_for_events("news", 0);
    assert_eq!(world.courier().count("all"), 2);
}

fn no_more_deliveries_are_in_flight_than_allowed(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier, concurrency: 2 }");
    let messages: Vec<_> =
        (0..6).map(|n| json!({ "id": format!("e{n}"), "data": { "do": { "sleep": 200 } } })).collect();
    world.courier().publish_many("news", &messages);
    let mut most = 0;
    until("all are settled", || {
        let topic = world.topic("news");
        most = most.max(topic["groups"][0]["leased"].as_u64().unwrap_or(0));
        topic["events"] == 0
    });
    assert!(most <= 2, "{most} were in flight");
    let seen = world.courier().seen("all");
    let times = seen.as_object().unwrap().values().map(|list| list[0]["at"].as_u64().unwrap());
    let mut begun: Vec<_> = times.collect();
    // Whichever three begin, the first of them had ended by then: it slept for 200 ms.
    begun.sort_unstable();
    for three in begun.windows(3) {
        assert!(three[2] - three[0] >= 200, "three at once: {begun:?}");
    }
}

fn a_batch_holds_as_many_as_are_there_and_no_more_than_allowed(kind: &str) {
    let world = news(
        kind,
        "  all: { topic: news, to: courier, batch: { size: 5, wait: 20ms }, concurrency: 1, paused: true }",
    );
    let messages: Vec<_> = (0..12).map(|n| json!({ "id": format!("e{n:02}") })).collect();
    world.courier().publish_many("news", &messages);
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("news", 0);
    let batches = world.courier().show("/batches/all");
    let sizes: Vec<_> = batches.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert_eq!(sizes.iter().sum::<u64>(), 12);
    assert!(sizes.iter().all(|size| *size <= 5) && sizes.contains(&5), "{sizes:?}");
    // One fails: only that one comes again.
    let one = [json!({ "id": "bad", "data": { "do": { "fail-until": 2 } } }), json!({ "id": "good" })];
    world.courier().publish_many("news", &one);
    assert_eq!(world.courier().attempts("all", "bad", 2)[1]["attempt"], 2);
    world.wait_for_events("news", 0);
    assert_eq!(world.courier().attempts("all", "good", 1).len(), 1);
}

fn an_event_comes_no_earlier_than_it_is_due(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier }");
    world.courier().published("news", &json!({ "id": "late", "delay-ms": 800 }));
    world.courier().published("news", &json!({ "id": "now" }));
    _ = world.courier().given("all", "now");
    let late = world.courier().given("all", "late");
    let waited = late["at"].as_u64().unwrap() - late["published-ms"].as_u64().unwrap();
    assert!(waited >= 800, "{waited}");
}

fn an_event_that_nobody_took_in_time_is_gone(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier, paused: true }");
    world.courier().published("news", &json!({ "id": "short", "ttl-ms": 1 }));
    world.courier().published("news", &json!({ "id": "long", "ttl-ms": 600_000 }));
    until("the short-lived is past its time", || world.topic("news")["events"] == 1);
    world.ask(&["topics", "resume", "all"]);
    _ = world.courier().given("all", "long");
    world.wait_for_events("news", 0);
    assert_eq!(ids(&world.courier().seen("all")), ["long"]);
    assert!(world.ask(&["dlq", "list"])["letters"].as_array().unwrap().is_empty(), "expired is not failed");
}

fn a_pattern_takes_from_every_topic_that_fits(kind: &str) {
    let world = World::new(&courier(
        "    publish: ['>']",
        &format!(
            "
topics: {{ a.one: {kind}, a.two: {kind}, a.two.deep: {kind}, b: {kind} }}
subscriptions:
  star: {{ topic: 'a.*', to: courier }}
  rest: {{ topic: 'a.>', to: courier }}
  list: {{ topic: [a.one, b], to: courier }}"
        ),
    ));
    for topic in ["a.one", "a.two", "a.two.deep", "b"] {
        world.courier().published(topic, &json!({ "id": topic }));
    }
    for topic in ["a.one", "a.two", "a.two.deep", "b"] {
        world.wait_for_events(topic, 0);
    }
    assert_eq!(ids(&world.courier().seen("star")), ["a.one", "a.two"]);
    assert_eq!(ids(&world.courier().seen("rest")), ["a.one", "a.two", "a.two.deep"]);
    assert_eq!(ids(&world.courier().seen("list")), ["a.one", "b"]);
    assert_eq!(world.courier().given("rest", "a.two.deep")["topic"], "a.two.deep");
}

fn a_subscription_waits_for_as_long_as_it_is_paused(kind: &str) {
    let world = news(
        kind,
        "
  held: { topic: news, to: courier }
  free: { topic: news, to: courier }",
    );
    world.ask(&["topics", "pause", "held"]);
    world.courier().published("news", &json!({ "id": "a" }));
    _ = world.courier().given("free", "a");
    let held = world.topic("news")["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["group"] == "held")
        .unwrap()
        .clone();
    assert_eq!((&held["paused"], &held["ready"]), (&json!(true), &json!(1)), "{held}");
    assert_eq!(world.courier().count("held"), 0);
    world.ask(&["topics", "resume", "held"]);
    _ = world.courier().given("held", "a");
}

#[test]
fn subscriptions_of_one_group_share_what_they_have_to_do() {
    let world = World::new(&courier(
        "    publish: ['>']",
        "
topics: { a: embedded, b: embedded }
subscriptions:
  left: { topic: a, to: courier, group: shared }
  right: { topic: b, to: courier, group: shared }",
    ));
    for topic in ["a", "b"] {
        world.courier().published(topic, &json!({ "id": topic }));
        world.wait_for_events(topic, 0);
        assert_eq!(world.topic(topic)["groups"][0]["group"], "shared");
    }
    assert_eq!(ids(&world.courier().seen("left")), ["a"]);
    assert_eq!(ids(&world.courier().seen("right")), ["b"]);
}

#[test]
fn a_new_group_may_begin_with_what_is_kept() {
    let sections = |more: &str| {
        courier(
            "    publish: [news]",
            &format!(
                "
topics: {{ news: {{ embedded: {{}}, keep: 1h }} }}
subscriptions:
  first: {{ topic: news, to: courier }}
{more}"
            ),
        )
    };
    let world = World::new(&sections(""));
    for id in ["a", "b"] {
        world.courier().published("news", &json!({ "id": id }));
        _ = world.courier().given("first", id);
    }
    let app = world.stopped();
    let guests = mecha_tests::host::target().join("wasm32-wasip2/release");
    let manifest = sections(
        "
  all: { topic: news, to: courier, start: earliest }
  new: { topic: news, to: courier }
  later: { topic: news, to: courier, start: 2100-01-01T00:00:00Z }",
    )
    .replace("{guests}", guests.to_str().unwrap());
    let world = World::of(app.with_file("mecha.yaml", manifest));
    world.courier().wait_for_count("all", 2);
    world.courier().published("news", &json!({ "id": "c" }));
    _ = world.courier().given("new", "c");
    _ = world.courier().given("all", "c");
    assert_eq!(ids(&world.courier().seen("all")), ["a", "b", "c"]);
    assert_eq!(ids(&world.courier().seen("new")), ["c"]);
    _ = world.courier().given("first", "c");
    assert_eq!(world.courier().count("first"), 3, "it is given nothing twice");
}
