//! What the author of a component sees of `mecha-host test`.
//!
//! [`failures`] tells what is said of a case that fails, [`hostile`] that a component under test ends its case and not the
//! run, [`exact`] that fuel is the same to the unit, [`blessed`] what becomes of recordings, [`given`] what stands in for
//! the world outside, [`time`] that days take no time, [`crash`] what is left of a host that dies, [`usage`] what the
//! command is told by its flags, and [`guide`] that the documentation is right.

mod blessed;
mod crash;
mod exact;
mod failures;
mod given;
mod guide;
mod hostile;
mod time;
mod usage;

use std::collections::BTreeMap;

use mecha_tests::host::{App, Output, mecha, output, project};
use serde_json::Value;

/// The smallest component that answers, `hello.wat`, which does this before.
fn guest(code: &str) -> String {
    let path = project().join("tests/programs/wat/hello.wat");
    let mut text = std::fs::read_to_string(path).unwrap();
    let begins = "(call $drop-request (local.get $request))\n";
    for (place, instead) in [
        ("(func (export \"handle\")", "(func $answer (export \"handle\")".to_owned()),
        (
            "(local $response i32) (local $body",
            "(local $n i32) (local $response i32) (local $body".to_owned(),
        ),
        (begins, format!("{code}\n      {begins}")),
    ] {
        assert_eq!(text.matches(place).count(), 1, "hello.wat has {place} once");
        text = text.replace(place, &instead);
    }
    text
}

/// Code that goes round a loop so often: five units of fuel each time.
fn rounds(times: u32) -> String {
    format!(
        "(local.set $n (i32.const {times})) \
         (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    )
}

/// A component that answers after some work.
const WORK: &str = "
name: work
components:
  work: { source: work.wat, http: [/] }
";

/// `mecha-host test .` in an app's folder.
fn test(app: &App, args: &[&str]) -> Output {
    output(mecha(&["test", "."]).args(args).current_dir(app.path()))
}

/// Runs tests that all pass.
fn passes(app: &App, args: &[&str]) -> Output {
    let told = test(app, args);
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    told
}

/// What people are told: without how long it took, which is another each time.
fn said(told: &Output) -> String {
    let (cases, summary) = told.stdout.trim_end().rsplit_once('\n').unwrap();
    let (counts, _) = summary.split_once("; fuel").unwrap();
    let (counts, _) = counts.rsplit_once(", ").unwrap();
    format!("{cases}\n{counts}\n")
}

/// What programs are told, by the name of the case.
fn results(app: &App, args: &[&str]) -> BTreeMap<String, Value> {
    let told = test(app, &[&["--json"], args].concat());
    let lines = told.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases = lines.filter_map(|line| Some((line["case"].as_str()?.to_owned(), line)));
    let cases: BTreeMap<_, _> = cases.collect();
    assert!(!cases.is_empty(), "{}", told.stderr);
    cases
}

/// What became of each case.
fn verdicts(app: &App) -> BTreeMap<String, String> {
    let verdict = |line: Value| line["verdict"].as_str().unwrap().to_owned();
    results(app, &[]).into_iter().map(|(case, line)| (case, verdict(line))).collect()
}
