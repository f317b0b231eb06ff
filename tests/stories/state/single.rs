//! One key at a time: values, versions, preconditions, counters and their limits.

use std::{collections::BTreeSet, thread};

use serde_json::{Value, json};

use super::{World, case, etag, on_every_store};

on_every_store! {
    what_is_set_is_read_back_with_its_content_type_and_its_etag
    a_store_knows_its_name
    any_bytes_come_back_as_they_were
    a_key_that_is_not_there_is_no_error
    a_new_value_replaces_the_old_one_with_its_content_type
    of_two_writers_with_the_same_etag_the_first_wins
    insert_if_absent_lets_one_in
    must_exist_refuses_an_absent_key
    an_etag_of_something_else_is_a_conflict
    a_deleted_key_is_gone_and_its_etag_with_it
    counters_count
    what_is_no_number_or_would_overflow_is_left_as_it_was
    thirty_two_concurrent_increments_all_count
    keys_have_1_to_1024_bytes
    values_have_4_mib
    content_types_have_255_bytes
    operations_are_counted_by_outcome
}

fn what_is_set_is_read_back_with_its_content_type_and_its_etag(world: &World) {
    let set = json!({ "op": "set", "key": "a", "value": "<b>", "content_type": "text/html" });
    let etag = etag(&world.ask(&set));
    let expected =
        json!({ "value": "<b>", "etag": etag, "content_type": "text/html", "expires_at_ms": null });
    for op in ["get", "peek"] {
        assert_eq!(world.ask(&json!({ "op": op, "key": "a" })), json!({ "item": expected }), "{op}");
    }
    assert_eq!(world.ask(&json!({ "op": "exists", "key": "a" })), json!({ "exists": true }));
    let listed = world.ask(&json!({ "op": "scan" }));
    assert_eq!(listed, json!({ "entries": [{ "key": "a", "item": expected }], "cursor": null }));
    let neighbour = world.ask_neighbour(&json!({ "op": "get", "key": "a" }));
    assert_eq!(neighbour, json!({ "item": null }), "a store is its component's own");
}

fn a_store_knows_its_name(world: &World) {
    assert_eq!(world.ask(&json!({ "op": "name" })), json!({ "name": "main" }));
}

fn any_bytes_come_back_as_they_were(world: &World) {
    let all: String = (0..=255).map(|byte| format!("{byte:02x}")).collect();
    for (field, value) in [("value_hex", "ff00fe"), ("value_hex", all.as_str()), ("value", "")] {
        let found = world.ask(&json!([
            { "op": "set", "key": "bytes", field: value },
            { "op": "get", "key": "bytes" },
        ]));
        assert_eq!(found[1]["item"][field], value);
    }
    // Large ones too, and not only their length.
    let large = json!({ "op": "set", "key": "large", "value": "0123456789abcdef", "value_repeat": 65536 });
    let found = world.ask(&json!([large, { "op": "get", "key": "large" }]));
    assert!(found[1]["item"]["value"] == "0123456789abcdef".repeat(65536), "a MiB changed");
}

fn a_key_that_is_not_there_is_no_error(world: &World) {
    let answers = world.ask(&json!([
        { "op": "get", "key": "never" },
        { "op": "peek", "key": "never" },
        { "op": "exists", "key": "never" },
        { "op": "delete", "key": "never" },
        { "op": "scan", "prefix": "never" },
        { "op": "scan-keys", "prefix": "never" },
    ]));
    let expected = json!([
        { "item": null }, { "item": null }, { "exists": false }, {},
        { "entries": [], "cursor": null }, { "keys": [], "cursor": null },
    ]);
    assert_eq!(answers, expected);
}

fn a_new_value_replaces_the_old_one_with_its_content_type(world: &World) {
    let answers = world.ask(&json!([
        { "op": "set", "key": "a", "value": "{}", "content_type": "application/json" },
        { "op": "set", "key": "a", "value": "x" },
        { "op": "get", "key": "a" },
    ]));
    assert_ne!(etag(&answers[0]), etag(&answers[1]));
    let item = &answers[2]["item"];
    assert_eq!((&item["value"], &item["content_type"]), (&json!("x"), &Value::Null));
    assert_eq!(item["etag"], answers[1]["etag"]);
}

fn of_two_writers_with_the_same_etag_the_first_wins(world: &World) {
    let old = etag(&world.ask(&json!({ "op": "set", "key": "a", "value": "old" })));
    let new = etag(&world.ask(&json!({ "op": "set", "key": "a", "value": "first", "etag": old })));
    let late = [
        json!({ "op": "set", "key": "a", "value": "second", "etag": old }),
        json!({ "op": "delete", "key": "a", "etag": old }),
    ];
    for late in late {
        let answer = world.ask(&late);
        assert_eq!(answer["error"], json!({ "case": "conflict", "detail": new }), "it names what is there");
    }
    assert_eq!(world.ask(&json!({ "op": "get", "key": "a" }))["item"]["value"], "first");
    assert_eq!(world.ask(&json!({ "op": "delete", "key": "a", "etag": new })), json!({}));
    assert_eq!(world.operations("set", "conflict"), 1.0);
    assert_eq!(world.operations("delete", "conflict"), 1.0);
}

fn insert_if_absent_lets_one_in(world: &World) {
    let insert = |who: u32| json!({ "op": "set", "key": "once", "value": who.to_string(), "when": "absent" });
    let answers: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|who| scope.spawn(move || world.ask(&insert(who)))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let won: Vec<_> = (0..8).filter(|who| case(&answers[*who]) == "ok").collect();
    let [winner] = *won else { panic!("{} won: {answers:?}", won.len()) };
    let item = world.ask(&json!({ "op": "get", "key": "once" }))["item"].clone();
    assert_eq!(item["value"], winner.to_string());
    for (who, lost) in answers.iter().enumerate().filter(|(who, _)| *who != winner) {
        assert_eq!(lost["error"], json!({ "case": "conflict", "detail": item["etag"] }), "writer {who}");
    }
    assert_eq!(case(&world.ask_neighbour(&insert(9))), "ok", "to a neighbour the key is absent");
}

fn must_exist_refuses_an_absent_key(world: &World) {
    let writes = [
        json!({ "op": "set", "key": "a", "value": "x", "when": "present" }),
        json!({ "op": "delete", "key": "a", "when": "present" }),
    ];
    for write in &writes {
        assert_eq!(world.ask(write)["error"], json!({ "case": "conflict", "detail": null }), "{write}");
    }
    assert_eq!(world.ask(&json!({ "op": "exists", "key": "a" })), json!({ "exists": false }));
    world.ask(&json!({ "op": "set", "key": "a", "value": "there" }));
    for write in &writes {
        assert_eq!(case(&world.ask(write)), "ok", "{write}");
    }
}

fn an_etag_of_something_else_is_a_conflict(world: &World) {
    let answers = world.ask(&json!([
        { "op": "set", "key": "a", "value": "1" },
        { "op": "set", "key": "b", "value": "2" },
    ]));
    let (present, other) = (etag(&answers[0]), etag(&answers[1]));
    let foreign = ["", "0", "W/\"1\"", "🦀", &"f".repeat(48), &"0".repeat(10_000), &other];
    for wrong in foreign {
        for mut write in [json!({ "op": "set", "value": "3" }), json!({ "op": "delete" })] {
            write["key"] = "a".into();
            write["etag"] = wrong.into();
            let expected = json!({ "case": "conflict", "detail": present });
            assert_eq!(world.ask(&write)["error"], expected, "{write:.100}");
        }
    }
    assert_eq!(world.ask(&json!({ "op": "get", "key": "a" }))["item"]["value"], "1");
}

fn a_deleted_key_is_gone_and_its_etag_with_it(world: &World) {
    let old = etag(&world.ask(&json!({ "op": "set", "key": "a", "value": "1" })));
    let answers = world.ask(&json!([
        { "op": "delete", "key": "a" },
        { "op": "get", "key": "a" },
        { "op": "exists", "key": "a" },
        { "op": "scan-keys" },
        { "op": "set", "key": "a", "value": "2", "etag": old },
        { "op": "set", "key": "a", "value": "3", "when": "absent" },
    ]));
    assert_eq!(answers[0], json!({}));
    assert_eq!(answers[1], json!({ "item": null }));
    assert_eq!(answers[2], json!({ "exists": false }));
    assert_eq!(answers[3]["keys"], json!([]));
    assert_eq!(answers[4]["error"], json!({ "case": "conflict", "detail": null }));
    assert_ne!(etag(&answers[5]), old, "no version comes back");
}

fn counters_count(world: &World) {
    let answers = world.ask(&json!([
        { "op": "increment", "key": "n" },
        { "op": "increment", "key": "n", "delta": 41 },
        { "op": "increment", "key": "n", "delta": -50 },
        { "op": "increment", "key": "n", "delta": 0 },
        { "op": "add", "key": "n", "delta": 5 },
        { "op": "add", "key": "new" },
        { "op": "get", "key": "n" },
        { "op": "get", "key": "new" },
        { "op": "set", "key": "n", "value": "100" },
        { "op": "increment", "key": "n" },
    ]));
    let value = |value: i64| json!({ "value": value });
    let first: Vec<_> = answers.as_array().unwrap()[..6].to_vec();
    assert_eq!(first, [value(1), value(42), value(-8), value(-8), json!({}), json!({})]);
    assert_eq!(answers[6]["item"]["value"], "-3", "a counter reads back as text");
    assert_eq!(answers[7]["item"]["value"], "1");
    assert_eq!(answers[9], value(101), "text that is a number is a counter");
    assert_eq!(world.ask_neighbour(&json!({ "op": "increment", "key": "n" })), value(1));
}

fn what_is_no_number_or_would_overflow_is_left_as_it_was(world: &World) {
    let (most, least) = (i64::MAX.to_string(), i64::MIN.to_string());
    let cases = [
        ("text", "twelve", 1),
        ("empty", "", 1),
        ("plus", "1.5", 1),
        ("beyond", "9223372036854775808", 1),
        ("most", most.as_str(), 1),
        ("least", least.as_str(), -1),
    ];
    for (key, value, delta) in cases {
        world.ask(&json!({ "op": "set", "key": key, "value": value }));
        for op in ["increment", "add"] {
            let answer = world.ask(&json!({ "op": op, "key": key, "delta": delta }));
            assert_eq!(case(&answer), "invalid-argument", "{op} {key}: {answer}");
        }
        assert_eq!(world.ask(&json!({ "op": "get", "key": key }))["item"]["value"], value);
    }
    let back = json!({ "op": "increment", "key": "most", "delta": i64::MIN });
    assert_eq!(world.ask(&back), json!({ "value": -1 }), "a delta may be as large as the number");
    assert_eq!(world.operations("increment", "invalid"), 6.0);
}

fn thirty_two_concurrent_increments_all_count(world: &World) {
    let seen: BTreeSet<i64> = thread::scope(|scope| {
        let one = || world.ask(&json!({ "op": "increment", "key": "n" }))["value"].as_i64().unwrap();
        let callers: Vec<_> = (0..32).map(|_| scope.spawn(one)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(seen, (1..=32).collect(), "each learnt a value of its own");
    assert_eq!(world.ask(&json!({ "op": "get", "key": "n" }))["item"]["value"], "32");
}

fn keys_have_1_to_1024_bytes(world: &World) {
    let longest = ["k".repeat(1024), "ä".repeat(512), "🦀".repeat(256)];
    for key in longest {
        let answers = world.ask(&json!([
            { "op": "set", "key": key, "value": "x" },
            { "op": "get", "key": key },
            { "op": "scan-keys", "prefix": key },
            { "op": "delete", "key": key },
        ]));
        assert_eq!(answers[1]["item"]["value"], "x");
        assert_eq!(answers[2]["keys"], json!([key]));
        assert_eq!(case(&answers[3]), "ok");
    }
    let too_long = json!({ "case": "too-large", "detail": 1024 });
    let calls = [
        json!({ "op": "get" }),
        json!({ "op": "peek" }),
        json!({ "op": "exists" }),
        json!({ "op": "set", "value": "x" }),
        json!({ "op": "delete" }),
        json!({ "op": "increment" }),
        json!({ "op": "add" }),
    ];
    for mut call in calls {
        call["key"] = ("k".repeat(1023) + "ä").into();
        assert_eq!(world.ask(&call)["error"], too_long, "{}", call["op"]);
        call["key"] = "".into();
        assert_eq!(case(&world.ask(&call)), "invalid-argument", "{}", call["op"]);
    }
    assert_eq!(world.operations("get", "too-large"), 1.0);
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
}

fn values_have_4_mib(world: &World) {
    let whole = json!({ "op": "set", "key": "a", "value": "x", "value_repeat": 4 << 20 });
    let beyond = json!({ "op": "set", "key": "a", "value": "y", "value_repeat": (4 << 20) + 1 });
    let answers = world.ask(&json!([whole, beyond, { "op": "get", "key": "a" }]));
    assert_eq!(case(&answers[0]), "ok");
    assert_eq!(answers[1]["error"], json!({ "case": "too-large", "detail": 4 << 20 }));
    let kept = answers[2]["item"]["value"].as_str().unwrap();
    assert!(kept.len() == 4 << 20 && kept.starts_with('x'), "the value that fitted is still there");
    assert_eq!(world.operations("set", "too-large"), 1.0);
    assert_eq!(case(&world.ask_neighbour(&json!({ "op": "set", "key": "a", "value": "x" }))), "ok");
}

fn content_types_have_255_bytes(world: &World) {
    let set =
        |length: usize| json!({ "op": "set", "key": "a", "value": "x", "content_type": "t".repeat(length) });
    assert_eq!(case(&world.ask(&set(255))), "ok");
    assert_eq!(case(&world.ask(&set(256))), "invalid-argument");
    let found = world.ask(&json!({ "op": "get", "key": "a" }));
    assert_eq!(found["item"]["content_type"], "t".repeat(255));
}

fn operations_are_counted_by_outcome(world: &World) {
    world.ask(&json!([
        { "op": "set", "key": "a", "value": "x" },
        { "op": "set", "key": "a", "value": "x" },
        { "op": "set", "key": "a", "value": "x", "when": "absent" },
        { "op": "get", "key": "a" },
        { "op": "get", "key": "b" },
        { "op": "peek", "key": "b" },
        { "op": "get", "key": "a", "store": "elsewhere" },
    ]));
    assert_eq!(world.operations("set", "ok"), 2.0);
    assert_eq!(world.operations("set", "conflict"), 1.0);
    assert_eq!(world.operations("get", "ok"), 2.0, "that a key is not there is no failure");
    assert_eq!(world.operations("peek", "ok"), 1.0);
    assert_eq!(world.operations("open", "ok"), 6.0);
    assert_eq!(world.operations("open", "not-found"), 1.0);
    let neighbour = world.host.metric("mecha_host_calls_total", &["component=\"neighbour\""]);
    assert_eq!(neighbour, 0.0);
}
