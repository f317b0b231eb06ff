//! Several keys at once: bulk requests and transactions.

use serde_json::{Value, json};

use super::{World, case, etag, on_every_store};

on_every_store! {
    a_bulk_request_has_an_outcome_for_each_key_in_order
    a_bulk_request_has_at_most_1000_keys
    a_bulk_request_has_at_most_6_mib_of_values
    a_transaction_happens_as_a_whole
    later_steps_see_what_earlier_ones_did
    a_step_that_fails_is_named_and_nothing_is_applied
    a_transaction_has_at_most_1000_steps
    a_transaction_has_at_most_6_mib_of_values
    a_transaction_without_steps_changes_nothing
}

fn cases(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(case).collect()
}

fn a_bulk_request_has_an_outcome_for_each_key_in_order(world: &World) {
    let present = etag(&world.ask(&json!({ "op": "set", "key": "there", "value": "old" })));
    let set = world.ask(&json!({ "op": "set-many", "requests": [
        { "key": "a", "value": "1", "content_type": "text/plain" },
        { "key": "there", "value": "new", "when": "absent" },
        { "key": "", "value": "x" },
        { "key": "k".repeat(1025), "value": "x" },
        { "key": "big", "value": "x", "value_repeat": (4 << 20) + 1 },
        { "key": "b", "value": "2", "when": "present" },
        { "key": "c", "value": "3", "ttl_ms": 0 },
        { "key": "there", "value": "newer", "etag": present },
        { "key": "d", "value_hex": "ff" },
    ]}));
    let expected = [
        "ok",
        "conflict",
        "invalid-argument",
        "too-large",
        "too-large",
        "conflict",
        "invalid-argument",
        "ok",
        "ok",
    ];
    assert_eq!(cases(&set), expected);
    assert_eq!(set["results"][1]["error"]["detail"], present);
    assert_eq!(set["results"][4]["error"]["detail"], 4 << 20);

    let got = world.ask(&json!({ "op": "get-many", "keys": ["d", "never", "", "a", "there", "b", "a"] }));
    let expected = ["ok", "ok", "invalid-argument", "ok", "ok", "ok", "ok"];
    assert_eq!(cases(&got), expected);
    let item = |index: usize| &got["results"][index]["item"];
    assert_eq!(item(0)["value_hex"], "ff");
    assert_eq!(*item(1), Value::Null);
    assert_eq!((&item(3)["value"], &item(3)["content_type"]), (&json!("1"), &json!("text/plain")));
    assert_eq!(item(3)["etag"], set["results"][0]["etag"]);
    assert_eq!(item(4)["value"], "newer");
    assert_eq!(*item(5), Value::Null);
    assert_eq!(item(6), item(3));

    let deleted = world.ask(&json!({ "op": "delete-many", "requests": [
        { "key": "a", "etag": present },
        { "key": "never" },
        { "key": "never", "when": "present" },
        { "key": "" },
        { "key": "d" },
        { "key": "there", "when": "present" },
    ]}));
    assert_eq!(cases(&deleted), ["conflict", "ok", "conflict", "invalid-argument", "ok", "ok"]);
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!(["a"]));
    assert_eq!(world.operations("set", "conflict"), 2.0, "each key is an operation");
}

fn a_bulk_request_has_at_most_1000_keys(world: &World) {
    let keys = |count: usize| (0..count).map(|index| format!("key-{index}")).collect::<Vec<_>>();
    let sets = |count| keys(count).iter().map(|key| json!({ "key": key, "value": "v" })).collect::<Vec<_>>();
    let deletes = |count| keys(count).iter().map(|key| json!({ "key": key })).collect::<Vec<_>>();
    let calls = |count: usize| {
        [
            json!({ "op": "set-many", "requests": sets(count) }),
            json!({ "op": "get-many", "keys": keys(count) }),
            json!({ "op": "delete-many", "requests": deletes(count) }),
        ]
    };
    for call in calls(1001) {
        assert_eq!(case(&world.ask(&call)), "invalid-argument", "{}", call["op"]);
    }
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
    for call in calls(1000) {
        let answer = world.ask(&call);
        assert_eq!(cases(&answer), ["ok"; 1000], "{}", call["op"]);
        if call["op"] == "get-many" {
            assert!(
                answer["results"].as_array().unwrap().iter().all(|result| result["item"]["value"] == "v")
            );
        }
    }
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
    for call in calls(0) {
        assert_eq!(world.ask(&call)["results"], json!([]), "{}", call["op"]);
    }
}

fn a_bulk_request_has_at_most_6_mib_of_values(world: &World) {
    let call = |sizes: &[usize]| {
        let request = |(index, size): (usize, &usize)| json!({ "key": format!("key-{index}"), "value": "v", "value_repeat": size });
        json!({ "op": "set-many", "requests": sizes.iter().enumerate().map(request).collect::<Vec<_>>() })
    };
    let answer = world.ask(&call(&[3 << 20, 3 << 20, 1]));
    assert_eq!(answer["error"], json!({ "case": "too-large", "detail": 6 << 20 }));
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
    assert_eq!(cases(&world.ask(&call(&[3 << 20, 3 << 20]))), ["ok", "ok"]);
}

fn a_transaction_happens_as_a_whole(world: &World) {
    let old = etag(&world.ask(&json!({ "op": "set", "key": "old", "value": "1" })));
    world.ask(&json!({ "op": "set", "key": "going", "value": "x" }));
    let answer = world.ask(&json!({ "op": "execute", "steps": [
        { "step": "set", "key": "new", "value": "n", "when": "absent", "content_type": "text/plain" },
        { "step": "set", "key": "old", "value": "2", "etag": old },
        { "step": "delete", "key": "going", "when": "present" },
        { "step": "delete", "key": "never" },
        { "step": "check", "key": "never", "when": "absent" },
        { "step": "add", "key": "count", "delta": 7 },
    ]}));
    let etags = answer["etags"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let given: Vec<_> = etags.iter().map(Value::is_string).collect();
    assert_eq!(given, [true, true, false, false, false, true], "an entry for each step: {answer}");
    let found = world.ask(&json!({ "op": "get-many", "keys": ["new", "old", "going", "count"] }));
    let item = |index: usize| &found["results"][index]["item"];
    assert_eq!((&item(0)["value"], &item(0)["etag"]), (&json!("n"), &etags[0]));
    assert_eq!(item(0)["content_type"], "text/plain");
    assert_eq!((&item(1)["value"], &item(1)["etag"]), (&json!("2"), &etags[1]));
    assert_eq!(*item(2), Value::Null);
    assert_eq!((&item(3)["value"], &item(3)["etag"]), (&json!("7"), &etags[5]));
    assert_eq!(world.operations("execute", "ok"), 1.0);
}

fn later_steps_see_what_earlier_ones_did(world: &World) {
    world.ask(&json!({ "op": "set", "key": "b", "value": "was there" }));
    let answer = world.ask(&json!({ "op": "execute", "steps": [
        { "step": "set", "key": "a", "value": "10", "when": "absent" },
        { "step": "check", "key": "a", "when": "present" },
        { "step": "add", "key": "a", "delta": 5 },
        { "step": "add", "key": "a", "delta": 5 },
        { "step": "delete", "key": "b" },
        { "step": "check", "key": "b", "when": "absent" },
        { "step": "set", "key": "b", "value": "again", "when": "absent" },
        { "step": "set", "key": "c", "value": "1" },
        { "step": "delete", "key": "c", "when": "present" },
    ]}));
    assert_eq!(case(&answer), "ok", "{answer}");
    let found = world.ask(&json!({ "op": "get-many", "keys": ["a", "b", "c"] }));
    let value = |index: usize| &found["results"][index]["item"]["value"];
    assert_eq!((value(0), value(1), value(2)), (&json!("20"), &json!("again"), &Value::Null));
}

fn a_step_that_fails_is_named_and_nothing_is_applied(world: &World) {
    let present = etag(&world.ask(&json!({ "op": "set", "key": "there", "value": "text" })));
    world.ask(&json!({ "op": "set", "key": "most", "value": i64::MAX.to_string() }));
    let conflict = |detail: Value| json!({ "case": "conflict", "detail": detail, "step": 2 });
    let failing = [
        (
            json!({ "step": "set", "key": "there", "value": "x", "when": "absent" }),
            Some(conflict(json!(present))),
        ),
        (
            json!({ "step": "set", "key": "never", "value": "x", "etag": present }),
            Some(conflict(Value::Null)),
        ),
        (json!({ "step": "delete", "key": "never", "when": "present" }), Some(conflict(Value::Null))),
        (json!({ "step": "check", "key": "there", "when": "absent" }), Some(conflict(json!(present)))),
        (json!({ "step": "check", "key": "going", "when": "present" }), Some(conflict(Value::Null))),
        (json!({ "step": "add", "key": "there", "delta": 1 }), None),
        (json!({ "step": "add", "key": "most", "delta": 1 }), None),
        (json!({ "step": "set", "key": "", "value": "x" }), None),
        (json!({ "step": "set", "key": "c", "value": "x", "ttl_ms": 0 }), None),
        (
            json!({ "step": "set", "key": "k".repeat(1025), "value": "x" }),
            Some(json!({ "case": "too-large", "detail": 1024, "step": 2 })),
        ),
        (
            json!({ "step": "set", "key": "c", "value": "x", "value_repeat": (4 << 20) + 1 }),
            Some(json!({ "case": "too-large", "detail": 4 << 20, "step": 2 })),
        ),
    ];
    world.ask(&json!({ "op": "set", "key": "going", "value": "x" }));
    let before = world.ask(&json!({ "op": "scan" }));
    for (step, expected) in failing {
        let answer = world.ask(&json!({ "op": "execute", "steps": [
            { "step": "set", "key": "new", "value": "n" },
            { "step": "delete", "key": "going" },
            step,
            { "step": "set", "key": "later", "value": "n" },
        ]}));
        match expected {
            Some(expected) => assert_eq!(answer["error"], expected, "{step:.100}"),
            None => {
                assert_eq!(case(&answer), "invalid-argument", "{step:.100}");
                assert_eq!(answer["error"]["step"], 2, "{step:.100}");
            }
        }
        assert_eq!(world.ask(&json!({ "op": "scan" })), before, "nothing was applied: {step:.100}");
    }
}

fn a_transaction_has_at_most_1000_steps(world: &World) {
    let steps = |count: usize| {
        let step = |index: usize| json!({ "step": "set", "key": format!("key-{index}"), "value": "v" });
        json!({ "op": "execute", "steps": (0..count).map(step).collect::<Vec<_>>() })
    };
    let answer = world.ask(&steps(1001));
    assert_eq!(case(&answer), "invalid-argument");
    assert_eq!(answer["error"]["step"], Value::Null, "it is the whole that is refused");
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
    assert_eq!(world.ask(&steps(1000))["etags"].as_array().unwrap().len(), 1000);
    assert_eq!(world.operations("execute", "invalid"), 1.0);
}

fn a_transaction_has_at_most_6_mib_of_values(world: &World) {
    let steps = |sizes: &[usize]| {
        let step = |(index, size): (usize, &usize)| json!({ "step": "set", "key": format!("key-{index}"), "value": "v", "value_repeat": size });
        json!({ "op": "execute", "steps": sizes.iter().enumerate().map(step).collect::<Vec<_>>() })
    };
    let answer = world.ask(&steps(&[3 << 20, 3 << 20, 1]));
    assert_eq!(answer["error"], json!({ "case": "too-large", "detail": 6 << 20 }));
    assert_eq!(world.ask(&json!({ "op": "scan-keys" }))["keys"], json!([]));
    assert_eq!(world.ask(&steps(&[3 << 20, 3 << 20]))["etags"].as_array().unwrap().len(), 2);
    assert_eq!(world.operations("execute", "too-large"), 1.0);
}

fn a_transaction_without_steps_changes_nothing(world: &World) {
    assert_eq!(world.ask(&json!({ "op": "execute", "steps": [] })), json!({ "etags": [] }));
}
