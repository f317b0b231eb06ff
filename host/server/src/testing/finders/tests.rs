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
topics: { orders: {}, plainly: {}, safely: {} }
subscriptions:
  plainly: { topic: plainly, to: plain }
  safely: { topic: safely, to: safe }
stores: { main: embedded }
outputs:
  pay: { http: { url: 'https://pay.example.com' } }
components:
  plain:
    source: 'GUESTS/teller.wasm'
    http: ['{plain}/plain']
    stores: { main: read-write }
    publish: [orders]
    outputs: { pay: all }
    jobs: true
  safe:
    source: 'GUESTS/teller.wasm'
    atomic: true
    http: [/, { path: /keyed, idempotency: true }]
    stores: { main: read-write }
    publish: [orders]
    outputs: { pay: all }
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
        let text = APP.replace("GUESTS", &guests.display().to_string()).replace("{plain}", "");
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

fn request(path: &str, script: &str) -> String {
    format!("      - {{ request: POST {path}, body: [{script}] }}\n")
}

fn event(topic: &str, script: &str) -> String {
    format!("      - {{ event: {topic}, data: [{script}] }}\n")
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

type Find = fn(&Bench, &Case) -> anyhow::Result<Found>;

#[test]
fn probe() {
    for (name, find) in [("crash", crash_everywhere as Find), ("fail", fail_everywhere as Find)] {
        for when in [
            request("/plain", &[PAY, DONE].join(", ")),
            request("/plain", &[PAY_KEYED, DONE].join(", ")),
            event("plainly", COUNT),
            event("safely", COUNT),
            request("/plain", REMIND),
        ] {
            let found = find(bench(), &case(&when)).unwrap();
            println!("{name} {when}{} {:?}", found.tried, found.skipped);
            if let Some(broken) = &found.broken {
                println!("{}", broken.shown());
            }
        }
    }
}
