use std::{path::Path, sync::Mutex};

use cap_std::{ambient_authority, fs::Dir};
use clap::Parser;
use mecha_manifest::{Problem, Span, suite::Case};

use super::*;
use crate::testing::{
    report::samples,
    seen::Seen,
    verdict::{Tried, Verdict},
};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(args: &[&str]) -> Args {
    Line::parse_from([&["test"], args].concat()).args
}

/// A case for each line; `wrong` is none.
fn load(file: &str, text: &str, _: &App) -> Result<Suite, Vec<Problem>> {
    if text.contains("wrong") {
        return Err(vec![Problem::error(file, Span { line: 1, column: 1 }, "", "it is wrong")]);
    }
    Ok(samples::suite(file, &text.lines().collect::<Vec<_>>()))
}

/// Cases do as they are called, and are remembered.
#[derive(Default)]
struct Ran(std::sync::Arc<Mutex<Vec<String>>>);

impl Runner for Ran {
    fn run(&self, suite: &Suite, case: &Case) -> Tried {
        self.0.lock().unwrap().push(case.name.clone());
        let verdict = if case.name == "fails" { Verdict::Failed(vec![]) } else { Verdict::Passed };
        Tried { file: suite.file.clone(), seen: Seen::default(), ..samples::tried(&case.name, 1, verdict) }
    }
}

/// The exit code, and the cases that were run.
fn run(line: &[&str]) -> (u8, Vec<String>) {
    let ran = Ran::default();
    let prepare = |_: &Args, _: &Tests| Ok(Box::new(Ran(ran.0.clone())) as Box<dyn Runner>);
    let code = super::run(&args(line), &load, &prepare);
    let mut ran = std::mem::take(&mut *ran.0.lock().unwrap());
    ran.sort();
    (code, ran)
}

const MANIFEST: &str = "name: shop\ncomponents: { shop: { source: shop.wasm, http: [/] } }\ninputs: { hook: { \
    http: { path: /hooks, signature: { secret: \"${env:NOBODY_HAS_SET_THIS}\" } }, to: shop } }";

fn app(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = Dir::open_ambient_dir(root.path(), ambient_authority()).unwrap();
    folder.create_dir("tests").unwrap();
    for (file, text) in [("mecha.yaml", MANIFEST)].iter().chain(files) {
        folder.write(file, text).unwrap();
    }
    root
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_is_run_and_how_it_ends() {
    let app = app(&[("tests/a.yaml", "one\ntwo"), ("tests/b.yaml", "fails\none")]);
    let (root, a) = (path(app.path()), app.path().join("tests/a.yaml"));
    let (file, manifest) = (path(&a), app.path().join("mecha.yaml"));
    let absent = a.with_file_name("c.yaml");
    let exact = format!("{file}::one");
    let cases: &[(&[&str], u8, &[&str])] = &[
        (&[root], exit::APP, &["fails", "one", "one", "two"]),
        (&[path(&manifest)], exit::APP, &["fails", "one", "one", "two"]),
        (&[root, "one"], exit::OK, &["one", "one"]),
        (&[root, "a.yaml::one"], exit::OK, &["one"]),
        (&[root, "--exact", &exact], exit::OK, &["one"]),
        (&[root, "--exact", "one"], exit::APP, &[]),
        (&[root, "nothing is called so"], exit::APP, &[]),
        (&[file], exit::OK, &["one", "two"]),
        (&[file, "fails"], exit::APP, &[]),
        (&[root, "--list"], exit::OK, &[]),
        (&[root, "b.yaml", "--fail-fast", "--jobs", "1"], exit::APP, &["fails"]),
        (&[path(&absent)], exit::APP, &[]),
        (&["/there/is/no/such/folder"], exit::APP, &[]),
    ];
    for (line, code, ran) in cases {
        assert_eq!(run(line), (*code, ran.iter().map(|name| (*name).to_owned()).collect()), "{line:?}");
    }
}

#[test]
fn nothing_is_run_if_a_file_is_wrong() {
    let app = app(&[("tests/a.yaml", "one"), ("tests/b.yaml", "wrong")]);
    assert_eq!(run(&[path(app.path())]), (exit::APP, vec![]));
}

#[test]
fn an_app_without_tests_has_not_passed_them() {
    assert_eq!(run(&[path(app(&[]).path())]), (exit::APP, vec![]));
}

#[test]
fn results_are_written_for_ci_servers() {
    let app = app(&[("tests/a.yaml", "one\nfails"), ("file", "")]);
    let report = app.path().join("reports/of/today.xml");
    assert_eq!(run(&[path(app.path()), "--junit", path(&report)]).0, exit::APP);
    let text = String::from_utf8(files::read(&report).unwrap()).unwrap();
    assert!(text.contains(r#"<testsuites name="shop" tests="2" skipped="0" failures="1""#), "{text}");
    // A file is no folder: it is the machine that is in the way.
    let report = app.path().join("file/report.xml");
    assert_eq!(run(&[path(app.path()), "one", "--junit", path(&report)]).0, exit::MACHINE);
}

#[test]
fn what_is_watched_is_what_the_manifest_names() {
    let app = app(&[]);
    let args = args(&[path(app.path()), "--watch", "--junit", "report.xml", "--receipts", "receipts"]);
    let scope = scope(&args, &files::find(app.path()).unwrap());
    assert_eq!(scope.manifest, app.path().join("mecha.yaml"));
    assert_eq!(scope.components, [app.path().join("shop.wasm")]);
    assert_eq!(scope.ignored, ["report.xml", "receipts"].map(PathBuf::from));
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let cases: &[(&[&str], bool)] = &[
        (&["--crash-everywhere", "--race-everywhere", "--fail-everywhere"], true),
        (&["--bless", "--profile", "there", "--receipts", "here", "--tolerance", "2.5%"], true),
        (&["--bless", "--crash-everywhere"], false),
        (&["--profile", "there", "--replay", "token"], false),
        (&["--replay", "token", "--race-everywhere"], false),
        (&["--tolerance", "much"], false),
        (&["--tolerance", "-1"], false),
        (&["--tolerance", "inf"], false),
        (&["--exact"], false),
        (&[".", "case", "--exact"], true),
        (&["--watch", "--list"], false),
        (&["--jobs", "0"], false),
    ];
    for (line, is_right) in cases {
        let read = Line::try_parse_from([&["test"], *line].concat());
        assert_eq!(read.is_ok(), *is_right, "{line:?}: {read:?}");
    }
}
