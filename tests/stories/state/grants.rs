//! Who may do what with which keys, and how much of it.

use mecha_tests::host::{App, Host};
use serde_json::{Value, json};

use super::{World, ask, case};

/// One store that all share, and components that may do different things with it.
const SHARED: &str = "
name: shared
components:
  keeper:
    source: '{guests}/keeper.wasm'
    http: [/]
    stores: { main: GRANT }
  neighbour:
    source: '{guests}/keeper.wasm'
    http: [{ path: /, host: neighbour }]
    stores: { main: read-write }
stores:
  main: { embedded: {}, shared: true }
";

fn with_grant(grant: &str) -> World {
    let world = World::new(&SHARED.replace("GRANT", grant));
    world.ask_neighbour(&json!([
        { "op": "set", "key": "a", "value": "1" },
        { "op": "set", "key": "mine/a", "value": "1" },
    ]));
    world
}

/// Every call that reads and every one that writes, on a key.
fn reads(key: &str) -> Vec<Value> {
    let one = |op: &str| json!({ "op": op, "key": key });
    let mut all: Vec<_> = ["get", "peek", "exists"].into_iter().map(one).collect();
    all.extend(["scan", "scan-keys"].map(|op| json!({ "op": op, "prefix": key })));
    all
}

fn writes(key: &str) -> Vec<Value> {
    vec![
        json!({ "op": "set", "key": key, "value": "2" }),
        json!({ "op": "delete", "key": key }),
        json!({ "op": "add", "key": key }),
    ]
}

/// The outcome of each key of bulk requests and of steps that read or write.
fn many(world: &World, key: &str) -> [String; 6] {
    let bulk = |call: Value| case(&world.ask(&call)["results"][0]).to_owned();
    let step = |step: Value| {
        let answer = world.ask(&json!({ "op": "execute", "steps": [
            { "step": "set", "key": "mine/first", "value": "1" },
            step,
        ]}));
        let index = answer["error"]["step"].as_u64().unwrap_or_default();
        format!("{} {index}", case(&answer))
    };
    [
        bulk(json!({ "op": "get-many", "keys": [key] })),
        bulk(json!({ "op": "set-many", "requests": [{ "key": key, "value": "2" }] })),
        bulk(json!({ "op": "delete-many", "requests": [{ "key": key }] })),
        step(json!({ "step": "set", "key": key, "value": "2" })),
        step(json!({ "step": "delete", "key": key })),
        step(json!({ "step": "check", "key": key, "when": "absent" })),
    ]
}

#[test]
fn who_may_only_read_does_not_write() {
    let world = with_grant("read");
    for call in reads("a") {
        assert_eq!(case(&world.ask(&call)), "ok", "{call}");
    }
    for call in writes("a").into_iter().chain([json!({ "op": "increment", "key": "a" })]) {
        let answer = world.ask(&call);
        assert_eq!(case(&answer), "access-denied", "{call}: {answer}");
        assert!(answer["error"]["detail"].as_str().unwrap().contains("`main`"), "{answer}");
    }
    let outcomes = many(&world, "a");
    assert_eq!(outcomes[0], "ok");
    // The first step is a write too.
    assert_eq!(
        outcomes[1..],
        ["access-denied", "access-denied", "access-denied 0", "access-denied 0", "access-denied 0"]
    );
    let check = json!({ "op": "execute", "steps": [{ "step": "check", "key": "a", "when": "present" }] });
    assert_eq!(case(&world.ask(&check)), "ok");
    assert_eq!(world.operations("set", "denied"), 2.0);
    assert_eq!(world.operations("increment", "denied"), 1.0);
    assert_eq!(world.ask_neighbour(&json!({ "op": "get", "key": "a" }))["item"]["value"], "1");
    assert_eq!(case(&world.ask_neighbour(&json!({ "op": "set", "key": "a", "value": "2" }))), "ok");
}

#[test]
fn who_may_only_write_does_not_read() {
    let world = with_grant("write");
    for call in reads("a").into_iter().chain([json!({ "op": "increment", "key": "a" })]) {
        let answer = world.ask(&call);
        assert_eq!(case(&answer), "access-denied", "{call}: {answer}");
    }
    assert_eq!(world.operations("get", "denied"), 1.0);
    assert_eq!(world.operations("scan", "denied"), 1.0);
    assert_eq!(world.ask_neighbour(&json!({ "op": "get", "key": "a" }))["item"]["value"], "1");
    for call in writes("a") {
        assert_eq!(case(&world.ask(&call)), "ok", "{call}");
    }
    assert_eq!(many(&world, "a"), ["access-denied", "ok", "ok", "ok 0", "ok 0", "access-denied 1"]);
    world.ask(&json!({ "op": "set", "key": "a", "value": "written" }));
    assert_eq!(world.ask_neighbour(&json!({ "op": "get", "key": "a" }))["item"]["value"], "written");
}

/// A conflict tells whether a value is there, and its version: a precondition is a question.
#[test]
fn who_may_only_write_cannot_ask_by_way_of_preconditions() {
    let world = with_grant("write");
    let there = ask(&world.host, "neighbour", &json!({ "op": "get", "key": "a" }))["item"]["etag"].clone();
    for call in [
        json!({ "op": "set", "key": "a", "value": "x", "when": "absent" }),
        json!({ "op": "delete", "key": "a", "etag": "0" }),
        json!({ "op": "execute", "steps": [{ "step": "set", "key": "a", "value": "x", "when": "absent" }] }),
    ] {
        let answer = world.ask(&call);
        assert_ne!(answer["error"]["detail"], there, "{call} told the version: {answer}");
    }
}

#[test]
fn a_prefix_is_all_that_its_owner_sees() {
    let world = with_grant("{ access: read-write, prefix: mine/ }");
    for call in reads("mine/a").into_iter().chain(reads("mine/")).chain(writes("mine/a")) {
        let is_key = call["key"] == "mine/";
        assert!(is_key || case(&world.ask(&call)) == "ok", "{call}");
    }
    let incremented = world.ask(&json!({ "op": "increment", "key": "mine/a", "delta": 5 }));
    assert_eq!(incremented["value"].as_i64().map(|value| value >= 5), Some(true), "{incremented}");
    for key in ["a", "mine", "Mine/a", "/mine/a", "../mine/a", "m"] {
        for call in
            reads(key).into_iter().chain(writes(key)).chain([json!({ "op": "increment", "key": key })])
        {
            let answer = world.ask(&call);
            assert_eq!(case(&answer), "access-denied", "{call}: {answer}");
        }
    }
    for op in ["scan", "scan-keys"] {
        let everything = json!({ "op": op });
        assert_eq!(case(&world.ask(&everything)), "access-denied");
        // A range cannot lead out of the prefix, nor can a cursor.
        let around = json!({ "op": op, "prefix": "mine/", "start": "", "end": "z", "cursor": "after:a" });
        let page = world.ask(&around);
        let shown = page.to_string();
        assert!(case(&page) == "ok" && shown.contains("mine/a") && !shown.contains("\"a\""), "{page}");
    }
    assert_eq!(
        many(&world, "a"),
        [
            "access-denied",
            "access-denied",
            "access-denied",
            "access-denied 1",
            "access-denied 1",
            "access-denied 1"
        ]
    );
    let first = world.ask_neighbour(&json!({ "op": "exists", "key": "mine/first" }));
    assert_eq!(first, json!({ "exists": false }), "nothing of a transaction that was denied is applied");
    assert_eq!(world.ask_neighbour(&json!({ "op": "get", "key": "a" }))["item"]["value"], "1");
    assert!(world.operations("get", "denied") >= 6.0);
}

#[test]
fn a_store_that_was_not_granted_is_not_there() {
    let world = World::new(
        "
name: stores
components:
  keeper:
    source: '{guests}/keeper.wasm'
    http: [/]
    stores: { main: read-write }
  neighbour:
    source: '{guests}/keeper.wasm'
    http: [{ path: /, host: neighbour }]
    stores: { theirs: read-write }
stores: { main: embedded, theirs: { embedded: {}, shared: true } }
",
    );
    let names =
        ["theirs", "nowhere", "", "MAIN", "main/", "../main", "main@neighbour", "stores/state/main", "\0"];
    for name in names {
        let answer = world.ask(&json!({ "op": "name", "store": name }));
        assert_eq!(answer["error"], json!({ "case": "no-such-store", "detail": name }));
    }
    assert_eq!(world.operations("open", "not-found"), names.len() as f64);
    assert_eq!(case(&world.ask(&json!({ "op": "name" }))), "ok");
    assert_eq!(case(&world.ask_neighbour(&json!({ "op": "name", "store": "theirs" }))), "ok");
}

#[test]
fn without_a_grant_there_is_no_store() {
    let app = App::new("name: none\ncomponents:\n  keeper: { source: '{guests}/keeper.wasm', http: [/] }\n");
    let host = app.serve();
    let answer = ask(&host, "keeper", &json!({ "op": "name" }));
    assert_eq!(case(&answer), "no-such-store");
    assert!(!app.path().join(".mecha").exists(), "what keeps nothing makes no data directory");
    assert!(host.log().contains("granted no store"), "{}", host.log());
}

#[test]
fn a_private_store_is_its_components_own_and_a_shared_one_is_everybodys() {
    for kind in ["embedded", "memory"] {
        for shared in [false, true] {
            let world =
                World::new(&SHARED.replace("GRANT", "read-write").replace(
                    "{ embedded: {}, shared: true }",
                    &format!("{{ {kind}: {{}}, shared: {shared} }}"),
                ));
            world.ask(&json!([
                { "op": "set", "key": "a", "value": "keeper's" },
                { "op": "add", "key": "n", "delta": 2 },
            ]));
            let seen = world.ask_neighbour(&json!([
                { "op": "get", "key": "a" },
                { "op": "scan-keys" },
                { "op": "increment", "key": "n" },
                { "op": "set", "key": "a", "value": "neighbour's" },
            ]));
            let back = world.ask(&json!({ "op": "get", "key": "a" }))["item"]["value"].clone();
            if shared {
                assert_eq!(seen[0]["item"]["value"], "keeper's");
                assert_eq!(seen[1]["keys"], json!(["a", "n"]));
                assert_eq!(seen[2], json!({ "value": 3 }));
                assert_eq!(back, "neighbour's");
            } else {
                assert_eq!(seen[0], json!({ "item": null }));
                assert_eq!(seen[1]["keys"], json!([]));
                assert_eq!(seen[2], json!({ "value": 1 }));
                assert_eq!(back, "keeper's");
            }
        }
    }
}

#[test]
fn two_apps_in_one_data_directory_never_meet_whatever_their_keys_are() {
    let manifest = |name: &str, shared: bool| {
        let manifest =
            SHARED.replace("GRANT", "read-write").replace("name: shared", &format!("name: {name}"));
        manifest.replace("shared: true", &format!("shared: {shared}"))
    };
    // One app's name begins with another's, and the stores have one name.
    let apps = [("shop", false), ("shop-b", false), ("s", true), ("shop-b-shared", true)];
    let hostile = [
        "k",
        "/",
        "//",
        "..",
        "../",
        "../../",
        "../shop/state/main@keeper/k",
        "shop/state/main@keeper/k",
        "shop-b/state/main/k",
        "-b/state/main@keeper/k",
        "@keeper/k",
        "main@keeper/",
        "\0",
        "\0\0",
        "\u{ff}",
        "\u{10ffff}",
        "~",
        "%2f",
        "*",
    ];
    let data = tempfile::tempdir().unwrap();
    let run = |name: &str, shared: bool, calls: &Value| {
        let app = App::new(&manifest(name, shared));
        let host = Host::start(app.path(), &["--data", data.path().to_str().unwrap()]);
        let answers = ask(&host, "keeper", calls);
        assert_eq!(host.stop().code(), Some(0));
        answers
    };
    let scans = [
        json!({ "op": "scan-keys", "limit": 1000 }),
        json!({ "op": "scan-keys", "limit": 1000, "reverse": true }),
        json!({ "op": "scan-keys", "limit": 1000, "start": "", "end": "\u{10ffff}\u{10ffff}" }),
    ];
    for (name, shared) in apps {
        let before = run(name, shared, &scans.to_vec().into());
        for answer in before.as_array().unwrap() {
            assert_eq!(answer["keys"], json!([]), "{name} sees what others wrote");
        }
        let sets: Vec<_> =
            hostile.iter().map(|key| json!({ "op": "set", "key": key, "value": name })).collect();
        for answer in run(name, shared, &sets.into()).as_array().unwrap() {
            assert_eq!(case(answer), "ok");
        }
    }
    for (name, shared) in apps {
        let get = json!({ "op": "get-many", "keys": hostile });
        let deletes: Vec<_> = hostile.iter().map(|key| json!({ "key": key })).collect();
        let calls = [&scans[..], &[get, json!({ "op": "delete-many", "requests": deletes })]].concat();
        let answers = run(name, shared, &calls.into());
        let mut sorted = hostile;
        sorted.sort_unstable();
        assert_eq!(answers[0]["keys"], json!(sorted));
        for found in answers[3]["results"].as_array().unwrap() {
            assert_eq!(found["item"]["value"], name);
        }
    }
}

#[test]
fn a_full_store_refuses_what_makes_it_larger_until_something_is_freed() {
    for kind in ["embedded", "memory"] {
        let world = World::with_store(&format!("{{ {kind}: {{ max-size: 100KiB }} }}"));
        let set = |key: &str, kib: usize| json!({ "op": "set", "key": key, "value": "v", "value_repeat": kib << 10 });
        let mut fitted = 0;
        let refused = loop {
            let answer = world.ask(&set(&format!("key-{fitted}"), 10));
            if case(&answer) != "ok" {
                break answer;
            }
            fitted += 1;
            assert!(fitted <= 10, "{kind}: more fits than may");
        };
        assert_eq!(case(&refused), "quota-exceeded", "{kind}: {refused}");
        assert!(fitted >= 8, "{kind}: only {fitted} fitted");
        assert_eq!(world.operations("set", "quota"), 1.0);
        // What makes it no larger goes on.
        assert_eq!(case(&world.ask(&set("key-0", 10))), "ok", "{kind}");
        assert_eq!(case(&world.ask(&set("key-0", 1))), "ok", "{kind}");
        world.ask(&set("key-0", 10));
        let transaction = json!({ "op": "execute", "steps": [
            { "step": "delete", "key": "key-1" },
            { "step": "set", "key": "in-its-place", "value": "v", "value_repeat": 9 << 10 },
        ]});
        assert_eq!(case(&world.ask(&transaction)), "ok", "{kind}: what it frees counts");
        let two = json!({ "op": "execute", "steps": [
            { "step": "set", "key": "x", "value": "v", "value_repeat": 10 << 10 },
            { "step": "set", "key": "y", "value": "v", "value_repeat": 10 << 10 },
        ]});
        assert_eq!(case(&world.ask(&two)), "quota-exceeded", "{kind}");
        assert_eq!(world.ask(&json!({ "op": "exists", "key": "x" })), json!({ "exists": false }));
        for key in ["key-2", "key-3"] {
            world.ask(&json!({ "op": "delete", "key": key }));
        }
        assert_eq!(case(&world.ask(&two)), "ok", "{kind}: deleting frees");
    }
}

#[test]
fn a_private_store_that_is_full_is_full_for_its_component_only() {
    for kind in ["embedded", "memory"] {
        let world = World::with_store(&format!("{{ {kind}: {{ max-size: 100KiB }} }}"));
        let set = json!({ "op": "set", "key": "a", "value": "v", "value_repeat": 90 << 10 });
        assert_eq!(case(&world.ask(&set)), "ok", "{kind}");
        assert_eq!(case(&world.ask_neighbour(&set)), "ok", "{kind}: a neighbour has a quota of its own");
    }
}

#[test]
fn a_store_takes_values_as_large_as_it_says() {
    for (max, bytes) in [("1KiB", 1 << 10), ("6MiB", 6 << 20)] {
        let world = World::with_store(&format!("{{ embedded: {{ max-value: {max} }} }}"));
        let set = |size: usize| json!({ "op": "set", "key": "a", "value": "v", "value_repeat": size });
        assert_eq!(case(&world.ask(&set(bytes))), "ok", "{max}");
        let answer = world.ask(&set(bytes + 1));
        assert_eq!(answer["error"], json!({ "case": "too-large", "detail": bytes }), "{max}");
    }
}

#[test]
fn a_request_of_more_than_8_mib_does_not_reach_the_host_and_costs_its_call() {
    let world = World::with_store("embedded");
    world.ask(&json!({ "op": "set", "key": "a", "value": "kept" }));
    let set = json!({ "op": "set", "key": "a", "value": "v", "value_repeat": 9 << 20 });
    assert_eq!(world.host.post("/call", set.to_string()).status, 500);
    world.host.wait_for_log("call failed");
    let trapped = world.host.metric("mecha_calls_total", &["component=\"keeper\"", "outcome=\"trap\""]);
    assert_eq!(trapped, 1.0);
    assert_eq!(case(&world.ask_neighbour(&json!({ "op": "set", "key": "a", "value": "x" }))), "ok");
    assert_eq!(world.ask(&json!({ "op": "get", "key": "a" }))["item"]["value"], "kept");
}
