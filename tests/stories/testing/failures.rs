//! Each kind of failure, as it is told.

use mecha_tests::host::App;

use super::{WORK, guest, passes, rounds, said, test};

const BAD: &str = "
name: bad
components:
  loop: { source: loop.wat, http: [/loop], limits: { fuel: 1000000 } }
  trap: { source: trap.wat, http: [/trap] }
  grow: { source: grow.wat, http: [/grow], limits: { memory: 2MiB } }
  work: { source: work.wat, http: [/] }
";

const CASES: &str = "cases:
  it loops: { when: { request: GET /loop } }
  it traps: { when: { request: GET /trap } }
  it grows: { when: { request: GET /grow } }
  it is well:
    when: { request: GET / }
    then: { response: { status: 200, body: \"Hello, world!\\n\" } }
  a trap is meant:
    when: { request: GET /trap }
    then: { faults: [trap] }
  it is another:
    when: { request: GET / }
    then: { response: { status: 201, body: { $contains: Grace } } }
  it is too much:
    when: { request: GET / }
    within: { fuel: 100 }
";

const TOLD: &str = "tests/all.yaml: 2 passed, 3 failed, 2 stopped by a limit

LIMIT  tests/all.yaml:2  it loops
  `loop` used up its fuel: limited to 1,000,000 fuel
  stopped in
    answer
  most fuel
    1,000,000  answer

FAILED  tests/all.yaml:3  it traps
  faults  at tests/all.yaml:3:3
    expected  an answer from each call; or, if none is meant, `faults` says so
    found
      trap of trap: wasm `unreachable` instruction executed
        in answer

LIMIT  tests/all.yaml:4  it grows
  `grow` needed more memory than it may have: limited to 2 MiB
  stopped in
    answer

FAILED  tests/all.yaml:11  it is another
  response.status  at tests/all.yaml:13:33
    expected  201
    found     200, with the body Hello, world!
  response.body  at tests/all.yaml:13:44
    expected  a text with Grace in it
    found     \"Hello, world!\\n\"

FAILED  tests/all.yaml:14  it is too much
  within.fuel  at tests/all.yaml:16:21
    expected  100 at the most
    found     50,058, 500.6 times as much

2 passed, 3 failed, 2 stopped by a limit
";

#[test]
fn each_failure_is_told_with_its_place_and_what_was_found() {
    let grow = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)";
    let app = App::new(BAD)
        .with_file("loop.wat", guest("(loop $ever (br $ever))"))
        .with_file("trap.wat", guest("(unreachable)"))
        .with_file("grow.wat", guest(grow))
        .with_file("work.wat", guest(&rounds(10_000)))
        .with_file("tests/all.yaml", CASES);
    let told = test(&app, &[]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    assert_eq!(said(&told), TOLD);
}

#[test]
fn a_wrong_test_file_is_refused_with_its_place_and_a_hint() {
    let app = App::new(WORK)
        .with_file("work.wat", guest(""))
        .with_file("tests/all.yaml", "cases:\n  one:\n    when: { reqest: GET / }\n");
    let told = test(&app, &[]);
    assert_eq!((told.code, &*told.stdout), (Some(1), ""));
    for part in ["--> tests/all.yaml:3:", "cases.one.when", "request"] {
        assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
    }
}

#[test]
fn an_app_without_tests_or_without_its_component_is_told_of() {
    let app = App::new(WORK).with_file("work.wat", guest(""));
    let none = test(&app, &[]);
    assert_eq!(none.code, Some(1), "{}", none.stdout);
    assert!(none.stderr.contains("tests"), "{}", none.stderr);

    let app = App::new(WORK).with_file("tests/all.yaml", "cases: { one: { when: { request: GET / } } }");
    let none = test(&app, &[]);
    assert_eq!(none.code, Some(1), "{}", none.stdout);
    assert!(none.stderr.contains("work.wat: No such file"), "{}", none.stderr);
}

/// The red test of the guide, and the green one.
#[test]
fn what_a_step_of_its_own_expects_is_told_where_it_is_written() {
    let cases = |status: u16| {
        format!(
            "cases:\n  one:\n    when:\n      - request: GET /\n        then: {{ response: {{ status: {status} }} }}\n      - wait: 1s\n"
        )
    };
    let app = App::new(WORK).with_file("work.wat", guest("")).with_file("tests/all.yaml", cases(404));
    let red = test(&app, &[]);
    assert_eq!(red.code, Some(1));
    assert!(
        red.stdout.contains("response.status  at tests/all.yaml:5:37\n    expected  404\n    found     200"),
        "{}",
        red.stdout
    );
    passes(&app.with_file("tests/all.yaml", cases(200)), &[]);
}
