//! `inspect`: what a component is.

use std::fs;

use mecha_tests::host::{guest, mecha, output, project};
use serde_json::Value;

use super::{assert_prints, run};

#[test]
fn inspect_shows_what_a_component_imports_and_exports() {
    let path = guest("keeper");
    let shown = run(&["inspect", path.to_str().unwrap()]);
    let parts = [
        path.to_str().unwrap(),
        "KiB",
        "\nimports\n",
        "  mecha:state/stores@0.1.0\n",
        "\nexports\n",
        "  wasi:http/incoming-handler@0.2",
        "the smallest manifest that runs it",
        "stores: { main: read-write }",
    ];
    assert_prints(&shown, 0, &parts);
    assert!(!shown.stdout.contains("MISSING"), "{}", shown.stdout);
}

#[test]
fn inspect_shows_what_the_host_lacks() {
    let path = project().join("tests/programs/wat/imports-unknown.wat");
    let shown = run(&["inspect", path.to_str().unwrap()]);
    assert_prints(
        &shown,
        0,
        &["acme:missing/thing@1.2.3   MISSING: this host has nothing of the package `acme:missing`"],
    );
    let value: Value = json(path.to_str().unwrap());
    assert_eq!(
        value["lacking"]["acme:missing/thing@1.2.3"],
        "this host has nothing of the package `acme:missing`"
    );
    let path = project().join("tests/programs/wat/no-handler.wat");
    assert_prints(&run(&["inspect", path.to_str().unwrap()]), 0, &["imports: none", "exports: none"]);
}

fn json(path: &str) -> Value {
    let shown = run(&["inspect", "--json", path]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    serde_json::from_str(&shown.stdout).unwrap()
}

#[test]
fn inspect_tells_machines_the_same() {
    let path = guest("probe");
    let value = json(path.to_str().unwrap());
    assert_eq!(value["size"], fs::metadata(&path).unwrap().len());
    assert_eq!(value["lacking"], serde_json::json!({}));
    let has = |list: &str, start: &str| {
        value[list].as_array().unwrap().iter().any(|name| name.as_str().unwrap().starts_with(start))
    };
    assert!(has("imports", "wasi:http/outgoing-handler@0.2"), "{value}");
    assert!(has("exports", "wasi:http/incoming-handler@0.2"), "{value}");
    assert!(!has("imports", "mecha:state"), "{value}");
}

/// Whether the manifest that `inspect` shows of a component by this name is a good one.
fn assert_manifest_passes(program: &str, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(guest(program), folder.path().join(name)).unwrap();
    let shown = output(mecha(&["inspect", "--json", name]).current_dir(folder.path()));
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let value: Value = serde_json::from_str(&shown.stdout).unwrap();
    let manifest = value["manifest"].as_str().unwrap();
    fs::write(folder.path().join("mecha.yaml"), manifest).unwrap();
    let checked = output(mecha(&["check", "--strict"]).current_dir(folder.path()));
    assert_eq!(checked.code, Some(0), "{name}:\n{}\n{manifest}", checked.stderr);
}

#[test]
fn the_manifest_that_inspect_shows_passes_check() {
    for program in ["hello", "keeper", "probe"] {
        assert_manifest_passes(program, &format!("{program}.wasm"));
    }
    assert_manifest_passes("hello", "My App_v2.wasm");
}

#[test]
fn the_manifest_that_inspect_shows_passes_check_whatever_the_file_is_called() {
    assert_manifest_passes("hello", "ÄÖ.wasm");
    assert_manifest_passes("hello", &format!("{}.wasm", "long".repeat(40)));
    assert_manifest_passes("keeper", "it's: #1 {x}.wasm");
}

#[test]
fn inspect_says_what_is_no_component() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let core = project().join("tests/programs/wat/core.wat").display().to_string();
    let cases = [
        (file("empty.wasm", b""), "it is empty"),
        (file("text.wasm", b"hello"), "this is no WebAssembly: it begins with `hello`"),
        (core, "this is a core module, not a component"),
        (folder.path().join("never.wasm").display().to_string(), "cannot read"),
    ];
    for (path, message) in cases {
        assert_prints(&run(&["inspect", &path]), 1, &["error: ", message, &path]);
    }
}
