//! Keys in order, page by page.

use serde_json::{Value, json};

use super::{World, case, on_every_store};

on_every_store! {
    pages_over_2500_keys_show_each_key_once_and_in_order
    prefix_start_and_end_restrict_a_scan_together
    a_key_that_is_there_throughout_is_shown_once_whatever_else_changes
    a_page_of_large_values_ends_early_and_the_next_goes_on_there
    keys_are_in_the_order_of_their_bytes
    a_malformed_cursor_is_refused
    a_cursor_does_not_lead_out_of_its_range
    a_page_has_1_to_1000_entries
}

fn name(index: usize) -> String {
    format!("key-{index:04}")
}

/// Sets `key-0000` and so on, the last first.
fn fill(world: &World, count: usize) {
    let all: Vec<_> = (0..count).rev().map(|index| json!({ "key": name(index), "value": "v" })).collect();
    for requests in all.chunks(1000) {
        let results = world.ask(&json!({ "op": "set-many", "requests": requests }))["results"].clone();
        assert!(results.as_array().unwrap().iter().all(|result| case(result) == "ok"));
    }
}

/// All pages of a scan, by their keys.
fn pages(world: &World, call: &Value) -> Vec<Vec<String>> {
    let mut call = call.clone();
    let mut pages = vec![];
    loop {
        let page = world.ask(&call);
        assert_eq!(case(&page), "ok", "{call}: {page}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        pages.push(match page["keys"].as_array() {
            Some(keys) => keys.iter().map(text).collect(),
            None => page["entries"].as_array().unwrap().iter().map(|entry| text(&entry["key"])).collect(),
        });
        assert!(pages.len() < 5000, "{call} has no end");
        if page["cursor"].is_null() {
            return pages;
        }
        call["cursor"] = page["cursor"].clone();
    }
}

fn pages_over_2500_keys_show_each_key_once_and_in_order(world: &World) {
    fill(world, 2500);
    let forward: Vec<_> = (0..2500).map(name).collect();
    let backward: Vec<_> = forward.iter().rev().cloned().collect();
    for op in ["scan", "scan-keys"] {
        for (reverse, expected) in [(false, &forward), (true, &backward)] {
            for limit in [1000, 999, 625] {
                let call = json!({ "op": op, "reverse": reverse, "limit": limit });
                let pages = pages(world, &call);
                assert_eq!(pages.concat(), *expected, "{call}");
                let (last, full) = pages.split_last().unwrap();
                assert!(full.iter().all(|page| page.len() == limit), "{call}: only the last may be short");
                assert!(!last.is_empty(), "{call}: what ends exactly with a page has no empty one behind it");
            }
        }
    }
    let singly = json!({ "op": "scan-keys", "prefix": "key-12", "limit": 1 });
    assert_eq!(pages(world, &singly).concat(), forward[1200..1300]);
    assert_eq!(world.ask_neighbour(&json!({ "op": "scan-keys" }))["keys"], json!([]));
}

fn prefix_start_and_end_restrict_a_scan_together(world: &World) {
    fill(world, 300);
    let cases = [
        (json!({ "prefix": "key-01" }), 100..200),
        (json!({ "start": "key-0150" }), 150..300),
        (json!({ "end": "key-0150" }), 0..150),
        (json!({ "start": "key-0100", "end": "key-0200" }), 100..200),
        (json!({ "start": "key-0100x", "end": "key-0200x" }), 101..201),
        (json!({ "prefix": "key-01", "start": "key-0150" }), 150..200),
        (json!({ "prefix": "key-01", "start": "key-0050", "end": "key-0120" }), 100..120),
        (json!({ "prefix": "key-01", "end": "key-0250" }), 100..200),
        (json!({ "prefix": "key-01", "start": "key-0200" }), 0..0),
        (json!({ "start": "key-0150", "end": "key-0150" }), 0..0),
        (json!({ "start": "key-0200", "end": "key-0100" }), 0..0),
        (json!({ "prefix": "kez" }), 0..0),
        (json!({ "start": "", "end": "" }), 0..0),
        (json!({ "start": "" }), 0..300),
    ];
    for (range, expected) in cases {
        for reverse in [false, true] {
            let mut call = range.clone();
            for (field, value) in
                [("op", json!("scan-keys")), ("reverse", reverse.into()), ("limit", 7.into())]
            {
                call[field] = value;
            }
            let mut expected: Vec<_> = expected.clone().map(name).collect();
            if reverse {
                expected.reverse();
            }
            assert_eq!(pages(world, &call).concat(), expected, "{call}");
        }
    }
}

fn a_key_that_is_there_throughout_is_shown_once_whatever_else_changes(world: &World) {
    fill(world, 100);
    let mut seen = vec![];
    let mut call = json!({ "op": "scan-keys", "limit": 10 });
    loop {
        let page = world.ask(&call);
        let keys: Vec<_> =
            page["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        // The very key that the cursor stands on goes, and others come before and behind it.
        let last = keys.last().unwrap();
        world.ask(&json!([
            { "op": "delete", "key": last },
            { "op": "set", "key": "a-new-one-in-front", "value": "v" },
            { "op": "set", "key": format!("{last}-and-one-behind"), "value": "v" },
        ]));
        seen.extend(keys);
        if page["cursor"].is_null() {
            break;
        }
        call["cursor"] = page["cursor"].clone();
    }
    let old: Vec<_> = seen.iter().filter(|key| key.len() == "key-0000".len()).cloned().collect();
    assert_eq!(old, (0..100).map(name).collect::<Vec<_>>());
    assert!(seen.is_sorted(), "{seen:?}");
}

fn a_page_of_large_values_ends_early_and_the_next_goes_on_there(world: &World) {
    let large = |key: usize, size: usize| json!({ "op": "set", "key": name(key), "value": "v", "value_repeat": size });
    let mut sets: Vec<_> = (0..10).map(|key| large(key, 300 << 10)).collect();
    // Larger than a page: it is one by itself.
    sets.push(large(10, 3 << 20));
    sets.push(large(11, 1));
    world.ask(&sets.into());
    let pages = pages(world, &json!({ "op": "scan", "limit": 1000 }));
    assert_eq!(pages.concat(), (0..12).map(name).collect::<Vec<_>>());
    assert!(pages.len() >= 4, "{pages:?}");
    assert!(pages.iter().all(|page| page.len() <= 4), "{pages:?}");
    let keys = world.ask(&json!({ "op": "scan-keys", "limit": 1000 }));
    assert_eq!(keys["keys"].as_array().unwrap().len(), 12, "keys alone are not large");
}

fn keys_are_in_the_order_of_their_bytes(world: &World) {
    let ordered = [
        "\0",
        "\0\0",
        "\u{1}",
        " ",
        "!",
        "%2e%2e",
        "..",
        "../..",
        "/",
        "//",
        "0",
        "1",
        "10",
        "2",
        "A",
        "Z",
        "[",
        "a",
        "a\0",
        "a\0b",
        "a/",
        "a/b",
        "a@b",
        "aa",
        "b",
        "{}",
        "~",
        "\u{7f}",
        "ß",
        "ä",
        "€",
        "🦀",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
    ];
    let mut sets: Vec<_> =
        ordered.iter().map(|key| json!({ "op": "set", "key": key, "value": key })).collect();
    sets.reverse();
    world.ask(&sets.into());
    assert_eq!(pages(world, &json!({ "op": "scan", "limit": 3 })).concat(), ordered);
    let mut backward = ordered;
    backward.reverse();
    assert_eq!(pages(world, &json!({ "op": "scan", "limit": 3, "reverse": true })).concat(), backward);
    for (index, key) in ordered.iter().enumerate() {
        let start = json!({ "op": "scan-keys", "start": key });
        assert_eq!(pages(world, &start).concat(), ordered[index..], "from {key:?}");
        let prefixed: Vec<_> = ordered.iter().filter(|other| other.starts_with(key)).copied().collect();
        assert_eq!(
            pages(world, &json!({ "op": "scan-keys", "prefix": key })).concat(),
            prefixed,
            "under {key:?}"
        );
    }
}

fn a_malformed_cursor_is_refused(world: &World) {
    fill(world, 3);
    let long = "c".repeat(100_000);
    for cursor in ["", "x", "key-0001", "after", "after:", "AFTER:key-0001", "\0", long.as_str()] {
        for op in ["scan", "scan-keys"] {
            let answer = world.ask(&json!({ "op": op, "cursor": cursor }));
            assert_eq!(case(&answer), "invalid-argument", "{op} {cursor:.20?}: {answer}");
        }
    }
    let good = world.ask(&json!({ "op": "scan-keys", "limit": 1 }))["cursor"].clone();
    assert_eq!(
        world.ask(&json!({ "op": "scan-keys", "cursor": good }))["keys"],
        json!(["key-0001", "key-0002"])
    );
}

fn a_cursor_does_not_lead_out_of_its_range(world: &World) {
    fill(world, 10);
    world.ask_neighbour(&json!({ "op": "set", "key": "theirs", "value": "v" }));
    let cursor = |key: &str, reverse: bool| {
        let from = if reverse { "end" } else { "start" };
        world.ask(&json!({ "op": "scan-keys", "limit": 1, "reverse": reverse, from: key }))["cursor"].clone()
    };
    // A cursor of one scan, given to another.
    for (reverse, from) in [(false, "key-0001"), (true, "key-0009")] {
        let call = json!({
            "op": "scan-keys", "reverse": reverse, "cursor": cursor(from, reverse),
            "start": "key-0004", "end": "key-0006",
        });
        let mut keys: Vec<_> = world.ask(&call)["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        assert_eq!(keys, ["key-0004", "key-0005"], "{call}");
    }
    // One that was made up shows nothing of others.
    for made_up in ["after:theirs", "after:../neighbour/", "after:\u{10ffff}", "after:\0"] {
        for reverse in [false, true] {
            let call = json!({ "op": "scan-keys", "reverse": reverse, "cursor": made_up });
            let page = world.ask(&call);
            let keys = page["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            assert!(keys.iter().all(|key| key.as_str().unwrap().starts_with("key-")), "{call}: {page}");
        }
    }
}

fn a_page_has_1_to_1000_entries(world: &World) {
    fill(world, 1001);
    for op in ["scan", "scan-keys"] {
        for limit in [0, 1001, u32::MAX] {
            let answer = world.ask(&json!({ "op": op, "limit": limit }));
            assert_eq!(case(&answer), "invalid-argument", "{op} {limit}: {answer}");
        }
        let page = world.ask(&json!({ "op": op, "limit": 1000 }));
        let field = if op == "scan" { "entries" } else { "keys" };
        assert_eq!(page[field].as_array().unwrap().len(), 1000);
        assert!(page["cursor"].is_string());
        let operation = format!("operation=\"state.{op}\"");
        let invalid = world.host.metric("mecha_host_calls_total", &[&operation, "outcome=\"invalid\""]);
        assert_eq!(invalid, 3.0);
    }
}
