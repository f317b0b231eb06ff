//! Small components with a known race, and without one, as scripts of the guest `teller`: none is missed, none is accused.

use std::{path::PathBuf, sync::OnceLock};

use mecha_manifest::suite;
use mecha_runtime::cache::Cache;
use tempfile::TempDir;

use super::*;
use crate::{
    files::{Kind, Source},
    testing::bench::Options,
};

/// Where guests are: `cargo guests` builds them.
fn guests() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().find(|folder| folder.join("wasm32-wasip2/release/teller.wasm").is_file());
    target.expect("build the guests: cargo guests").join("wasm32-wasip2/release")
}

/// A manifest of one or several tellers.
fn bench(manifest: &str) -> Bench {
    let text = format!("name: races\n{manifest}");
    let source = Source { folder: guests(), kind: Kind::Manifest { file: "mecha.yaml".into(), text } };
    static CACHE: OnceLock<(Cache, TempDir)> = OnceLock::new();
    let (cache, _) = CACHE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        (Cache::open(&folder.path().join("cache")).unwrap(), folder)
    });
    let made = Bench::new(&source, &Options { cache: Some(cache), ..Options::default() });
    made.unwrap_or_else(|report| panic!("{}", report.rendered()))
}

/// A case of this text below `cases: { it: … }`.
fn case(bench: &Bench, text: &str) -> Case {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("cases:\n  it:\n{indented}    then: {{ faults: [] }}\n");
    let loaded = suite::load("tests/races.yaml", &text, &bench.loaded.app);
    let suite = loaded.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    suite.cases.into_iter().next().unwrap()
}

/// Scripts that are sent at once, by way of the routes of tellers.
fn at_once(given: &str, requests: &[(&str, &str)]) -> String {
    let mut text = format!("given: {{ {given} }}\nwhen:\n  - at-once:\n");
    for (route, script) in requests {
        text.push_str(&format!("      - {{ request: POST {route}, body: {script} }}\n"));
    }
    text
}

fn race(manifest: &str, text: &str) -> Found {
    let bench = bench(manifest);
    let case = case(&bench, text);
    let found = everywhere(&bench, &case).unwrap();
    if let Some(broken) = &found.broken {
        // What was found is found again.
        let order = parse(&broken.replay).unwrap();
        assert_eq!(again(&bench, &case, &order).unwrap().broken.as_ref(), Some(broken));
    }
    found
}

const SHOP: &str = "\
components:
  shop:
    source: teller.wasm
    http: [/]
    stores: { main: read-write }
stores: { main: embedded }
";

/// `shop` with further lines, and further parts.
fn shop(lines: &str, parts: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    SHOP.replace("stores: { main: embedded }\n", &format!("{lines}stores: {{ main: embedded }}\n{parts}"))
}

const INCREASE: &str = "[{ do: increase, key: n }]";

/// Components that are right on their own, and wrong at once.
fn faulty() -> Vec<(&'static str, String, String)> {
    let both = |script: &str| at_once("", &[("/", script), ("/", script)]);
    let off = |other: &str, own: &str| {
        format!(
            "[{{ do: if-equal, keys: {{ {other}: \"on\" }}, then: [{{ do: set, key: {own}, value: \"off\" }}] }}]"
        )
    };
    let outputs = "outputs: { mails: [write] }";
    let log = "outputs: { mails: { log: {} } }\n";
    let book = |who: &str| {
        format!(
            "[{{ do: if-count, prefix: \"seat/\", count: 0, then: [{{ do: set, key: \"seat/{who}\", value: x }}] }}]"
        )
    };
    let publish = |value: &str| {
        let event = format!("[{{ do: set, key: view, value: {value} }}]");
        format!(
            "[{{ do: set, key: v, value: {value} }}, {{ do: publish, topic: news, key: k, data: {event} }}]"
        )
    };
    vec![
        ("lost update", SHOP.into(), both(INCREASE)),
        (
            "write skew",
            SHOP.into(),
            at_once(
                "state: { main: { a: \"on\", b: \"on\" } }",
                &[("/", &off("b", "a")), ("/", &off("a", "b"))],
            ),
        ),
        (
            "check, then act outside",
            shop(outputs, log),
            both(
                "[{ do: if-count, prefix: sent, count: 0, then: [{ do: output, name: mails, operation: write, data: hi }, { do: set, key: sent, value: \"1\" }] }]",
            ),
        ),
        ("double booking", SHOP.into(), at_once("", &[("/", &book("ada")), ("/", &book("bob"))])),
        (
            "a stale value is published last",
            shop("publish: [news]", "topics: { news: embedded }\nsubscriptions: { view: { topic: news, to: shop, ordered: true } }\n"),
            at_once("", &[("/", &publish("one")), ("/", &publish("two"))]),
        ),
        (
            "a reader between two writes",
            SHOP.into(),
            at_once(
                "state: { main: { a: \"5\", b: \"0\" } }",
                &[
                    ("/", "[{ do: move, from: a, to: b, amount: 5 }]"),
                    ("/", "[{ do: get, key: a }, { do: get, key: b }]"),
                ],
            ),
        ),
        (
            "three at once",
            SHOP.into(),
            at_once("", &[("/", INCREASE), ("/", "[{ do: increase, key: m }]"), ("/", INCREASE)]),
        ),
        (
            "an update lost by a callee",
            SHOP.replace("    stores", "    invoke: [till]\n    stores").replace(
                "stores: { main: embedded }",
                "  till:\n    source: teller.wasm\n    callers: { shop: [run] }\n    stores: { main: read-write }\nstores: { main: embedded }",
            ),
            both("[{ do: invoke, target: till, method: run, script: [{ do: increase, key: n }] }]"),
        ),
        (
            "deliveries lose an update",
            shop("publish: [news]", "topics: { news: embedded }\nsubscriptions: { view: { topic: news, to: shop } }\n"),
            "when:\n  - event: news\n    data: [{ do: increase, key: n }]\n".into(),
        ),
        (
            "the same request twice",
            SHOP.into(),
            format!("when:\n  - request: POST /\n    body: {INCREASE}\n"),
        ),
    ]
}

/// Components that are right at once as well.
fn sound() -> Vec<(&'static str, String, String)> {
    let both = |script: &str| at_once("", &[("/", script), ("/", script)]);
    let ordered =
        "topics: { news: embedded }\nsubscriptions: { view: { topic: news, to: shop, ordered: true } }\n";
    let keyed = "when:\n  - at-once:\n      - { event: news, extensions: { partitionkey: k }, data: [{ do: increase, key: n }] }\n      - { event: news, extensions: { partitionkey: k }, data: [{ do: increase, key: n }] }\n";
    vec![
        ("an ETag and another try", SHOP.into(), both("[{ do: increase-guarded, key: n }]")),
        ("atomic", shop("atomic: true", ""), both(INCREASE)),
        ("three atomic", shop("atomic: true", ""), at_once("", &[("/", INCREASE); 3])),
        ("a counter", SHOP.into(), both("[{ do: add, key: n, by: 1 }]")),
        ("a counter that is told", SHOP.into(), both("[{ do: increment, key: n, by: 1 }]")),
        (
            "other keys",
            SHOP.into(),
            at_once("", &[("/", INCREASE), ("/", "[{ do: increase, key: m }]")]),
        ),
        ("only the first creates", SHOP.into(), both("[{ do: create, key: seat, value: x }]")),
        ("one after the other by key", shop("publish: [news]", ordered), keyed.into()),
        ("one at a time", shop("limits: { concurrency: 1 }", ""), both(INCREASE)),
        (
            "an idempotency key",
            shop("publish: [news]", "topics: { news: embedded }\n").replace(
                "http: [/]",
                "http: [{ path: /, idempotency: true }]",
            ),
            "when:\n  - request: POST /\n    headers: { idempotency-key: k }\n    body: [{ do: increase, key: n }, { do: publish, topic: news, data: [] }]\n".into(),
        ),
        (
            "atomic, with what is put off",
            shop("atomic: true\noutputs: { mails: [write] }", "outputs: { mails: { log: {} } }\n"),
            both("[{ do: if-count, prefix: sent, count: 0, then: [{ do: output, name: mails, operation: write, data: hi }, { do: set, key: sent, value: \"1\" }] }]"),
        ),
        (
            "an id of its own for each",
            SHOP.into(),
            both("[{ do: random }, { do: add, key: n, by: 1 }]"),
        ),
    ]
}

#[test]
fn races_are_found() {
    for (name, manifest, text) in faulty() {
        let found = race(&manifest, &text);
        let broken = found
            .broken
            .unwrap_or_else(|| panic!("{name}: missed ({} tried; {:?})", found.tried, found.skipped));
        println!("{name}:\n{}", broken.shown());
    }
}

#[test]
fn what_is_sound_is_not_accused() {
    for (name, manifest, text) in sound() {
        let found = race(&manifest, &text);
        if let Some(broken) = &found.broken {
            panic!("{name}:\n{}", broken.shown());
        }
        assert_eq!(found.skipped, None, "{name}");
        assert!(found.tried > 0, "{name}");
        println!("{name}: {} tried", found.tried);
    }
}

#[test]
fn a_race_is_told_as_a_person_reads_it() {
    let found = race(SHOP, &at_once("state: { main: { n: \"7\" } }", &[("/", INCREASE), ("/", INCREASE)]));
    let expected = "\
state main@shop/n is 8 instead of 9
answer 2 is 200 [8] instead of 200 [9]

        POST / (1)            POST / (2)
    1   state.get main/n → 7
    2                         state.get main/n → 7
    3                         state.set main/n
    4   state.set main/n                            the update of (2) is lost

Again: --replay race:1.2.2.1
What would help: with `atomic: true` on component `shop` this cannot happen (tried: 6 orders, each as one after the \
other); or write only over what was read: give `set` the ETag of `get`, and begin again on `conflict`; change a number \
by `increment`
";
    assert_eq!(found.broken.unwrap().shown(), expected);
}

#[test]
fn a_token_is_an_order() {
    let order = |race: Option<&str>, choices: &[Process]| {
        Some(Order { race: race.map(str::to_owned), choices: choices.to_vec() })
    };
    let cases = [
        ("race:1.2.2.1", order(None, &[0, 1, 1, 0])),
        ("race:2+3:1", order(Some("2+3"), &[0])),
        ("race:", None),
        ("race:0", None),
        ("race:1..2", None),
        ("crash:1", None),
    ];
    for (token, expected) in cases {
        assert_eq!(parse(token), expected, "{token}");
    }
}
