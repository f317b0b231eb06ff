//! The tests of every example and ready-made component, run as their authors run them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use mecha_tests::host::{mecha, output, project};
use serde_json::Value;

/// What each case has used, by file and name.
type Fuel = BTreeMap<(String, String), u64>;

/// Built by tools that not every machine has: its own story runs its tests.
const ELSEWHERE: &str = "polyglot";

#[test]
fn every_example_passes_its_tests_with_the_same_fuel_in_any_order_alone_and_in_parallel() {
    for folder in folders("examples").iter().filter(|folder| !folder.ends_with(ELSEWHERE)) {
        assert_exact(folder);
    }
}

#[test]
fn every_ready_made_component_passes_its_tests_with_the_same_fuel_in_any_order_alone_and_in_parallel() {
    for folder in folders("components") {
        assert_exact(&folder);
    }
}

/// They lose something, but not in an ordinary test: that is why there are finders.
#[test]
fn an_example_and_its_repair_pass_the_same_tests() {
    for example in ["checkout", "tally"] {
        let folder = project().join("examples").join(example);
        let as_written = pass(&folder, &[]);
        let repaired = pass(&folder.join("mecha.atomic.yaml"), &[]);
        let names = |fuel: &Fuel| fuel.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&as_written), names(&repaired), "{example}");
    }
}

/// The finder that finds the fault finds none in the repair.
#[test]
fn a_finder_finds_what_an_example_loses_and_nothing_in_its_repair() {
    for (example, finder, found) in [
        ("checkout", "--crash-everywhere", "happened 2 times instead of once"),
        ("tally", "--race-everywhere", "is lost"),
    ] {
        let folder = project().join("examples").join(example);
        let told = output(mecha(&["test", finder]).arg(&folder));
        assert_eq!(told.code, Some(1), "{example}:\n{}{}", told.stdout, told.stderr);
        assert!(told.stdout.contains(found) && told.stdout.contains("atomic: true"), "{}", told.stdout);
        pass(&folder.join("mecha.atomic.yaml"), &[finder]);
    }
}

/// All cases pass, and use the same to the unit however they are run.
pub(crate) fn assert_exact(app: &Path) {
    let once = pass(app, &[]);
    assert!(once.len() >= 3, "{} has {} cases", app.display(), once.len());
    for ways in [
        &["--jobs", "1"][..],
        &["--jobs", "4"],
        &["--jobs", "1", "--shuffle", "1"],
        &["--jobs", "4", "--shuffle", "2"],
    ] {
        assert_eq!(pass(app, ways), once, "{} with {ways:?}", app.display());
    }
}

fn pass(app: &Path, args: &[&str]) -> Fuel {
    let told = output(mecha(&["test"]).arg(app).arg("--json").args(args));
    assert_eq!(told.code, Some(0), "{}:\n{}{}", app.display(), told.stdout, told.stderr);
    let lines = told.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases = lines.filter(|line| line.get("case").is_some());
    let used = cases.map(|case| {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        assert_eq!(text("verdict"), "passed", "{case}");
        ((text("file"), text("case")), case["fuel"].as_u64().unwrap())
    });
    used.collect()
}

/// Everything in a folder of the project that has a manifest.
fn folders(of: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project().join(of)).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|folder| folder.join("mecha.yaml").exists()).collect();
    folders.sort();
    assert!(folders.len() >= 3, "{folders:?}");
    folders
}
