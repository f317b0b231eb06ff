//! The finders find: components with a known fault, and others without. None is missed, none is accused.

use std::sync::OnceLock;

use mecha_manifest::suite;

use super::*;
use crate::{
    files::{Kind, Source},
    testing::bench::Options,
};

/// The guest that carries out scripts, as `plain`, and as `safe`, which is atomic.
const APP: &str = "
name: shop
topics: { orders: { embedded: {} }, plainly: { embedded: {} }, safely: { embedded: {} } }
subscriptions:
  plainly: { topic: plainly, to: plain }
  safely: { topic: safely, to: safe }
schedules:
  daily-plainly: { cron: '0 5 * * *', to: plain, data: '[{ \"do\": \"increment\", \"key\": \"count\", \"by\": 1 }]' }
  daily: { cron: '0 4 * * *', to: safe, data: '[{ \"do\": \"increment\", \"key\": \"count\", \"by\": 1 }]' }
stores: { main: embedded }
outputs:
  pay: { http: { url: 'https://pay.example.com' } }
components:
  plain:
    source: 'GUESTS/teller.wasm'
    http: [/plain]
    stores: { main: read-write }
    publish: [orders, plainly]
    outputs: { pay: [post] }
    jobs: true
  safe:
    source: 'GUESTS/teller.wasm'
    atomic: true
    http: [/, { path: /keyed, idempotency: true }]
    stores: { main: read-write }
    publish: [orders]
    outputs: { pay: [post] }
    jobs: true
";

/// One for all tests.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let deps = std::env::current_exe().unwrap();
        let target = deps.ancestors().find(|folder| folder.join("wasm32-wasip2").is_dir());
        let target = target.expect("the guests are not built: run `cargo guests`");
        let guests = target.join("wasm32-wasip2/release");
        let text = APP.replace("GUESTS", &guests.display().to_string());
        let source = Source { folder: guests, kind: Kind::Manifest { file: "mecha.yaml".to_owned(), text } };
        Bench::new(&source, &Options::default()).unwrap_or_else(|report| panic!("{}", report.rendered()))
    })
}

fn case(when: &str) -> Case {
    let text = format!(
        "defaults: {{ given: {{ outputs: {{ pay: {{ data: paid }} }}, state: {{ main@plain: {{ a: 10, b: 0 }} }} }} }}\n\
         cases:\n  it:\n    when:\n{when}"
    );
    let suite = suite::load("tests/it.yaml", &text, &bench().loaded.app);
    let suite = suite.unwrap_or_else(|wrong| panic!("{text}\n{wrong:?}"));
    suite.cases.into_iter().next().unwrap()
}

fn request(path: &str, script: &[&str]) -> String {
    format!("      - {{ request: POST {path}, body: [{}] }}\n", script.join(", "))
}

fn keyed(script: &[&str]) -> String {
    let script = script.join(", ");
    format!("      - {{ request: POST /keyed, headers: {{ idempotency-key: k1 }}, body: [{script}] }}\n")
}

fn event(topic: &str, script: &[&str]) -> String {
    format!("      - {{ event: {topic}, data: [{}] }}\n", script.join(", "))
}

fn at_once(one: &str, other: &str) -> String {
    let of = |script: &str| format!("{{ request: POST /plain, body: [{script}] }}");
    format!("      - at-once: [{}, {}]\n", of(one), of(other))
}

fn job(script: &str) -> String {
    format!("{{ do: schedule, name: later, after-ms: 1000, script: [{script}], replace: true }}")
}

fn chain(script: &str) -> String {
    format!("{{ do: publish, topic: plainly, id: one, data: [{script}] }}")
}

const PAY: &str = "{ do: output, name: pay, operation: post, data: '5' }";
const PAY_KEYED: &str =
    "{ do: output, name: pay, operation: post, data: '5', meta: { idempotency-key: order-1 } }";
const DONE: &str = "{ do: set, key: done, value: 'yes' }";
const IF_DONE: &str = "{ do: if-equal, keys: { done: 'yes' }, then: [{ do: answer }] }";
const PUBLISH: &str = "{ do: publish, topic: orders, data: [1] }";
const PUBLISH_KNOWN: &str = "{ do: publish, topic: orders, data: [1], id: order-1 }";
const MOVE: &str = "{ do: move, from: a, to: b, amount: 1 }";
const COUNT: &str = "{ do: increment, key: count, by: 1 }";
const REMIND: &str = "{ do: schedule, name: remind, after-ms: 7200000, script: [], replace: true }";

/// What each does, how it is told of, and whether crashes and failures of host calls break it.
type Known = (&'static str, fn() -> String, bool, bool);

const KNOWN: &[Known] = &[
    // Faulty.
    ("pays twice", || request("/plain", &[PAY, DONE]), true, true),
    ("pays before it looks", || request("/plain", &[IF_DONE, PAY, DONE]), true, true),
    ("notes that it has paid before it pays", || request("/plain", &[IF_DONE, DONE, PAY]), true, true),
    ("publishes before it writes", || request("/plain", &[PUBLISH, DONE]), true, true),
    ("moves in two steps", || request("/plain", &[MOVE]), true, true),
    ("counts an event twice", || event("plainly", &[COUNT]), true, true),
    ("pays twice for an event", || event("plainly", &[PAY, DONE]), true, true),
    ("publishes again when an event comes again", || event("plainly", &[PUBLISH]), true, true),
    ("counts without a key", || request("/", &[COUNT]), true, false),
    (
        "forgets errors",
        || request("/plain", &["{ do: try, step: { do: set, key: x, value: '1' } }"]),
        false,
        true,
    ),
    (
        "forgets errors of events",
        || event("plainly", &["{ do: try, step: { do: set, key: x, value: '1' } }"]),
        false,
        true,
    ),
    (
        "forgets to have paid",
        || request("/plain", &["{ do: try, step: { do: output, name: pay, operation: post } }"]),
        true,
        true,
    ),
    // Sound.
    ("reads", || request("/plain", &["{ do: get, key: a }"]), false, false),
    ("writes what it is told", || request("/plain", &[DONE]), false, false),
    ("pays with a key", || request("/plain", &[PAY_KEYED, DONE]), false, false),
    ("publishes with an id", || request("/plain", &[PUBLISH_KNOWN, DONE]), false, false),
    ("pays with a key for an event", || event("plainly", &[PAY_KEYED, DONE]), false, false),
    ("schedules by name", || request("/plain", &[REMIND]), false, false),
    ("counts an event with its settlement", || event("safely", &[COUNT]), false, false),
    ("moves, publishes and pays at once", || event("safely", &[MOVE, PUBLISH, PAY]), false, false),
    ("knows the request again", || keyed(&[MOVE, COUNT, PUBLISH]), false, false),
    ("has a job that writes", || request("/plain", &[&job(DONE)]), false, false),
    ("writes for what it publishes to itself", || request("/plain", &[&chain(DONE)]), false, false),
    (
        "counts days in one commit each",
        || "      - { tick: daily }\n      - { wait: 30m }\n".to_owned(),
        false,
        false,
    ),
    (
        "two at once",
        || at_once(DONE, &["{ do: set, key: other, value: '1' }", PAY_KEYED].join(", ")),
        false,
        false,
    ),
    ("two requests with keys", || keyed(&[COUNT]) + &request("/plain", &[DONE]), false, false),
];

#[test]
fn no_crash_is_missed_and_nobody_is_accused_of_one() {
    all_known(crash_everywhere, |(_, _, by_crash, _)| *by_crash);
}

#[test]
fn no_failure_is_missed_and_nobody_is_accused_of_one() {
    all_known(fail_everywhere, |(_, _, _, by_failure)| *by_failure);
}

fn all_known(find: fn(&Bench, &Case) -> anyhow::Result<Found>, breaks: fn(&Known) -> bool) {
    let mut wrong = vec![];
    for known in KNOWN {
        let (name, when, ..) = known;
        let case = case(&when());
        let found = find(bench(), &case).unwrap();
        if found.skipped.is_some() || found.tried == 0 || found.broken.is_some() != breaks(known) {
            wrong.push(format!("{name}: {:?} {}", found.skipped, shown(&found)));
        }
        let Some(broken) = &found.broken else { continue };
        let again = replay(bench(), &case, &broken.replay).unwrap().unwrap().broken.unwrap();
        assert_eq!((&again.what, &again.sequence), (&broken.what, &broken.sequence), "{name}");
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

#[test]
fn what_is_found_is_told_as_a_person_reads_it() {
    let found = crash_everywhere(bench(), &case(&request("/plain", &[IF_DONE, PAY, DONE]))).unwrap();
    let expected = "\
output pay: post 5 happened 2 times instead of once

   1  plain: state.get main/done → nothing
   2  plain: bindings.invoke pay.post → paid
   3  plain: state.set main/done  ← the host crashes before this
  it begins again: who has no answer asks again, what is not settled is delivered again
   4  plain: state.get main/done → nothing
   5  plain: bindings.invoke pay.post → paid
   6  plain: state.set main/done
  at last the client is told 200

Again: --replay crash:5
What would help: with `atomic: true` on component `plain` this cannot happen (tried: 4 crashes, none lost or doubled anything)
";
    assert_eq!(shown(&found), expected);

    let when = event("plainly", &["{ do: try, step: { do: set, key: x, value: '1' } }"]);
    let found = fail_everywhere(bench(), &case(&when)).unwrap();
    let expected = "\
state main@plain/x is not there instead of 1

   1  plain: state.set main/x  ← it does not happen, and the component is told: unavailable

3 other places break it too.
Again: --replay fail:1:unavailable
What would help: end with an error if a host call fails, so that whoever asked tries again
";
    assert_eq!(shown(&found), expected);
}

#[test]
fn what_cannot_be_compared_is_skipped() {
    let mut faulty = case(&request("/plain", &[DONE]));
    faulty.given.faults = suite_with_fault();
    let found = crash_everywhere(bench(), &faulty).unwrap();
    assert_eq!((found.tried, found.skipped.as_deref()), (0, Some("the case has faults of its own")));
    let safe = case(&request("/plain", &[DONE]));
    assert!(replay(bench(), &safe, "swim:1").is_none(), "there is no such finder");
    assert!(replay(bench(), &safe, "crash:x").is_none());
    assert!(replay(bench(), &safe, "fail:1:sunshine").is_none());
    assert!(replay(bench(), &safe, "crash:99").unwrap().is_err(), "the case has no such place");
    assert_eq!(replay(bench(), &safe, "crash:1").unwrap().unwrap().broken, None);
}

fn suite_with_fault() -> Vec<suite::Fault> {
    let text =
        "cases: { it: { given: { faults: [{ at: state.set, with: busy }] }, when: { request: GET / } } }";
    let suite = suite::load("tests/it.yaml", text, &bench().loaded.app).unwrap();
    suite.cases.into_iter().next().unwrap().given.faults
}

fn shown(found: &Found) -> String {
    found.broken.as_ref().map_or_else(|| "sound".to_owned(), Broken::shown)
}
