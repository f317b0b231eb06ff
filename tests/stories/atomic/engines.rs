//! Where it holds: on one engine. What cannot be is refused at load.

use mecha_tests::{courier::World, gate::Gate};

use super::{assert_accepted, assert_refused, teller};

/// A teller whose store is of this kind, with more.
fn bank(kind: &str, lines: &str, sections: &str) -> String {
    teller(kind, &Gate::closed(), lines, sections)
}

#[test]
fn an_atomic_component_whose_grants_are_spread_over_two_engines_is_refused_and_both_are_named() {
    let spread = [
        bank("embedded", "    publish: [news]", "topics: { news: memory }"),
        bank("memory", "    publish: [news]", "topics: { news: embedded }"),
        bank(
            "embedded",
            "",
            "topics: { news: memory }\nsubscriptions: { news: { topic: news, to: teller } }",
        ),
    ];
    for manifest in spread {
        assert_refused(&manifest, &["teller", "main", "news", "embedded", "memory"]);
    }
    let two = bank("embedded", "", "").replace("main: embedded", "main: embedded, other: memory");
    let two = two.replace("stores: { main: read-write }", "stores: { main: read-write, other: read }");
    assert_refused(&two, &["teller", "main", "other", "embedded", "memory"]);
}

#[test]
fn what_lives_in_the_database_does_not_go_with_state_in_memory() {
    assert_refused(&bank("memory", "    jobs: true", ""), &["teller", "main", "memory", "jobs"]);
    assert_refused(
        &bank("memory", "", "schedules: { often: { every: 1s, to: teller } }"),
        &["teller", "main", "memory", "often"],
    );
    let route = bank("memory", "", "").replace("http: [/,", "http: [{ path: /, idempotency: true },");
    assert_refused(&route, &["teller", "main", "memory"]);
}

#[test]
fn what_is_not_atomic_may_be_anywhere() {
    let topic =
        "topics: { news: memory }\nsubscriptions: { news: { topic: news, to: teller, atomic: false } }";
    assert_accepted(&bank("embedded", "", topic));
    let plain = bank("embedded", "    publish: [news]", "topics: { news: memory }");
    let plain = plain.replace("    atomic: true\n", "").replace(", outside: safe", "");
    assert_accepted(&plain);
    assert_accepted(&bank("memory", "", ""));
    assert_accepted(&bank("embedded", "    jobs: true", "schedules: { often: { every: 1s, to: teller } }"));
}

#[test]
fn dead_letters_may_be_anywhere_that_they_may_be_otherwise() {
    let sections = "
topics: { news: memory, failed: embedded }
subscriptions: { news: { topic: news, to: teller, dead-letter: failed } }";
    assert_accepted(&bank("memory", "    publish: [news]", sections));
}

#[test]
fn a_callee_on_another_engine_is_refused() {
    let callee = "components:\n  callee: { source: '{guests}/teller.wasm', atomic: true, callers: { teller: all }, stores: { far: read-write } }";
    let manifest = bank("embedded", "    invoke: [callee]", "").replacen("components:", callee, 1);
    let manifest = manifest.replace("stores: { main: embedded }", "stores: { main: embedded, far: memory }");
    assert_refused(&manifest, &["teller", "main", "embedded", "callee", "far", "memory"]);
    assert_accepted(
        &manifest.replace("invoke: [callee]", "invoke: { callee: { methods: all, outside: allow } }"),
    );
}

#[test]
fn what_goes_only_to_a_url_is_not_atomic() {
    let sections = "
topics: { news: embedded }
subscriptions: { news: { topic: news, to: { url: 'https://example.com/' }, atomic: true } }";
    assert_refused(&bank("embedded", "    publish: [news]", sections), &["news", "atomic"]);
}

#[test]
fn the_host_says_at_its_start_what_is_atomic() {
    let world = World::new(&bank("embedded", "", ""));
    let log = world.host.log();
    let lines: Vec<_> = log.lines().filter(|line| line.trim_start().starts_with("http ")).collect();
    let atomic: Vec<_> = lines.iter().map(|line| line.contains("atomic")).collect();
    assert_eq!(atomic, [true, false], "{lines:?}");
}
