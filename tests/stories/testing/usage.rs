//! The command by its flags.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Child,
};

use mecha_tests::host::{App, mecha, until};

use super::{WORK, guest, passes, results, rounds, test};

fn app(cases: &str) -> App {
    App::new(WORK).with_file("work.wat", guest(&rounds(10))).with_file("tests/all.yaml", cases)
}

/// As many cases: one of them, if any, expects something else.
fn many(count: usize, wrong: Option<usize>) -> String {
    let case = |n| {
        let status = if Some(n) == wrong { 404 } else { 200 };
        format!(
            "  case {n:04}: {{ when: {{ request: GET / }}, then: {{ response: {{ status: {status} }} }} }}\n"
        )
    };
    format!("cases:\n{}", (0..count).map(case).collect::<String>())
}

#[test]
fn a_thousand_cases_are_all_run() {
    let app = app(&many(1000, Some(500)));
    let found = results(&app, &[]);
    assert_eq!(found.len(), 1000);
    let failed: Vec<_> = found.iter().filter(|(_, line)| line["verdict"] != "passed").collect();
    assert!(matches!(&*failed, [(case, _)] if *case == "case 0500"), "{failed:?}");
    assert_eq!(test(&app, &[]).code, Some(1));
}

#[test]
fn a_filter_says_which_cases_are_run() {
    let app = app(&many(12, None));
    let listed = passes(&app, &["case 001", "--list"]).stdout;
    assert_eq!(listed, "tests/all.yaml::case 0010\ntests/all.yaml::case 0011\n");
    assert_eq!(results(&app, &["case 001"]).len(), 2);
    assert_eq!(results(&app, &["tests/all.yaml::case 0001", "--exact"]).len(), 1);
    let none = test(&app, &["of no case"]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("no case has `of no case`"), "{}", none.stderr);
}

#[test]
fn with_fail_fast_no_case_begins_once_one_has_failed() {
    let found = results(&app(&many(50, Some(0))), &["--fail-fast", "--jobs", "1"]);
    let count = |verdict| found.values().filter(|line| line["verdict"] == verdict).count();
    assert_eq!((count("failed"), count("passed"), count("not-run")), (1, 0, 49));
}

#[test]
fn junit_tells_programs_of_each_case() {
    let app = app(&many(3, Some(1)));
    let path = app.path().join("junit.xml");
    assert_eq!(test(&app, &["--junit", path.to_str().unwrap()]).code, Some(1));
    let xml = std::fs::read_to_string(&path).unwrap();
    assert!(xml.starts_with("<?xml"), "{xml}");
    assert_eq!((xml.matches("<testcase ").count(), xml.matches("<failure").count()), (3, 1), "{xml}");
    assert_eq!(xml.matches("<testsuite ").count(), xml.matches("</testsuite>").count(), "{xml}");
    assert!(xml.trim_end().ends_with("</testsuites>"), "{xml}");
}

/// Ended when it is dropped.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn watch_runs_again_when_something_changes() {
    let app = app(&many(2, None));
    let mut command = mecha(&["test", "--watch"]);
    let mut watching = Watching(command.arg(app.path()).spawn().unwrap());
    let mut stderr = watching.0.stderr.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut stderr.by_ref(), &mut std::io::sink()));
    let mut lines = BufReader::new(watching.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told = |what: &str| assert!(lines.any(|line| line.starts_with(what)), "{what} is never told");
    told("2 passed");
    // A change that comes before it looks again is seen too.
    std::fs::write(app.path().join("tests/all.yaml"), many(3, Some(2))).unwrap();
    told("2 passed, 1 failed");
    std::fs::write(app.path().join("tests/all.yaml"), many(4, None)).unwrap();
    told("4 passed");
    until("it goes on", || watching.0.try_wait().unwrap().is_none());
}
