//! Tests that are components: found beside the manifest, run with the others, and no danger to them.

use mecha_tests::host::{App, Output, cache, guest, mecha, output, project};

const POST: &str = "
name: post
topics: { news: embedded }
subscriptions: { all: { topic: news, to: courier } }
schedules: { yearly: { cron: '0 0 1 1 *', to: courier } }
stores: { seen: embedded }
outputs: { out: { http: { url: 'https://hooks.example.com' } } }
{inputs}
components:
  courier:
    source: '{guests}/courier.wasm'
    http: [/]
    stores: { seen: read-write }
    publish: [news]
    jobs: true
    invoke: [other]
    outputs: { out: all }
  other:
    source: '{guests}/courier.wasm'
    callers: { courier: all }
    stores: { seen: read-write }
  probe:
    source: '{guests}/probe.wasm'
    http: [/fetch]
    outbound: ['https://api.example.com']
";

fn post(inputs: &str) -> App {
    let app = App::new(&POST.replace("{inputs}", inputs));
    app.with_file("tests/examiner.wasm", std::fs::read(guest("examiner")).unwrap())
}

fn test(app: &App, args: &[&str]) -> Output {
    let path = app.path().to_str().unwrap();
    output(
        mecha(&[&["test", path, "--cache", cache().to_str().unwrap()], args].concat())
            .current_dir(app.path()),
    )
}

/// What is said of each failed case, by its name.
fn said<'o>(output: &'o Output, case: &str) -> &'o str {
    let found = output
        .stdout
        .split("\nFAILED  ")
        .find(|block| block.lines().next().unwrap_or_default().ends_with(case));
    found.unwrap_or_else(|| panic!("{case} has not failed:\n{}", output.stdout))
}

#[test]
fn a_test_component_asks_for_all_that_there_is() {
    let app = post("");
    let ended = test(&app, &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let whys = [
        ("to_fail_by_an_error", "this is why"),
        (
            "to_fail_by_an_assertion",
            "assertion `left == right` failed: there is nothing\n    left: 404\n   right: 200",
        ),
        ("to_fail_by_an_assertion", "  tests/programs/examiner/src/lib.rs:"),
        ("to_fail_by_a_name", "there is no store `sen`; there are `seen`"),
        ("to_fail_by_an_exit", "nothing to be done"),
        ("to_fail_by_a_second_beginning", "`begin` comes first, and once"),
        ("to_fail_by_a_call_that_failed", "the test did not ask for `failures`: trap: "),
        ("to_fail_by_what_has_no_answer", "the case has no answer"),
        ("to_fail_by_an_answer_for_who_answers", "the component `other` answers for itself"),
        ("to_fail_without_an_input", "there is no input `inbox`: the app has no inputs"),
    ];
    for (case, why) in whys {
        assert!(said(&ended, case).contains(why), "{case}: {}", ended.stdout);
    }
    assert!(ended.stdout.contains("13 passed, 9 failed"), "{}", ended.stdout);
}

#[test]
fn a_file_for_an_input_is_taken() {
    let app =
        post("inputs: { inbox: { file: { directory: ./inbox }, to: courier } }").with_file("inbox/.keep", "");
    let ended = test(&app, &["to_fail_without_an_input"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn the_same_test_component_uses_the_same_fuel_in_every_order() {
    let app = post("");
    let fuel = |args: &[&str]| {
        let ended = test(&app, &[&["--json"], args].concat());
        let mut lines: Vec<_> =
            ended.stdout.lines().filter(|line| line.contains("\"case\"")).map(str::to_owned).collect();
        for line in &mut lines {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            value.as_object_mut().unwrap().remove("took-ms");
            *line = value.to_string();
        }
        assert_eq!(lines.len(), 22, "{}", ended.stdout);
        lines
    };
    assert_eq!(fuel(&["--jobs", "1"]), fuel(&["--jobs", "4", "--shuffle", "3"]));
}

#[test]
fn a_hostile_test_component_ends_its_case_only() {
    let wat = std::fs::read(project().join("tests/programs/wat/suite.wat")).unwrap();
    let app = App::new("name: a\ncomponents: { a: { source: '{guests}/hello.wasm', http: [/] } }")
        .with_file("tests/suite.wat", wat);
    let ended = test(&app, &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let whys = [
        ("eat", "the test itself needs more than 256 MiB of memory"),
        ("loop", "the test itself used up its 4,000,000,000 fuel"),
        ("traps", "the test ended in the middle: wasm `unreachable` instruction executed"),
        ("refuse", "nothing is right"),
        ("recurse", "the test itself ran out of stack"),
    ];
    for (case, why) in whys {
        assert!(said(&ended, case).contains(why), "{case}: {}", ended.stdout);
    }
    assert!(ended.stdout.contains("1 passed, 5 failed"), "{}", ended.stdout);
}

#[test]
fn what_is_no_test_component_is_refused_and_a_test_component_is_not_served() {
    let hello = "name: a\ncomponents: { a: { source: '{guests}/hello.wasm', http: [/] } }";
    let app = App::new(hello).with_file("tests/hello.wasm", std::fs::read(guest("hello")).unwrap());
    let ended = test(&app, &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("tests/hello.wasm exports no `mecha:test/suite`"), "{}", ended.stderr);
    let app = App::new("name: a\ncomponents: { a: { source: '{guests}/examiner.wasm', http: [/] } }");
    let ended = output(&mut mecha(&["check", app.path().to_str().unwrap()]));
    assert!(ended.stderr.contains("the component imports `mecha:test/app@0.1.0`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("only tests have it: put the component into `tests/`"), "{}", ended.stderr);
}

#[test]
fn the_bank_keeps_its_promises_and_without_atomic_true_it_does_not() {
    let manifest = std::fs::read_to_string(project().join("examples/bank/mecha.yaml")).unwrap();
    let manifest = manifest.replace("../../target/wasm32-wasip2/release", "{guests}");
    let bank = |manifest: &str| {
        App::new(manifest).with_file("tests/bank.wasm", std::fs::read(guest("bank_tests")).unwrap())
    };
    let ended = test(&bank(&manifest), &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let ended = test(&bank(&manifest.replace("    atomic: true\n", "")), &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let said = said(&ended, "a_transfer_that_cannot_be_told_does_not_happen");
    assert!(said.contains("left: (90, 110)\n   right: (100, 100)"), "{said}");
}
