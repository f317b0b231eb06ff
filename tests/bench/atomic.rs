//! What an atomic call costs, beside the same call made without: one read, one write and one publication.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_backends::memory;
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::{Action, Batch, Change, Engine, Expect, Record, Version},
    identity::CallId,
    unit::{Bounds, Unit},
};

use crate::{
    load::{Round, round},
    median,
    serving::{Server, guest, host, target},
};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(2);
/// So many that two calls seldom meet.
const DISJOINT: &str = "keys=1000000";

pub fn calls() {
    println!("\none read, one write and one publication, {ROUNDS} rounds of {TIME:?} in turn, medians");
    for storage in ["memory", "embedded"] {
        println!("\n{storage:<42} {:>8} {:>12} {:>10}", "calls/s", "CPU us/call", "runs/call");
        // Not on /tmp, which may lie in memory.
        let folder = tempfile::tempdir_in(target()).unwrap();
        std::fs::write(folder.path().join("mecha.yaml"), manifest(storage)).unwrap();
        let server = Server::start("mecha-host serve", host().arg(folder.path()));
        for (callers, keys, what) in [
            (1, DISJOINT, "one caller"),
            (32, DISJOINT, "32 callers, keys of their own"),
            (32, "keys=1", "32 callers, one key"),
        ] {
            let (mut atomic, mut plain) = (vec![], vec![]);
            let before = conflicts(folder.path());
            for _ in 0..ROUNDS {
                plain.push(turns(&server, "plain", keys, callers));
                atomic.push(turns(&server, "atomic", keys, callers));
            }
            let again = conflicts(folder.path()) - before;
            for (name, again, rounds) in [("without", 0.0, plain), ("atomic", again, atomic)] {
                let calls: f64 = rounds.iter().map(|round| round.per_second * TIME.as_secs_f64()).sum();
                let per_second = median(rounds.iter().map(|round| round.per_second).collect());
                let cpu = median(rounds.iter().map(|round| round.cpu_us).collect());
                let runs = 1.0 + again / calls;
                println!("{:<42} {per_second:>8.0} {cpu:>12.1} {runs:>10.3}", format!("{what}, {name}"));
            }
        }
    }
    println!("\na unit of work with one read, one write and one append: {:.0} B", unit());
}

/// Runs that were in vain, since the host was started.
fn conflicts(app: &Path) -> f64 {
    let mut command = Command::new(target().join("release/mecha-host"));
    let asked = command.args(["conflicts", "--json", "--limit", "1000", "--app"]).arg(app).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    told["conflicts"].as_array().unwrap().iter().filter_map(|hot| hot["runs"].as_f64()).sum()
}

/// Bytes of memory that a unit of work takes, with the snapshot that it holds.
fn unit() -> f64 {
    const UNITS: u32 = 20_000;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine: Arc<dyn Engine> = Arc::new(memory::Engine::new(Arc::new(ManualClock::default())));
    let record = |n| Record {
        version: Version::new(CallId(u128::from(n)), 1, 0),
        expires_at: None,
        media_type: None,
        value: Bytes::from_static(&[7; 100]),
    };
    let before = resident();
    let units: Vec<_> = (0..UNITS)
        .map(|n| {
            let unit = Unit::new(engine.clone(), Timestamp(0), Bounds::default());
            let key = Bytes::from(format!("app/state/main/{n}"));
            let put =
                Change { key: key.clone(), expect: Some(Expect::Absent), action: Action::Put(record(n)) };
            let action = Action::Append { ordinal: 0, record: record(n) };
            let append = Change { key: "app/topics/t/e/".into(), expect: None, action };
            runtime
                .block_on(unit.engine().commit(Batch { changes: vec![put, append], ..Batch::default() }))
                .unwrap();
            unit
        })
        .collect();
    let held = resident() - before;
    drop(units);
    held / f64::from(UNITS)
}

/// Resident memory of this process, in bytes. (proc(5), /proc/pid/statm, in pages of 4 KiB)
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

fn turns(server: &Server, path: &str, keys: &str, callers: usize) -> Round {
    // A handful of paths in all.
    let path: &'static str = format!("/{path}?{keys}").leak();
    round(server.address, &server.child, path, callers, TIME)
}

fn manifest(storage: &str) -> String {
    format!(
        "name: turns\ntopics:\n  turns: {storage}\nstores:\n  seen: {storage}\ncomponents:\n  courier:\n    \
         source: {}\n    http: [{{ path: /atomic, atomic: true }}, /plain]\n    publish: [turns]\n    \
         stores: {{ seen: read-write }}\n",
        guest("courier.wasm").display()
    )
}
