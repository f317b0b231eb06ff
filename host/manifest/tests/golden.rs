//! Manifests and test files, and what is said about them: `tests/manifests/<case>/mecha.yaml` and `expected.txt`,
//! `tests/suites/<case>/test.yaml` (of the app of `tests/suites/mecha.yaml`) and `expected.txt`.
//!
//! A case below `good/` loads; its `expected.txt` has the app, after the warnings about it, or the tests. Any other case
//! does not. `BLESS=1` rewrites what is expected.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its own cases")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use mecha_manifest::{App, FILE, Secrets, load, render, suite};

const TEST_FILE: &str = "test.yaml";
const SECRET: &str = "correct-horse";

struct Fake;

impl Secrets for Fake {
    fn env(&self, name: &str) -> Option<String> {
        (name == "API_TOKEN").then(|| SECRET.to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        match path {
            "secrets/password" => Ok(format!("{SECRET}\n")),
            "secrets/binary" => Ok(format!("{SECRET}\0")),
            _ => Err("no such file".to_owned()),
        }
    }
}

#[test]
fn bad_manifests_are_told_what_is_wrong() {
    let cases = cases(&root("manifests"), 40);
    for case in cases.iter().filter(|case| !case.ends_with("good")) {
        let text = fs::read_to_string(case.join(FILE)).unwrap();
        let Err(problems) = load(FILE, &text, &Fake) else { panic!("{} is loaded", case.display()) };
        let rendered: Vec<_> = problems.iter().map(|problem| render(problem, &text)).collect();
        compare(case, &rendered.join("\n"));
    }
}

#[test]
fn good_manifests_are_loaded() {
    for case in cases(&root("manifests").join("good"), 4) {
        let text = fs::read_to_string(case.join(FILE)).unwrap();
        match load(FILE, &text, &Fake) {
            Ok((app, warnings)) => {
                let warnings: String = warnings.iter().map(|problem| render(problem, &text) + "\n").collect();
                compare(&case, &format!("{warnings}{app:#?}\n"));
            }
            Err(problems) => panic!("{}: {problems:#?}", case.display()),
        }
    }
}

#[test]
fn bad_tests_are_told_what_is_wrong() {
    let (app, cases) = (app_under_test(), cases(&root("suites"), 25));
    for case in cases.iter().filter(|case| !case.ends_with("good")) {
        let text = fs::read_to_string(case.join(TEST_FILE)).unwrap();
        let Err(problems) = suite::load(TEST_FILE, &text, &app) else {
            panic!("{} is loaded", case.display())
        };
        let rendered: Vec<_> = problems.iter().map(|problem| render(problem, &text)).collect();
        compare(case, &rendered.join("\n"));
    }
}

#[test]
fn good_tests_are_loaded() {
    let app = app_under_test();
    for case in cases(&root("suites").join("good"), 1) {
        let text = fs::read_to_string(case.join(TEST_FILE)).unwrap();
        match suite::load(TEST_FILE, &text, &app) {
            Ok(suite) => compare(&case, &format!("{:#?}\n", suite.cases)),
            Err(problems) => panic!("{}: {problems:#?}", case.display()),
        }
    }
}

fn app_under_test() -> App {
    let text = fs::read_to_string(root("suites").join(FILE)).unwrap();
    load(FILE, &text, &Fake).unwrap().0
}

fn root(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(of)
}

/// The folders in `root`, of which there are at least as many: a wrong path must not make a test pass.
fn cases(root: &Path, least: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    assert!(cases.len() >= least, "{} cases in {}", cases.len(), root.display());
    cases
}

fn compare(case: &Path, found: &str) {
    assert!(!found.contains(SECRET), "{} tells a secret:\n{found}", case.display());
    let path = case.join("expected.txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} (BLESS=1 accepts this)\n--- expected\n{expected}\n--- found\n{found}",
        path.display()
    );
}
