//! The whole way: text to cases.

use mecha_primitives::clock::Timestamp;

use super::*;

const GOOD: &str = include_str!("../../../../tests/suites/good/everything/test.yaml");
const MANUAL: &str = include_str!("../../../../docs/test-files.md");
const APP: &str = include_str!("../../../../tests/suites/mecha.yaml");

/// The app that test files of tests are of.
pub(super) fn app() -> App {
    crate::load(crate::FILE, APP, &NoSecrets).unwrap().0
}

/// What a reader makes of a value.
pub(super) fn read_with<T>(
    text: &str,
    read: impl FnOnce(&mut Reader<'_>, &Item<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let root = tree::parse("t", text, &tree::TESTS).unwrap();
    let mut reader = Reader::new("t", &NoSecrets);
    let found = read(&mut reader, &Item::root(&root));
    let problems = reader.finish();
    assert_eq!(found.is_none(), !problems.is_empty(), "what is wrong is told: {problems:?}");
    found.ok_or(problems)
}

fn good(text: &str) -> Vec<Case> {
    load("t.yaml", text, &app()).unwrap().cases
}

fn messages(text: &str) -> Vec<String> {
    load("t.yaml", text, &app()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_case_leaves_open_is_as_usual() {
    let cases = good("cases: { a: { when: { request: GET / } } }");
    let [Case { name, given, when, within, .. }] = &cases[..] else { panic!("{cases:?}") };
    assert_eq!((name.as_str(), when.len(), within), ("a", 1, &Bounds::default()));
    assert_eq!((given.clock.to_owned(), given.seed), (Timestamp(1_893_456_000_000), 0));
    assert!(given.state.is_empty() && given.faults.is_empty());
}

#[test]
fn defaults_are_under_each_case() {
    let cases = good(
        "
defaults:
  given:
    clock: 2026-01-01T00:00:00Z
    seed: 5
    state: { notes: { a: 1, b: 2 } }
    env: { shop: { A: x, B: y } }
    secrets: { S: s }
    outputs: { payments: [{ operation: get }] }
    upstream: { request: 'https://a/' }
    callees: { pricing: { method: quote } }
    faults: [{ at: state.set, with: lost }]
  within: { fuel: 9, memory: 1MiB }
cases:
  a: { when: { tick: nightly } }
  b:
    given:
      clock: 1970-01-01T00:00:01Z
      seed: 0
      state: { notes: { b: 3, c: 4 } }
      env: { shop: { A: z }, basket: { A: w } }
      secrets: { S: t, T: u }
      outputs: { payments: { operation: post }, log: {} }
      upstream: [{ request: 'https://b/' }]
      callees: { pricing: { error: busy } }
      faults: [{ at: state.get, with: busy }]
    within: { fuel: 1, output: 0 }
    when: { tick: nightly }
",
    );
    let [a, b] = &cases[..] else { panic!("{cases:?}") };
    assert_eq!((a.given.clock, a.given.seed), (Timestamp(1_767_225_600_000), 5));
    assert_eq!((b.given.clock, b.given.seed), (Timestamp(1000), 0));
    let state = |case: &Case| {
        let all = case.given.state.iter();
        all.map(|stored| format!("{}={}", stored.key, String::from_utf8_lossy(&stored.value.to_bytes())))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!((state(a), state(b)), ("a=1 b=2".to_owned(), "a=1 b=3 c=4".to_owned()));
    assert_eq!(format!("{:?}", a.given.env), r#"[("shop", [("A", "x"), ("B", "y")])]"#);
    assert_eq!(
        format!("{:?}", b.given.env),
        r#"[("shop", [("A", "z"), ("B", "y")]), ("basket", [("A", "w")])]"#
    );
    assert_eq!(format!("{:?}", b.given.secrets), r#"[("S", "t"), ("T", "u")]"#);
    let [payments, log] = &b.given.outputs[..] else { panic!("{:?}", b.given.outputs) };
    let operations: Vec<_> = payments.1.iter().map(|answer| answer.operation.as_deref()).collect();
    assert_eq!((operations, log.1.len()), (vec![Some("post"), Some("get")], 1));
    let urls: Vec<_> = b.given.upstream.iter().map(|answer| answer.url.as_str()).collect();
    assert_eq!(urls, ["https://b/", "https://a/"]);
    assert_eq!(b.given.callees[0].1.len(), 2);
    let faults: Vec<_> = b.given.faults.iter().map(|fault| fault.operation.as_str()).collect();
    assert_eq!(faults, ["state.get", "state.set"]);
    let bounds = |case: &Case| {
        let Bounds { fuel, memory, output, .. } = case.within.clone();
        [fuel, memory, output].map(|bound| bound.map(|bound| bound.value))
    };
    assert_eq!(bounds(a), [Some(9), Some(1 << 20), None]);
    assert_eq!(bounds(b), [Some(1), Some(1 << 20), Some(0)]);
}

#[test]
fn too_much_is_refused_before_it_costs_anything() {
    let many = |count: usize| {
        let mut text = "cases:\n".to_owned();
        (0..count).for_each(|i| text.push_str(&format!("  c{i}: {{ when: {{ tick: nightly }} }}\n")));
        text
    };
    assert_eq!(good(&many(1_000)).len(), 1_000);
    assert_eq!(
        messages(&many(1_001)),
        ["t.yaml:2:3: error: 1001 cases in one file (at most 1000: spread them over several files)"]
    );
    let large =
        format!("defaults: {{ given: {{ state: {{ notes: {{ a: {} }} }} }} }}\n", "x".repeat(1 << 20));
    assert_eq!(good(&format!("{large}{}", many(60))).len(), 60);
    assert!(messages(&format!("{large}{}", many(100)))[0].contains("too large defaults for 100 cases"));
    let steps = |count: usize| format!("cases: {{ a: {{ when: [{}] }} }}", "{ wait: 1s }, ".repeat(count));
    assert_eq!(good(&steps(1_000))[0].when.len(), 1_000);
    assert!(messages(&steps(1_001))[0].contains("a list of 1001 steps"));
    let pairs = "{ at-once: [{ tick: nightly }, { tick: nightly }] }, ".repeat(501);
    assert!(messages(&format!("cases: {{ a: {{ when: [{pairs}] }} }}"))[0].contains("a case of 1002 steps"));
    let wrong = format!("cases: {{ a: {{ when: {{ tick: nightly }}, then: {{ state: {{ {} }} }} }} }}", {
        (0..50_000).map(|i| format!("s{i}: {{}}, ")).collect::<String>()
    });
    assert_eq!(messages(&wrong).len(), 1_000, "nobody reads more");
}

#[test]
fn all_problems_are_told_in_the_order_of_the_text() {
    let found = messages(
        "defaults: { given: { clock: 5 } }\ncases:\n  a:\n    when: [{ request: GET x }, { wait: 5 }]\n    then: { state: { nots: {} } }\n  b: {}\n",
    );
    let places: Vec<_> = found.iter().map(|m| m.split(' ').next().unwrap()).collect();
    assert_eq!(
        places,
        ["1:29", "4:23", "4:40", "5:22", "6:3"].map(|at| format!("t.yaml:{at}:")),
        "{found:#?}"
    );
}

#[test]
fn the_manual_is_right() {
    let indented = |block: &str, by: usize| {
        block.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect::<String>()
    };
    let mut parts = 0;
    for block in MANUAL.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let step = "cases:\n  a:\n    when: { request: GET / }\n";
        let text = match block.split(':').next().unwrap() {
            "defaults" => block.to_owned(),
            "when" => format!("cases:\n  a:\n{}", indented(block, 4)),
            "given" | "then" | "within" => format!("{step}{}", indented(block, 4)),
            "outputs" | "upstream" | "callees" | "faults" => {
                format!("{step}    given:\n{}", indented(block, 6))
            }
            "body" => format!("{step}    then:\n      response:\n{}", indented(block, 8)),
            comment => {
                assert!(comment.starts_with('#'), "{block}");
                continue;
            }
        };
        assert_eq!(good(&text).len(), 1, "{text}");
        parts += 1;
    }
    assert_eq!(parts, 10);
}

#[test]
fn the_manual_has_all_keys_and_words() {
    let keys: [&[&str]; 26] = [
        case::KEYS,
        case::CASE_KEYS,
        case::DEFAULTS_KEYS,
        case::WITHIN_KEYS,
        given::KEYS,
        answers::OUTPUT_KEYS,
        answers::UPSTREAM_KEYS,
        answers::CALLEE_KEYS,
        faults::KEYS,
        steps::REQUEST_KEYS,
        steps::EVENT_KEYS,
        steps::TICK_KEYS,
        steps::INPUT_KEYS,
        steps::INVOKE_KEYS,
        steps::WAIT_KEYS,
        steps::AT_ONCE_KEYS,
        expected::KEYS,
        expected::RESPONSE_KEYS,
        expected::ANSWER_KEYS,
        expected::EVENT_KEYS,
        expected::JOB_KEYS,
        expected::OUTPUT_KEYS,
        expected::REQUEST_KEYS,
        expected::CALLEE_KEYS,
        OPERATIONS[0].1,
        OPERATIONS[4].1,
    ];
    let classes = answers::classes().into_iter().map(|(name, _)| name);
    let kinds = answers::kinds().into_iter().map(|(name, _)| name);
    for word in keys.into_iter().flatten().copied().chain(classes).chain(kinds) {
        assert!(MANUAL.contains(&format!("`{word}`")), "{word}");
    }
    for operator in patterns::OPERATORS.iter().chain(data::OPERATORS).chain(lists::OPERATORS) {
        assert!(MANUAL.contains(operator), "{operator}");
    }
}

/// Whatever is read, there is an answer, and it can be rendered.
fn survive(app: &App, text: &str) {
    if let Err(problems) = load("t.yaml", text, app) {
        assert!(!problems.is_empty(), "{text}");
        problems.iter().for_each(|problem| drop(crate::render(problem, text)));
    }
}

#[test]
fn no_truncation_panics() {
    let app = app();
    for end in (0..GOOD.len()).step_by(7).filter(|end| GOOD.is_char_boundary(*end)) {
        survive(&app, &GOOD[..end]);
    }
}

#[test]
fn no_mutation_panics() {
    let app = app();
    let put = [":", "-", "\"", "{", "}", "\t", "\n", "*", "&", "ü", "\0", "9", "", "$"];
    for (i, (at, old)) in GOOD.char_indices().enumerate().step_by(5) {
        let (before, after) = (&GOOD[..at], &GOOD[at + old.len_utf8()..]);
        // Every mutation is seen everywhere.
        survive(&app, &format!("{before}{}{after}", put[(i * 9 + 3) % put.len()]));
    }
}
