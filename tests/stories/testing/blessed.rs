//! Fuel that was recorded, and what is used later.

use mecha_tests::host::{App, mecha, output};

use super::{WORK, guest, passes, rounds, said, test};

const CASES: &str = "cases:\n  it works: { when: { request: GET / } }\n";

fn working(times: u32) -> App {
    App::new(WORK).with_file("work.wat", guest(&rounds(times))).with_file("tests/all.yaml", CASES)
}

fn rebuilt(app: &App, times: u32) {
    std::fs::write(app.path().join("work.wat"), guest(&rounds(times))).unwrap();
}

#[test]
fn a_rebuilt_component_may_use_a_little_more_fuel_and_not_much_more() {
    let app = working(10_000);
    let blessed = passes(&app, &["--bless"]);
    assert!(blessed.stderr.contains("tests/fuel.json"), "{}", blessed.stderr);
    let recorded = std::fs::read(app.path().join("tests/fuel.json")).unwrap();
    passes(&app, &[]);

    rebuilt(&app, 10_100);
    passes(&app, &[]);
    rebuilt(&app, 11_000);
    let more = test(&app, &[]);
    assert_eq!(more.code, Some(1), "{}", more.stderr);
    assert_eq!(
        said(&more),
        "tests/all.yaml: 1 failed

FUEL  tests/all.yaml:2  it works
  fuel grew by 10.0 % (50,058 → 55,058), beyond the tolerance of 5 %; answer +5,000 (+10.0 %)

1 failed
"
    );
    passes(&app, &["--tolerance", "20"]);
    let kept = std::fs::read(app.path().join("tests/fuel.json")).unwrap();
    assert_eq!(kept, recorded, "only --bless writes it");

    passes(&app, &["--bless"]);
    passes(&app, &[]);
    let before = app.path().join("before.json");
    std::fs::write(&before, recorded).unwrap();
    let report = output(
        mecha(&["fuel", "report"]).arg(app.path()).arg("--base").arg(&before).args(["--fail-above", "5"]),
    );
    assert_eq!(report.code, Some(1), "{}", report.stderr);
    assert!(report.stdout.contains("+10.0 %"), "{}", report.stdout);
}

#[test]
fn the_same_bytes_use_what_was_recorded_or_the_case_fails() {
    let app = working(10_000);
    passes(&app, &["--bless"]);
    let path = app.path().join("tests/fuel.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("50058"), "{text}");
    std::fs::write(&path, text.replacen("50058", "50057", 1)).unwrap();
    let told = test(&app, &["--tolerance", "50"]);
    assert_eq!(told.code, Some(1), "a unit is enough: {}", told.stdout);
    assert!(told.stdout.contains("FUEL  ") && told.stdout.contains("50,057"), "{}", told.stdout);
}

#[test]
fn a_recording_that_cannot_be_read_is_told_of() {
    let app = working(10).with_file("tests/fuel.json", "{\"format\": ");
    let told = test(&app, &[]);
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    assert!(told.stderr.contains("fuel.json"), "{}", told.stderr);
}
