//! What outlives a process, and what a component is told when its store fails.

use mecha_tests::host::{App, Host, guest};
use serde_json::json;

use super::{KEEPERS, World, ask, case};

#[test]
fn what_an_embedded_store_keeps_survives_a_restart_as_it_was() {
    let world = World::with_store("embedded");
    world.ask(&json!([
        { "op": "set", "key": "text", "value": "x", "content_type": "text/plain" },
        { "op": "set", "key": "bytes", "value_hex": "00ff" },
        { "op": "set", "key": "later", "value": "x", "ttl_ms": 3_600_000 },
        { "op": "increment", "key": "n", "delta": 41 },
        { "op": "set", "key": "gone", "value": "x" },
        { "op": "delete", "key": "gone" },
    ]));
    let before = world.ask(&json!({ "op": "scan" }));
    let world = world.restarted();
    assert_eq!(world.ask(&json!({ "op": "scan" })), before);
    assert_eq!(world.ask(&json!({ "op": "increment", "key": "n" })), json!({ "value": 42 }));
    let old = before["entries"][3]["item"]["etag"].as_str().unwrap();
    assert_eq!(before["entries"][3]["key"], "text");
    let guarded = json!({ "op": "set", "key": "text", "value": "y", "etag": old });
    assert_eq!(case(&world.ask(&guarded)), "ok", "an etag holds across a restart");
}

#[test]
fn what_a_memory_store_keeps_is_lost_at_a_restart() {
    let world = World::with_store("memory");
    world.ask(&json!({ "op": "set", "key": "a", "value": "x" }));
    assert_eq!(world.ask(&json!({ "op": "exists", "key": "a" })), json!({ "exists": true }));
    assert!(!world.app.path().join(".mecha").exists(), "what keeps nothing makes no data directory");
    let world = world.restarted();
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
}

#[test]
fn what_expired_while_the_host_was_down_is_gone_when_it_is_up() {
    let world = World::with_store("embedded");
    world.ask(&json!({ "op": "set", "key": "a", "value": "5", "ttl_ms": 50 }));
    let world = world.restarted();
    let get = json!({ "op": "get", "key": "a" });
    mecha_tests::host::until("it has expired", || world.ask(&get)["item"].is_null());
    assert_eq!(world.ask(&json!({ "op": "increment", "key": "a" })), json!({ "value": 1 }));
}

#[test]
fn a_component_by_itself_has_private_stores_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Keeper 2.wasm");
    std::fs::copy(guest("keeper"), &path).unwrap();
    let host = Host::start(&path, &[]);
    for store in ["main", "other"] {
        let set = json!({ "op": "set", "store": store, "key": "a", "value": store });
        assert_eq!(case(&ask(&host, "keeper", &set)), "ok");
    }
    for store in ["", "a/b", "../x", "main@keeper", "Main"] {
        let answer = ask(&host, "keeper", &json!({ "op": "name", "store": store }));
        assert_eq!(case(&answer), "no-such-store", "{store}: {answer}");
    }
    assert_eq!(host.stop().code(), Some(0));
    assert!(folder.path().join(".mecha").is_dir(), "beside the component");
    let host = Host::start(&path, &[]);
    for store in ["main", "other"] {
        let found = ask(&host, "keeper", &json!({ "op": "get", "store": store, "key": "a" }));
        assert_eq!(found["item"]["value"], store);
    }
}

#[test]
fn a_store_that_fails_is_told_to_the_component_and_counted() {
    let faults = [
        ("state.get=unavailable", "get", "unavailable"),
        ("state.get=busy", "get", "busy"),
        ("state.get=timeout", "get", "timeout"),
    ];
    for (fault, operation, expected) in faults {
        let app = App::new(&KEEPERS.replace("KIND", "embedded"));
        let world = World { host: Host::start(app.path(), &["--fault", fault]), app };
        world.ask(&json!({ "op": "set", "key": "a", "value": "x" }));
        let answer = world.ask(&json!({ "op": "get", "key": "a" }));
        assert_eq!(case(&answer), expected, "{answer}");
        assert_eq!(world.operations(operation, expected), 1.0);
        assert_eq!(world.ask(&json!({ "op": "peek", "key": "a" }))["item"]["value"], "x", "others go on");
    }
}

#[test]
fn a_failure_may_come_at_the_nth_time_only() {
    let app = App::new(&KEEPERS.replace("KIND", "memory"));
    let host = Host::start(app.path(), &["--fault", "state.set=unavailable@2"]);
    let cases: Vec<_> = (1..=3)
        .map(|n| {
            let set = json!({ "op": "set", "key": format!("k{n}"), "value": "x" });
            case(&ask(&host, "keeper", &set)).to_owned()
        })
        .collect();
    assert_eq!(cases, ["ok", "unavailable", "ok"]);
    assert_eq!(ask(&host, "keeper", &json!({ "op": "scan-keys" }))["keys"], json!(["k1", "k3"]));
}

#[test]
fn what_is_stored_is_measured_by_store() {
    let world = World::with_store("embedded");
    world.ask(&json!({ "op": "set", "key": "a", "value": "x", "value_repeat": 1 << 20 }));
    let stored = |component: &str| {
        let account = format!("account=\"keeper/state/main@{component}\"");
        world.host.metric("mecha_stored_bytes", &["tenant=\"default\"", &account])
    };
    assert!(stored("keeper") >= f64::from(1 << 20), "{}", stored("keeper"));
    assert!(stored("keeper") < f64::from((1 << 20) + 1000));
    assert_eq!(stored("neighbour"), 0.0);
    world.ask(&json!({ "op": "delete", "key": "a" }));
    assert_eq!(stored("keeper"), 0.0);
}
