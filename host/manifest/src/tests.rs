//! The whole way: text to app.

use std::time::Duration;

use crate::*;

const GOOD: &str = include_str!("../../../tests/manifests/good/everything/mecha.yaml");
const EVENTS: &str = include_str!("../../../tests/manifests/good/events/mecha.yaml");
const BINDINGS: &str = include_str!("../../../tests/manifests/good/bindings/mecha.yaml");
const ATOMIC: &str = include_str!("../../../tests/manifests/good/atomic/mecha.yaml");
const SECRET: &str = "correct-horse";

struct Fake;

impl Secrets for Fake {
    fn env(&self, name: &str) -> Option<String> {
        (name == "API_TOKEN").then(|| SECRET.to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        if path == "secrets/password" { Ok(format!("{SECRET}\n")) } else { Err("no such file".to_owned()) }
    }
}

fn good(text: &str) -> App {
    load(FILE, text, &Fake).unwrap().0
}

fn messages(text: &str) -> Vec<String> {
    load(FILE, text, &Fake).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_field_arrives() {
    let (app, warnings) = load(FILE, GOOD, &Fake).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(app.name.as_str(), "guestbook");
    assert_eq!(app.storage.cache, 48 << 20);
    let [component] = &app.components[..] else { panic!("{app:?}") };
    assert_eq!(component.name.as_str(), "guestbook");
    assert_eq!(component.source.value, "target/wasm32-wasip2/release/guestbook.wasm");
    assert_eq!(component.build.as_deref(), Some("cargo build --release --target wasm32-wasip2"));
    let routes: Vec<_> = component.routes.iter().map(|r| (r.host.as_ref(), r.path.to_string())).collect();
    let subdomains = HostPattern::Subdomains("example.com".into());
    assert_eq!(routes, [(None, "/".to_owned()), (Some(&subdomains), "/entries/{id}".to_owned())]);
    let fuel: Vec<_> = component.routes.iter().map(|route| route.fuel).collect();
    assert_eq!(fuel, [None, Some(50_000_000)]);
    let [main, audit] = &component.stores[..] else { panic!("{app:?}") };
    assert_eq!((main.access, main.prefix.as_deref()), (Access::ReadWrite, None));
    assert_eq!((audit.access, audit.prefix.as_deref()), (Access::Write, Some("log/")));
    let outbound: Vec<_> = component.outbound.iter().map(|o| (o.to_string(), o.private)).collect();
    let expected = [
        ("https://api.example.com", false),
        ("http://127.0.0.1:9000", false),
        ("https://internal.example.com", true),
    ];
    assert_eq!(outbound, expected.map(|(pattern, private)| (pattern.to_owned(), private)));
    let env: Vec<_> = component.env.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let expected = [
        ("GREETING", "hello"),
        ("VERSION", "1.10"),
        ("TOKEN", SECRET),
        ("DATABASE", "postgres://app:correct-horse@db/app"),
        ("TEMPLATE", "${name}"),
    ];
    assert_eq!(env, expected);
    let [directory] = &component.directories[..] else { panic!("{app:?}") };
    assert_eq!(
        (&*directory.host.value, &*directory.guest, directory.access),
        ("./public", "/public", DirAccess::Read)
    );
    let limits = Limits {
        memory: 256 << 20,
        wall_time: Duration::from_millis(1500),
        concurrency: 7,
        fuel: Some(1_000_000_000),
        request_body: Some(64_000_000),
        request_headers: 32 << 10,
        handles: 1000,
        stdio: 1 << 10,
        random: 4096,
        invoke_payload: 1 << 20,
        ..Limits::default()
    };
    assert_eq!(component.limits, limits);
    let [main, audit] = &app.stores[..] else { panic!("{app:?}") };
    assert_eq!(
        (main.kind, main.shared, main.max_size, main.max_value),
        (StoreKind::Embedded, false, None, 4 << 20)
    );
    assert_eq!((audit.shared, audit.max_size, audit.max_value), (true, Some(1 << 30), 5 << 20));
}

#[test]
fn a_component_is_limited_in_fuel_if_any_route_of_it_is() {
    for (component, limits) in [
        ("http: [/]", false),
        ("http: [/, { path: /a, limits: {} }], limits: { memory: 1MiB }", false),
        ("http: [/, { path: /a, limits: { fuel: 1 } }]", true),
        ("http: [/], limits: { fuel: 1 }", true),
        ("limits: { fuel: 1 }, callers: { outside: all }", true),
    ] {
        let app = good(&format!("name: a\ncomponents: {{ b: {{ source: b.wasm, {component} }} }}\n"));
        assert_eq!(app.components[0].limits_fuel(), limits, "{component}");
    }
}

#[test]
fn patterns_do_not_mean_the_implicit_topic() {
    let app = good(EVENTS);
    let [.., implicit] = &app.topics[..] else { panic!("no topics") };
    assert_eq!(
        (implicit.name.as_str(), implicit.implicit, implicit.kind),
        ("dead-letters", true, TopicKind::Embedded)
    );
    let takes =
        |name: &str| app.subscriptions.iter().find(|s| s.name.as_str() == name).unwrap().takes(implicit);
    assert!(takes("letters") && !takes("lenient"), "it has to be named");
}

#[test]
fn an_implicit_topic_is_in_memory_if_all_that_it_takes_is() {
    let app = |kind: &str| {
        let head = "name: a\ncomponents:\n  b: { source: b.wasm, publish: [t] }\nsubscriptions:\n  s: { topic: t, to: b }";
        good(&format!("{head}\ntopics: {{ t: {kind} }}\n")).topics[1].clone()
    };
    assert_eq!(app("memory"), Topic { max_size: 64 << 20, kind: TopicKind::Memory, ..app("embedded") });
}

#[test]
fn many_topics_and_subscriptions_are_compared_in_little_time_and_memory() {
    let mut text = "name: a\ncomponents:\n  b: { source: b.wasm }\ntopics:\n".to_owned();
    (0..400).for_each(|i| text.push_str(&format!("  t{i}: memory\n")));
    text.push_str("subscriptions:\n");
    (0..400).for_each(|i| text.push_str(&format!("  s{i}: {{ topic: \">\", to: b, dead-letter: t{i} }}\n")));
    assert!(messages(&text).len() < 2_000);
}

#[test]
fn a_component_is_atomic_if_anything_of_it_is() {
    let app = good(ATOMIC);
    let atomic: Vec<_> = app.components.iter().map(|component| app.has_atomic(component)).collect();
    assert_eq!(atomic, [true, true, false, true], "bank, rates, other, cached");
    let [bank, ..] = &app.components[..] else { panic!("{app:?}") };
    let routes: Vec<_> = bank.routes.iter().map(|route| route.atomic).collect();
    assert_eq!(routes, [false, true, true, true]);
    let [totals, ..] = &app.subscriptions[..] else { panic!("{app:?}") };
    assert!(!totals.is_atomic(bank) && app.schedules[0].is_atomic(bank) && app.inputs[0].is_atomic(bank));
    assert!(
        bank.atomic.method("transfer") && !bank.atomic.method("acme:bank/sums@1.0.0") && !bank.atomic.jobs()
    );
    // Each of these alone makes it so; the same without `true` does not.
    let cases = [
        ("", "http: [{ path: /, atomic: true }]"),
        (
            "subscriptions: { s: { topic: t, routes: [{ when: event.type == 'x', to: b }], atomic: true } }",
            "",
        ),
        ("schedules: { s: { every: 1s, to: b, atomic: true } }", ""),
        ("inputs: { i: { file: { directory: x }, to: b, atomic: true } }", ""),
        ("", "jobs: true, atomic: { jobs: true }"),
        ("", "callers: { outside: [m] }, atomic: { methods: { m: true } }"),
        ("", "callers: { outside: all }, atomic: { default: true }"),
    ];
    for (whole, part) in cases {
        let text = format!(
            "name: a\ntopics: {{ t: embedded }}\n{whole}\ncomponents: {{ b: {{ source: b.wasm, publish: [t], {part} }} }}\n"
        );
        let any = |text: &str| {
            let app = good(text);
            app.has_atomic(&app.components[0])
        };
        assert!(any(&text), "{text}");
        assert!(
            !any(&text
                .replace("default: true", "default: false")
                .replace("m: true", "m: false")
                .replace("atomic: true", "atomic: false")
                .replace("{ jobs: true", "{ jobs: false")),
            "{text}"
        );
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let app = good(GOOD);
    for text in [format!("{app:?}"), format!("{app:#?}"), format!("{:?}", app.components[0].env)] {
        assert!(text.contains("***") && !text.contains(SECRET), "{text}");
    }
}

#[test]
fn json_is_yaml() {
    let app = good(r#"{"name": "a", "components": {"b": {"source": "b.wat", "http": ["/"]}}}"#);
    assert_eq!(app.components[0].limits, Limits::default());
}

#[test]
fn short_forms_mean_the_same_as_long_ones() {
    let head = "name: a\ncomponents:\n  b: { source: b.wasm, http: [/], stores: { s: read } }\nstores:\n";
    for (short, long) in [("embedded", "{ embedded: {} }"), ("memory", "{ memory: {}, shared: false }")] {
        let mut stores = [short, long].map(|store| good(&format!("{head}  s: {store}\n")).stores);
        assert_eq!(stores[0], stores[1]);
        stores[0].clear();
    }
    let nothing = good(&format!("{head}  s:\n    embedded:\n"));
    assert_eq!(nothing.stores, good(&format!("{head}  s: embedded\n")).stores);
}

#[test]
fn aliases_and_merges_are_followed() {
    let app = good(
        "name: a\ncomponents:\n  b: &b { source: b.wasm, http: [/b], limits: { concurrency: 3 } }\n  c:\n    <<: *b\n    http: [/c]\n",
    );
    assert_eq!(app.components[1].limits.concurrency, 3);
    assert_eq!(app.components[1].routes[0].path.to_string(), "/c");
}

#[test]
fn all_problems_are_told_in_the_order_of_the_text() {
    let found = messages(
        "name: A\ncomponents:\n  b:\n    sauce: b.wasm\n    http: [b, \"/{x}/{x}\"]\n    limits: { memory: 5GiB, fuel: 0 }\nstores:\n  s: redis\n",
    );
    let places: Vec<_> = found.iter().map(|m| m.split(' ').next().unwrap()).collect();
    let expected = ["1:7", "3:3", "4:5", "5:12", "5:15", "6:23", "6:35", "8:3", "8:6"];
    assert_eq!(places, expected.map(|at| format!("mecha.yaml:{at}:")), "{found:#?}");
}

/// Whatever is read, there is an answer, it can be rendered, and no secret is in it.
fn survive(text: &str) {
    match load(FILE, text, &Fake) {
        Ok((app, warnings)) => {
            assert!(!format!("{app:?}").contains(SECRET));
            assert!(warnings.iter().all(|problem| problem.severity == Severity::Warning));
        }
        Err(problems) => {
            assert!(problems.iter().any(|problem| problem.severity == Severity::Error), "{text}");
            for problem in problems {
                let shown = render(&problem, text) + &problem.to_string();
                assert!(!shown.contains(SECRET), "{shown}");
            }
        }
    }
}

#[test]
fn no_truncation_panics() {
    for good in [GOOD, EVENTS, BINDINGS, ATOMIC] {
        for end in (0..good.len()).filter(|end| good.is_char_boundary(*end)) {
            survive(&good[..end]);
        }
    }
}

#[test]
fn no_mutation_panics() {
    let put = [":", "-", "\"", "{", "}", "\t", "\n", "*", "&", "ü", "\0", "9", ""];
    for good in [GOOD, EVENTS, BINDINGS, ATOMIC] {
        for (i, (at, old)) in good.char_indices().enumerate() {
            let (before, after) = (&good[..at], &good[at + old.len_utf8()..]);
            // Every byte sees one of the mutations, every mutation bytes everywhere.
            survive(&format!("{before}{}{after}", put[(i * 7 + 3) % put.len()]));
        }
    }
}
