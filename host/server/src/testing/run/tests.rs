use std::sync::{
    Barrier, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    clock::SystemClock,
    testing::report::samples::{suite, tried},
};

/// What was told, in its order.
#[derive(Default)]
struct Heard {
    cases: usize,
    tried: Vec<String>,
    not_run: Vec<String>,
    began: usize,
    ended: usize,
}

impl Report for Heard {
    fn begin(&mut self, cases: usize) {
        self.cases = cases;
    }
    fn began(&mut self, _: &Suite, _: &Case) {
        self.began += 1;
    }
    fn ended(&mut self, _: &Tried) {
        self.ended += 1;
    }
    fn tried(&mut self, tried: &Tried) {
        self.tried.push(format!("{}::{}", tried.file, tried.case));
    }
    fn not_run(&mut self, suite: &Suite, case: &Case) {
        self.not_run.push(id(suite, case));
    }
    fn end(&mut self, _: &Summary) {}
}

/// Cases do as they are called.
struct Obedient<F>(F);

impl<F: Fn(&Case) + Sync> Runner for Obedient<F> {
    fn run(&self, suite: &Suite, case: &Case) -> Tried {
        (self.0)(case);
        let verdict = match case.name.as_str() {
            name if name.starts_with("fail") => Verdict::Failed(vec![]),
            name if name.starts_with("panic") => panic!("as it is called"),
            _ => Verdict::Passed,
        };
        Tried { file: suite.file.clone(), seen: Seen::default(), ..tried(&case.name, case.at.line, verdict) }
    }
}

fn options() -> Options<'static> {
    Options { filter: Filter::All, jobs: 4, fail_fast: false, shuffle: None, clock: &SystemClock }
}

fn suites() -> Vec<Suite> {
    vec![suite("tests/a.yaml", &["one", "two", "three"]), suite("tests/b.yaml", &["one", "fail", "more"])]
}

#[test]
fn cases_are_chosen_by_a_part_of_their_name() {
    let cases = [
        (Filter::All, 6),
        (Filter::Containing("one".into()), 2),
        (Filter::Containing("a.yaml".into()), 3),
        (Filter::Containing("b.yaml::o".into()), 1),
        (Filter::Containing("four".into()), 0),
        (Filter::Exactly("tests/a.yaml::one".into()), 1),
        (Filter::Exactly("one".into()), 0),
    ];
    for (filter, count) in cases {
        let options = Options { filter, ..options() };
        let mut heard = Heard::default();
        run(&suites(), &options, &Obedient(|_: &Case| {}), &mut heard).unwrap();
        assert_eq!(heard.tried.len(), count, "{:?}", options.filter);
        assert_eq!((heard.cases, heard.began, heard.ended), (count, count, count));
    }
}

#[test]
fn cases_are_reported_in_the_order_of_the_files() {
    let all: Vec<_> = suites()
        .iter()
        .flat_map(|suite| suite.cases.iter().map(|case| id(suite, case)).collect::<Vec<_>>())
        .collect();
    for (jobs, shuffle) in [(1, None), (1, Some(7)), (3, None), (64, Some(1))] {
        let options = Options { jobs, shuffle, ..options() };
        let mut heard = Heard::default();
        // The earlier ones last the longest.
        let slow =
            |case: &Case| thread::sleep(Duration::from_millis(if case.name == "one" { 20 } else { 1 }));
        let summary = run(&suites(), &options, &Obedient(slow), &mut heard).unwrap();
        assert_eq!(heard.tried, all);
        assert_eq!((summary.passed, summary.failed, summary.fuel), (5, 1, 6 * 401_133));
    }
}

#[test]
fn an_order_is_its_seeds() {
    let [first, again, other] = [3, 3, 4].map(|seed| order(100, Some(seed)));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_ne!(first, sorted);
    assert_eq!(sorted, order(100, None));
}

#[test]
fn cases_run_at_the_same_time() {
    let meet = Barrier::new(3);
    let met = AtomicUsize::new(0);
    let runner = Obedient(|_: &Case| {
        meet.wait();
        met.fetch_add(1, Ordering::Relaxed);
    });
    // Both ends of the run are multiples of three: nobody is left waiting alone.
    run(&suites(), &Options { jobs: 3, ..options() }, &runner, &mut Heard::default()).unwrap();
    assert_eq!(met.into_inner(), 6);
}

#[test]
fn a_panic_ends_the_case_and_not_the_run() {
    let suites = [suite("tests/a.yaml", &["panic", "two"])];
    struct Reasons(Vec<String>);
    impl Report for Reasons {
        fn tried(&mut self, tried: &Tried) {
            if let Verdict::Broken(why) = &tried.verdict {
                self.0.push(format!("{}:{} {why}", tried.file, tried.at));
            }
        }
        fn not_run(&mut self, _: &Suite, _: &Case) {}
        fn end(&mut self, _: &Summary) {}
    }
    let mut reasons = Reasons(vec![]);
    let summary = run(&suites, &options(), &Obedient(|_: &Case| {}), &mut reasons).unwrap();
    assert_eq!((summary.passed, summary.broken), (1, 1));
    assert!(!summary.all_passed());
    assert_eq!(reasons.0, ["tests/a.yaml:2:3 the host panicked: as it is called"]);
}

#[test]
fn failing_fast_begins_no_further_case() {
    let ran = Mutex::new(vec![]);
    let runner = Obedient(|case: &Case| ran.lock().unwrap().push(case.name.clone()));
    let mut heard = Heard::default();
    let summary =
        run(&suites(), &Options { jobs: 1, fail_fast: true, ..options() }, &runner, &mut heard).unwrap();
    assert_eq!(ran.into_inner().unwrap(), ["one", "two", "three", "one", "fail"]);
    assert_eq!(heard.not_run, ["tests/b.yaml::more"]);
    assert_eq!((summary.failed, summary.not_run), (1, 1));
    assert!(!summary.all_passed());
}

#[test]
fn many_cases_are_all_told_of() {
    let names: Vec<_> = (0..10_000).map(|i| format!("case {i}")).collect();
    let suites = [suite("tests/a.yaml", &names.iter().map(String::as_str).collect::<Vec<_>>())];
    let mut text = super::super::report::text::Text::new(vec![], false, Default::default());
    let summary = run(&suites, &options(), &Obedient(|_: &Case| {}), &mut text).unwrap();
    assert_eq!(summary.passed, 10_000);
}
