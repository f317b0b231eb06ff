//! What expires is gone for every operation.

use mecha_tests::host::until;
use serde_json::{Value, json};

use super::{World, case, on_every_store};

on_every_store! {
    an_expired_key_is_gone_for_every_operation
    what_has_not_expired_is_there_and_says_when_it_will
    each_write_sets_expiry_anew
    a_counter_keeps_the_expiry_that_it_was_made_with
    no_time_to_live_is_refused_and_the_longest_is_not
}

fn an_expired_key_is_gone_for_every_operation(world: &World) {
    let keys = ["counter", "added", "absent", "present", "matched", "deleted", "checked", "read"];
    let requests: Vec<_> =
        keys.iter().map(|key| json!({ "key": key, "value": "5", "ttl_ms": 100 })).collect();
    let stays = json!({ "op": "set", "key": "stays", "value": "x" });
    let answers = world.ask(&json!([{ "op": "set-many", "requests": requests }, stays]));
    let tag = |key: &str| {
        let index = keys.iter().position(|known| *known == key).unwrap();
        answers[0]["results"][index]["etag"].clone()
    };
    let get = |key: &str| json!({ "op": "get", "key": key });
    until("the last one has expired", || world.ask(&get("read"))["item"].is_null());

    let answers = world.ask(&json!([
        { "op": "scan-keys" },
        { "op": "scan-keys", "reverse": true },
        { "op": "scan" },
        { "op": "exists", "key": "read" },
        { "op": "peek", "key": "read" },
        { "op": "get-many", "keys": ["read", "stays"] },
    ]));
    assert_eq!(answers[0]["keys"], json!(["stays"]));
    assert_eq!(answers[1]["keys"], json!(["stays"]));
    assert_eq!(answers[2]["entries"].as_array().unwrap().len(), 1);
    assert_eq!(answers[3], json!({ "exists": false }));
    assert_eq!(answers[4], json!({ "item": null }));
    assert_eq!(answers[5]["results"][0], json!({ "item": null }));
    assert_eq!(answers[5]["results"][1]["item"]["value"], "x");

    // Counters begin anew, and preconditions see nothing.
    assert_eq!(world.ask(&json!({ "op": "increment", "key": "counter" })), json!({ "value": 1 }));
    let answers = world.ask(&json!([{ "op": "add", "key": "added" }, get("added")]));
    assert_eq!(answers[1]["item"]["value"], "1");
    assert_eq!(answers[1]["item"]["expires_at_ms"], Value::Null);
    let absent = json!({ "op": "set", "key": "absent", "value": "new", "when": "absent" });
    assert_eq!(case(&world.ask(&absent)), "ok");
    let gone = json!({ "case": "conflict", "detail": null });
    let refused = [
        json!({ "op": "set", "key": "present", "value": "x", "when": "present" }),
        json!({ "op": "set", "key": "matched", "value": "x", "etag": tag("matched") }),
        json!({ "op": "delete", "key": "deleted", "when": "present" }),
        json!({ "op": "delete", "key": "deleted", "etag": tag("deleted") }),
    ];
    for call in refused {
        assert_eq!(world.ask(&call)["error"], gone, "{call}");
    }
    let check = |when: &str| json!({ "op": "execute", "steps": [{ "step": "check", "key": "checked", "when": when }] });
    assert_eq!(case(&world.ask(&check("absent"))), "ok");
    assert_eq!(case(&world.ask(&check("present"))), "conflict");
}

fn what_has_not_expired_is_there_and_says_when_it_will(world: &World) {
    let answers = world.ask(&json!([
        { "op": "set", "key": "a", "value": "x", "ttl_ms": 3_600_000 },
        { "op": "get", "key": "a" },
    ]));
    let expires = answers[1]["item"]["expires_at_ms"].as_u64().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    assert!(expires <= now + 3_600_000, "{expires}, now {now}");
    assert!(expires > now + 3_500_000, "{expires}, now {now}");
}

fn each_write_sets_expiry_anew(world: &World) {
    let answers = world.ask(&json!([
        { "op": "set", "key": "a", "value": "x", "ttl_ms": 3_600_000 },
        { "op": "set", "key": "a", "value": "x" },
        { "op": "get", "key": "a" },
        { "op": "set", "key": "a", "value": "x", "ttl_ms": 3_600_000 },
        { "op": "get", "key": "a" },
        { "op": "set", "key": "a", "value": "x", "ttl_ms": 7_200_000 },
        { "op": "get", "key": "a" },
    ]));
    let expires = |index: usize| answers[index]["item"]["expires_at_ms"].clone();
    assert_eq!(expires(2), Value::Null, "without a time to live it stays for good");
    assert!(expires(6).as_u64().unwrap() >= expires(4).as_u64().unwrap() + 3_600_000);
}

fn a_counter_keeps_the_expiry_that_it_was_made_with(world: &World) {
    let answers = world.ask(&json!([
        { "op": "increment", "key": "n", "ttl_ms": 3_600_000 },
        { "op": "get", "key": "n" },
        { "op": "increment", "key": "n", "ttl_ms": 7_200_000 },
        { "op": "add", "key": "n" },
        { "op": "get", "key": "n" },
        { "op": "add", "key": "for-good" },
        { "op": "add", "key": "for-good", "ttl_ms": 1 },
        { "op": "get", "key": "for-good" },
    ]));
    assert_eq!(answers[4]["item"]["value"], "3");
    assert!(answers[1]["item"]["expires_at_ms"].is_u64());
    assert_eq!(answers[1]["item"]["expires_at_ms"], answers[4]["item"]["expires_at_ms"]);
    assert_eq!(answers[7]["item"]["expires_at_ms"], Value::Null);
}

fn no_time_to_live_is_refused_and_the_longest_is_not(world: &World) {
    for mut call in
        [json!({ "op": "set", "value": "1" }), json!({ "op": "increment" }), json!({ "op": "add" })]
    {
        call["key"] = "a".into();
        call["ttl_ms"] = 0.into();
        assert_eq!(case(&world.ask(&call)), "invalid-argument", "{call}");
        call["ttl_ms"] = u64::MAX.into();
        assert_eq!(case(&world.ask(&call)), "ok", "{call}");
    }
    assert_eq!(world.ask(&json!({ "op": "get", "key": "a" }))["item"]["value"], "3");
}
