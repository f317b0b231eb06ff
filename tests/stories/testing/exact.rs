//! The same fuel, to the unit.

use std::collections::BTreeMap;

use mecha_tests::host::App;

use super::results;

const PROBE: &str = "
name: exact
components:
  probe: { source: '{guests}/probe.wasm', http: [/] }
  keeper: { source: '{guests}/keeper.wasm', http: [{ host: keeper, path: / }], stores: { main: read-write } }
stores: { main: embedded }
";

const CASES: &str = "
cases:
  chance: { given: { seed: 5 }, when: { request: 'GET /random?bytes=32' } }
  time: { when: [{ request: GET /time }, { wait: 1h }, { request: GET /time }] }
  work: { when: { request: 'GET /compute?words=1000' } }
  bodies: { when: { request: POST /echo, body: { a: [1, 2, 3] } } }
  asleep: { when: { request: 'GET /sleep?ms=20000' } }
  bit by bit: { when: { request: 'GET /slow-body?chunks=20&ms=100' } }
  at once:
    when:
      at-once:
        - { request: POST http://keeper/call, body: { store: main, op: set, key: a, value: x } }
        - { request: POST http://keeper/call, body: { store: main, op: set, key: a, value: y } }
        - { request: 'GET /random?bytes=8' }
";

fn fuel(app: &App, args: &[&str]) -> BTreeMap<String, u64> {
    let fuel = |(case, line): (String, serde_json::Value)| {
        assert_eq!(line["verdict"], "passed", "{line}");
        (case, line["fuel"].as_u64().unwrap())
    };
    results(app, args).into_iter().map(fuel).collect()
}

#[test]
fn the_same_case_uses_the_same_fuel_however_it_is_run() {
    let app = App::new(PROBE).with_file("tests/all.yaml", CASES);
    let first = fuel(&app, &[]);
    assert_eq!(first.len(), 7);
    assert!(first.values().all(|fuel| *fuel > 0), "{first:?}");
    for args in
        [&[][..], &["--jobs", "1"], &["--jobs", "4"], &["--shuffle", "7"], &["--shuffle", "8"], &["--trace"]]
    {
        assert_eq!(fuel(&app, args), first, "{args:?}");
    }
    for (case, used) in &first {
        assert_eq!(fuel(&app, &[&format!("tests/all.yaml::{case}"), "--exact"])[case], *used, "{case} alone");
    }
    let elsewhere = App::new(PROBE).with_file("tests/all.yaml", CASES);
    assert_eq!(fuel(&elsewhere, &[]), first, "in another folder");
}

#[test]
fn others_that_run_meanwhile_change_nothing() {
    let app = App::new(PROBE).with_file("tests/all.yaml", CASES);
    let alone = fuel(&app, &["--jobs", "1"]);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| fuel(&app, &["--jobs", "4"]))).collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), alone);
        }
    });
}
