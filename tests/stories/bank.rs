//! A bank whose host is killed while 32 customers move money, and the same bank without one line of its manifest.

use std::time::Duration;

use bank_shake::{Plan, Report, host::Start, shake};
use mecha_tests::host::{App, binary, cache, project};

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_under_load_the_sum_is_right_and_each_acknowledged_transfer_is_there_once() {
    let plan =
        Plan { customers: 32, accounts: 100, each: 1000, kills: 50, between: Duration::from_millis(200) };
    let report = shaken(&manifest(), &plan).await;
    assert!(report.is_right(), "{report}");
    // It was under load: requests were lost, and what had been answered was asked for again.
    let day = &report.day;
    assert!(day.made.len() >= 500 && day.sent_again >= 50 && day.asked_again >= 50, "{report}");
}

/// What shows that the story above could fail.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_line_atomic_true_the_same_bank_makes_or_loses_money() {
    let manifest = manifest();
    assert_eq!(manifest.matches("    atomic: true\n").count(), 2);
    let plan =
        Plan { customers: 32, accounts: 10, each: 1000, kills: 2, between: Duration::from_millis(500) };
    let report = shaken(&manifest.replace("    atomic: true\n", ""), &plan).await;
    assert!(!report.is_right() && !report.wrong_sums.is_empty(), "{report}");
}

/// The example's own manifest, for a folder of its own.
fn manifest() -> String {
    let manifest = std::fs::read_to_string(project().join("examples/bank/mecha.yaml")).unwrap();
    manifest.replace("../../target/wasm32-wasip2/release", "{guests}")
}

async fn shaken(manifest: &str, plan: &Plan) -> Report {
    let (app, folder) = (App::new(manifest), tempfile::tempdir().unwrap());
    let start = Start {
        binary: binary(),
        app: app.path().to_owned(),
        folder: folder.path().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        args: vec!["--cache".into(), cache().to_str().unwrap().into()],
    };
    let log = || std::fs::read_to_string(folder.path().join("host.log")).unwrap_or_default();
    shake(&start, plan, |_| {})
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n--- the host's log ---\n{}", log()))
}
