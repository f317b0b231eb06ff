//! A manifest that grants more than the app needs, made smaller by what its tests do.

use std::path::Path;

use mecha_tests::host::{App, Output, cache, mecha, output};

const WIDE: &str = "
name: shop
stores: { carts: embedded, notes: embedded, prices: embedded }
components:
  # Answers the web
  keeper:
    source: '{guests}/keeper.wasm'
    http: [/call]
    stores:
      carts: read-write # of customers
      notes: read-write
      prices: read-write
    outbound: [https://api.example.com]
";

const TESTS: &str = r#"
cases:
  a cart is kept:
    when:
      - request: POST /call
        body: { op: set, store: carts, key: "cart:de:1", value: a }
      - request: POST /call
        body: { op: get, store: carts, key: "cart:eu:1" }
    then:
      response: { status: 200, body: { item: null } }
      state: { carts: { "cart:de:1": a } }
  a price is read:
    given: { state: { prices: { tea: "3" } } }
    when:
      request: POST /call
      body: { op: exists, store: prices, key: tea }
    then: { response: { body: { exists: true } } }
"#;

/// What the manifest no longer lets it do.
const GONE: &str = r#"
cases:
  notes are gone:
    when: { request: POST /call, body: { op: get, store: notes, key: a } }
    then: { response: { body: { error: { $includes: { case: no-such-store } } } } }
  other keys are gone:
    when: { request: POST /call, body: { op: get, store: carts, key: other } }
    then: { response: { body: { error: { $includes: { case: access-denied } } } } }
  prices stay as they are:
    when: { request: POST /call, body: { op: set, store: prices, key: tea, value: "1" } }
    then: { response: { body: { error: { $includes: { case: access-denied } } } } }
"#;

fn test(app: &App, more: &[&str]) -> Output {
    output(mecha(&["test"]).arg(app.path()).arg("--cache").arg(cache()).args(more))
}

fn tighten(app: &App, receipts: &Path, more: &[&str]) -> Output {
    output(mecha(&["tighten"]).arg(app.path()).arg("--receipts").arg(receipts).args(more))
}

#[test]
fn a_manifest_is_tightened_to_what_the_tests_do() {
    let app = App::new(WIDE).with_file("tests/carts.yaml", TESTS);
    let receipts = app.path().join("receipts.jsonl");
    let run = test(&app, &["--receipts", receipts.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let written = std::fs::read_to_string(&receipts).unwrap();
    let first: serde_json::Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    assert_eq!(written.lines().count(), 3, "{written}");
    assert_eq!((&first["app"], &first["component"]), (&"shop".into(), &"keeper".into()));
    assert!(
        first["case"].as_str().is_some_and(|case| case.ends_with("carts.yaml::a cart is kept")),
        "{first}"
    );
    assert_eq!(first["stores"]["carts"]["written"], serde_json::json!(["cart:de:"]));
    assert!(first["fuel"].as_u64() > Some(0) && first["pages"].as_u64() > Some(0), "{first}");

    let manifest = app.path().join("mecha.yaml");
    let before = std::fs::read_to_string(&manifest).unwrap();
    let proposed = tighten(&app, &receipts, &[]);
    assert_eq!(proposed.code, Some(1), "{}", proposed.stderr);
    for line in [
        "-      carts: read-write # of customers",
        "+      carts: { access: read-write, prefix: \"cart:\" } # of customers",
        "-      notes: read-write",
        "+      prices: read",
        "-    outbound: [https://api.example.com]",
    ] {
        assert!(proposed.stdout.lines().any(|shown| shown == line), "{line}:\n{}", proposed.stdout);
    }
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), before, "it was a proposal");

    let tightened = tighten(&app, &receipts, &["--write"]);
    assert_eq!((tightened.code, tightened.stdout.as_str()), (Some(0), ""), "{}", tightened.stderr);
    let kept = std::fs::read_to_string(app.path().join("mecha.yaml.bak")).unwrap();
    assert_eq!(kept, before);
    let again = tighten(&app, &receipts, &[]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{}", again.stderr);

    let app = app.with_file("tests/gone.yaml", GONE);
    let run = test(&app, &["--show-passed"]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn what_is_no_receipt_tightens_nothing() {
    let app = App::new(WIDE).with_file("receipts.jsonl", "{}\n");
    let refused = tighten(&app, &app.path().join("receipts.jsonl"), &["--write"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("receipts.jsonl:1: this is no receipt"), "{}", refused.stderr);
    let missing = output(mecha(&["tighten"]).arg(app.path()));
    assert_eq!(missing.code, Some(2), "it needs receipts");
}
