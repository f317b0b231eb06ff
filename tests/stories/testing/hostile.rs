//! Whatever a component does, it ends its own case.

use mecha_tests::host::App;

use super::{guest, results, test, verdicts};

const PROBE: &str = "
name: hostile
components:
  probe: { source: '{guests}/probe.wasm', http: [/], limits: { fuel: 20000000, wall-time: 10s } }
";

/// What it is asked, and what is said of it.
const DEEDS: [(&str, &str); 13] = [
    ("loop", "limit"),
    ("grow", "limit"),
    ("overflow", "limit"),
    ("leak", "limit"),
    ("never", "limit"),
    ("log?lines=10000000&bytes=1000", "limit"),
    ("panic", "failed"),
    ("exit", "failed"),
    ("silent", "failed"),
    ("partial", "failed"),
    ("body?bytes=100000000", "passed"),
    ("env", "passed"),
    ("time", "passed"),
];

#[test]
fn a_hostile_component_ends_its_case_and_not_the_run() {
    let cases = DEEDS.map(|(deed, _)| format!("  {deed}: {{ when: {{ request: 'GET /{deed}' }} }}\n"));
    let app = App::new(PROBE).with_file("tests/all.yaml", format!("cases:\n{}", cases.concat()));
    let found = verdicts(&app);
    // A body without end is a lot of work, or a limit: either is an end.
    for (deed, verdict) in DEEDS.into_iter().filter(|(deed, _)| !deed.starts_with("body")) {
        assert_eq!(found.get(deed).map(String::as_str), Some(verdict), "{deed}: {found:#?}");
    }
    assert_eq!(found.len(), DEEDS.len());
}

#[test]
fn a_limit_says_which_and_where_it_was_hit() {
    let app =
        App::new(PROBE).with_file("tests/all.yaml", "cases: { it loops: { when: { request: GET /loop } } }");
    let limit = results(&app, &[]).remove("it loops").unwrap()["limit"].clone();
    assert_eq!((limit["component"].as_str(), limit["kind"].as_str()), (Some("probe"), Some("fuel")));
    let stack = limit["stack"].to_string();
    assert!(stack.contains("probe::"), "in the words of the guest: {stack}");
}

/// It traps whichever way it is called.
#[test]
fn a_component_that_traps_at_every_trigger_is_told_of_at_each() {
    let manifest = "
name: traps
components:
  courier: { source: '{guests}/courier.wasm', http: [/], stores: { seen: read-write }, jobs: true, callers: { outside: all } }
stores: { seen: embedded }
topics: { news: embedded }
subscriptions:
  all: { topic: news, to: courier, retry: { attempts: 2, min: 1m, max: 1m } }
schedules:
  nightly: { cron: '0 0 * * *', to: courier, data: '{\"do\": \"trap\"}', retry: { attempts: 2, min: 1m, max: 1m } }
";
    let cases = "
cases:
  an event: { when: [{ event: news, data: { do: trap } }, { wait: 1h }] }
  a tick: { when: [{ tick: nightly }, { wait: 1h }] }
  a call: { when: { invoke: courier.trap } }
";
    let app = App::new(manifest).with_file("tests/all.yaml", cases);
    let told = test(&app, &[]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    assert_eq!(told.stdout.matches("FAILED  ").count(), 3, "{}", told.stdout);
    assert!(told.stdout.contains("trap of courier"), "{}", told.stdout);
}

#[test]
fn a_guest_in_text_form_that_recurses_runs_out_of_stack() {
    let manifest = "\nname: deep\ncomponents:\n  deep: { source: deep.wat, http: [/] }\n";
    let app = App::new(manifest)
        .with_file("deep.wat", guest("(call $answer (local.get $request) (local.get $out))"))
        .with_file(
            "tests/all.yaml",
            "cases: { one: { when: { request: GET / } }, two: { when: { wait: 1s } } }",
        );
    let found = verdicts(&app);
    assert_eq!(found["two"], "passed");
    assert_eq!(found["one"], "limit");
}
