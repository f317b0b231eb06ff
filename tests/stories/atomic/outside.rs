//! What cannot be undone is not pretended: it is refused at load, unless the manifest says that it is outside.

use mecha_tests::{
    courier::World,
    gate::Gate,
    host::App,
    receiver::Receiver,
    teller::{answer, output, set},
};
use serde_json::{Value, json};

use super::{assert_accepted, assert_app_refused, assert_refused, teller, world};

fn outputs(grant: &str, output: &str) -> (String, String) {
    (format!("    outputs: {{ out: {grant} }}"), format!("outputs: {{ out: {output} }}"))
}

fn upstream(receiver: &Receiver) -> String {
    format!("{{ http: {{ url: '{}', private: true, retry: {{ attempts: 1 }} }} }}", receiver.url("/v1"))
}

#[test]
fn an_operation_that_is_neither_safe_nor_deferrable_is_a_load_error() {
    let receiver = Receiver::answering(&[]);
    for grant in ["all", "[get, patch]", "{ operations: [patch] }"] {
        let (lines, sections) = outputs(grant, &upstream(&receiver));
        assert_refused(
            &teller("embedded", &Gate::closed(), &lines, &sections),
            &["out", "teller", "outside: allow"],
        );
    }
    for grant in ["[get, post, put, delete]", "{ operations: [get, patch], outside: allow }"] {
        let (lines, sections) = outputs(grant, &upstream(&receiver));
        assert_accepted(&teller("embedded", &Gate::closed(), &lines, &sections));
    }
}

#[test]
fn an_operation_that_may_be_outside_is_carried_out_at_once_whatever_becomes_of_the_call() {
    let receiver = Receiver::answering(&[]);
    let (lines, sections) = outputs("{ operations: [patch, put], outside: allow }", &upstream(&receiver));
    let world = world("embedded", &Gate::closed(), &lines, &sections);
    let patch = output("out", "patch", json!({ "path": "a" }), "patched");
    let put = output("out", "put", json!({ "path": "b" }), "put");
    let told = world.teller().call(&[set("a", "1"), patch, put, answer(500)]);
    assert_eq!(told.status, 500);
    let told = told.json();
    for asked in [&told[1], &told[2]] {
        assert_eq!(asked, &json!({ "deferred": false, "data": "received" }));
    }
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(world.value("a"), None);
}

#[test]
fn a_safe_operation_is_carried_out_at_once() {
    let (lines, sections) = outputs("[get, list, create]", "{ file: { directory: ./out } }");
    let manifest = teller("embedded", &Gate::closed(), &lines, &sections);
    let world = World::of(App::new(&manifest).with_file("out/a.txt", "content"));
    let told = world.teller().done(&[output("out", "get", json!({ "path": "a.txt" }), "")]);
    assert_eq!(told[0], json!({ "deferred": false, "data": "content" }));
}

#[test]
fn a_folder_that_is_written_to_is_a_load_error_unless_it_may_be_outside() {
    let manifest = |more: &str| {
        let lines =
            format!("    directories: [{{ host: ./shared, guest: /shared, access: read-write{more} }}]");
        teller("embedded", &Gate::closed(), &lines, "")
    };
    let app = |more: &str| App::new(&manifest(more)).with_file("shared/.keep", "");
    assert_app_refused(&app(""), &["/shared", "outside: allow"]);
    let world = World::of(app(", outside: allow"));
    let write: Value = json!({ "do": "write-file", "path": "/shared/a.txt", "text": "written" });
    assert_eq!(world.teller().call(&[set("a", "1"), write, answer(500)]).status, 500);
    assert!(world.app.path().join("shared/a.txt").exists(), "it was outside of the transaction");
    assert_eq!(world.value("a"), None);
}

#[test]
fn what_may_be_outside_of_nothing_is_a_warning() {
    let manifest = "
name: plain
components:
  teller:
    source: '{guests}/teller.wasm'
    http: [/]
    outbound: [{ host: 'https://api.example.com', outside: allow }]
";
    let warnings = assert_accepted(manifest);
    assert!(warnings.contains("outside"), "{warnings}");
}
