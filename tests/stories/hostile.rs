//! Each of these once took more than it was granted, or kept what was not its own. Found in review.

use std::io::{Read as _, Write as _};

use mecha_tests::{
    courier::World,
    host::{App, until},
};
use serde_json::json;

const PROBE: &str = "
name: probe
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
    directories: [{ host: ./data, guest: /data }]
    limits: { wall-time: 1s, concurrency: 2 }
";

/// Folders were opened by their path at each call: a guest that could rename and link in one granted folder made
/// another, inside of it, lead to the whole machine.
#[test]
fn a_granted_folder_stays_the_one_that_was_opened_at_load() {
    let app = App::new(PROBE).with_file("data/mine", "mine").with_file("elsewhere/secret", "secret");
    let host = app.serve();
    assert_eq!(host.get("/files/mine").text(), "mine");
    std::fs::rename(app.path().join("data"), app.path().join("moved")).unwrap();
    std::os::unix::fs::symlink("elsewhere", app.path().join("data")).unwrap();
    assert!(!host.get("/files/secret").text().contains("secret"));
    assert_eq!(host.get("/files/mine").text(), "mine");
}

/// A guest ran only while its connection was asked for more of the body: with a client that did not read it kept
/// its permit for ever.
#[test]
fn a_client_that_does_not_read_cannot_keep_a_call_from_its_deadline() {
    let app = App::new(PROBE).with_file("data/x", "");
    let host = app.serve();
    let mut stubborn: Vec<_> = (0..2).map(|_| host.client().connect().unwrap()).collect();
    for connection in &mut stubborn {
        connection.write_all(b"GET /body?bytes=1000000000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    }
    until("both ended at their deadline", || {
        host.metric("mecha_calls_total", &["outcome=\"deadline\""]) == 2.0
    });
    assert_eq!(host.get("/time").status, 200);
}

/// All that a bulk read found was held at once: a thousand times the largest value.
#[test]
fn a_bulk_read_gives_no_more_than_it_may_hold() {
    let app = App::new(
        "
name: keeper
components:
  keeper: { source: '{guests}/keeper.wasm', http: [/], stores: { main: read-write } }
stores: { main: embedded }
",
    );
    let host = app.serve();
    let call = |call: serde_json::Value| host.post("/call", call.to_string()).json();
    let large = serde_json::json!({
        "store": "main", "op": "set", "key": "k", "value": "x", "value_repeat": 3 << 20
    });
    assert!(call(large)["etag"].is_string());
    let keys = vec!["k"; 10];
    let found = call(serde_json::json!({ "store": "main", "op": "get-many", "keys": keys }));
    let results = found["results"].as_array().unwrap_or_else(|| panic!("{:.300}", found.to_string()));
    let given = results.iter().filter(|result| result["error"].is_null()).count();
    assert_eq!(given, 2, "6 MiB, and no more");
    assert_eq!(results[9]["error"]["case"], "too-large");
}

/// The time for the head of a request began only once the protocol was known, which a silent client never tells.
#[test]
fn a_connection_on_which_nothing_is_said_is_closed() {
    let app = App::new(PROBE).with_file("data/x", "");
    let host = app.serve();
    let mut silent = host.client().connect().unwrap();
    let mut half = host.client().connect().unwrap();
    half.write_all(b"PRI * HT").unwrap();
    for connection in [&mut silent, &mut half] {
        let mut answer = vec![];
        // The client's own patience is a minute; the host's is shorter.
        assert_eq!(connection.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{error}")), 0);
    }
}

/// A courier that misbehaves, and a neighbour that is served meanwhile.
const COURIERS: &str = "
name: hostile
components:
  courier:
    source: '{guests}/courier.wasm'
    http: [/]
    stores: { seen: read-write }
    publish: [news]
    invoke: [friend]
    limits: { concurrency: 4, wall-time: 2s }
  friend:
    source: '{guests}/courier.wasm'
    callers: { courier: all }
    limits: { wall-time: 2s, concurrency: 4 }
  neighbour:
    source: '{guests}/courier.wasm'
    http: [{ path: /, host: neighbour }]
    stores: { seen: read-write }
    publish: [other]
stores: { seen: embedded }
topics:
  news: { embedded: { max-size: 1MiB } }
  other: embedded
subscriptions:
  all: { topic: news, to: courier, retry: { attempts: 2, min: 1ms, max: 1ms } }
  theirs: { topic: other, to: neighbour }
";

/// The neighbour answers, and an event of its own reaches it.
fn neighbour_is_served(world: &World) {
    let neighbour = world.named("neighbour");
    let id = neighbour.published("other", &json!({ "text": "hello" }));
    assert_eq!(neighbour.given("theirs", &id)["data"], "hello");
}

#[test]
fn a_component_that_publishes_to_itself_for_ever_hurts_nobody_else() {
    let world = World::new(COURIERS);
    world.courier().published("news", &json!({ "data": { "do": { "publish": "news" } } }));
    world.courier().wait_for_count("all", 20);
    for _ in 0..5 {
        neighbour_is_served(&world);
    }
    let counted = world.courier().count("all");
    world.courier().wait_for_count("all", counted + 5);
    let delivered = world.host.metric("mecha_settlements_total", &["name=\"all\"", "outcome=\"done\""]);
    assert!(delivered > 20.0, "an operator sees whose it is: {delivered}");
}

#[test]
fn a_topic_that_is_flooded_fills_up_and_no_other() {
    let world = World::new(COURIERS);
    world.ask(&["topics", "pause", "all"]);
    let flood: Vec<_> = (0..1000).map(|_| json!({ "size": 2000 })).collect();
    let outcomes = world.courier().publish_many("news", &flood);
    let refused = outcomes.iter().filter(|outcome| outcome["error"] == "quota-exceeded").count();
    assert!(refused >= 400, "2 MB do not fit into 1 MiB: {refused} of 1000 were refused");
    until("it is full", || world.courier().publish("news", &json!({ "size": 50_000 })).status == 507);
    neighbour_is_served(&world);
}

#[test]
fn handlers_that_never_end_use_up_only_their_own_permits() {
    let world = World::new(COURIERS);
    let loops: Vec<_> = (0..8).map(|_| json!({ "data": { "do": "loop" } })).collect();
    world.courier().publish_many("news", &loops);
    until("they are at it", || world.host.metric("mecha_calls_in_flight", &["component=\"courier\""]) >= 2.0);
    neighbour_is_served(&world);
    _ = world.wait_for_letters(8);
    neighbour_is_served(&world);
    world.host.wait_for_log("event is given up");
    let log = world.host.log();
    let line = log.lines().find(|line| line.contains("call failed")).unwrap();
    assert!(line.contains("component=courier"), "the log says who it was: {line}");
}

#[test]
fn an_event_with_enormous_attributes_is_refused() {
    let world = World::new(COURIERS);
    for message in [
        json!({ "subject": "s".repeat(10 << 20) }),
        json!({ "id": "i".repeat(10 << 20) }),
        json!({ "extensions": { "big": "x".repeat(10 << 20) } }),
        json!({ "key": "k".repeat(10 << 20) }),
    ] {
        let answer = world.courier().try_send("POST", "/publish/news", message.to_string());
        let status = answer.map(|answer| answer.status).unwrap_or_default();
        assert!(matches!(status, 400 | 413), "{status}");
    }
    let many: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("e{n}"), json!("x"))).collect();
    let answer = world.courier().publish("news", &json!({ "extensions": many }));
    assert_eq!(answer.status, 400, "{}", answer.text());
    neighbour_is_served(&world);
}

#[test]
fn a_component_that_calls_itself_through_another_is_stopped() {
    let manifest = COURIERS
        .replace("callers: { courier: all }", "callers: { courier: all }\n    invoke: [courier]")
        .replace("invoke: [friend]", "invoke: [friend]\n    callers: { friend: all }");
    let world = World::new(&manifest);
    let call =
        json!({ "target": "courier", "method": "call", "data": { "target": "friend", "method": "echo" } });
    for _ in 0..10 {
        assert_eq!(world.courier().called("friend", "call", &call)["error"], "depth-exceeded");
    }
    neighbour_is_served(&world);
    assert_eq!(world.host.metric("mecha_calls_in_flight", &["component=\"friend\""]), 0.0);
}
