//! Who comes back from the dead, after its lease went to another, commits nothing.

use std::time::{Duration, Instant};

use mecha_tests::{
    gate::Gate,
    host::until,
    teller::{add, before_attempt, increase, publish, schedule, set},
};
use rustix::process::Signal;
use serde_json::json;

use super::world;

/// A lease is longer than its call may take: only a host that stands still for a while has such calls.
#[test]
fn a_handler_that_outlives_its_lease_commits_nothing() {
    let gate = Gate::closed();
    let sections = "
topics: { news: embedded, heard: { embedded: {}, keep: 1d } }
subscriptions: { readers: { topic: news, to: teller, retry: { attempts: 5, min: 1ms, max: 5ms } } }";
    let lines = "    publish: [news, heard]\n    limits: { wall-time: 1s }";
    let world = world("embedded", &gate, lines, sections);
    let script = [
        increase("handled"),
        add("added", 1),
        set("by", "attempt $attempt"),
        publish("heard", &[]),
        before_attempt(2, &[gate.pass()]),
    ];
    world.plain().done(&[publish("news", &script)]);
    gate.wait_for(1);
    world.host.signal(Signal::STOP);
    let stood_still = Instant::now();
    until("its lease is over", || stood_still.elapsed() > Duration::from_secs(17));
    // What it waits for is there when it comes back, and so is the end of its lease.
    gate.open_for_all();
    world.host.signal(Signal::CONT);
    world.wait_for_events("news", 0);
    world.wait_for_rest("teller");
    assert_eq!(world.value("handled").as_deref(), Some("1"));
    assert_eq!(world.value("added").as_deref(), Some("1"));
    assert_eq!(world.topic("heard")["events"], 1);
    assert_eq!(world.ask(&["dlq", "list"])["letters"].as_array().unwrap().len(), 0);
}

/// What its run is of is cancelled, or replaced, while it goes on.
#[test]
fn a_run_whose_job_has_gone_meanwhile_commits_nothing() {
    for replace in [false, true] {
        let gate = Gate::closed();
        let world = world("embedded", &gate, "    jobs: true", "");
        world.plain().done(&[schedule("job", 1, &[set("by", "the old"), add("n", 1), gate.pass()])]);
        gate.wait_for(1);
        let anew = json!({
            "do": "schedule", "name": "job", "after-ms": 1, "replace": true, "script": [add("n", 1), set("new", "1")]
        });
        world.plain().done(&[if replace { anew } else { json!({ "do": "cancel", "name": "job" }) }]);
        gate.open_for_all();
        if replace {
            world.wait_for_value("new", "1");
        }
        world.wait_for_rest("teller");
        assert_eq!(world.value("by"), None);
        assert_eq!(world.value("n").as_deref(), replace.then_some("1"));
    }
}
