//! Inputs of files: each that somebody puts into a folder is handled.

use std::path::{Path, PathBuf};

use mecha_tests::{courier::World, host::until};
use serde_json::json;

use super::world;

fn inbox(keys: &str, more: &str) -> World {
    world(
        "",
        &format!(
            "inputs: {{ inbox: {{ file: {{ directory: ./inbox, {keys} }}, to: courier, \
             retry: {{ attempts: 3, min: 1ms, max: 5ms }} {more} }} }}"
        ),
        &["inbox", "done", "failed"],
    )
}

/// Puts a file there as who writes it in place does not: whole.
fn put(world: &World, name: &str, content: &str) -> PathBuf {
    let (written, path) = (world.app.path().join("written"), world.app.path().join("inbox").join(name));
    std::fs::write(&written, content).unwrap();
    std::fs::rename(written, &path).unwrap();
    path
}

fn wait_until_gone(path: &Path) {
    until(&format!("{} is gone", path.display()), || !path.exists());
}

#[test]
fn a_new_file_is_handled_once_and_deleted() {
    let world = inbox("pattern: '*.csv'", "");
    let other = put(&world, "other.txt", "x");
    let path = put(&world, "a.csv", "1,2");
    let given = world.courier().inputs("inbox", 1).remove(0);
    assert_eq!((&given["data"], &given["attempt"]), (&json!("1,2"), &json!(1)));
    assert_eq!((&given["metadata"]["name"], &given["metadata"]["size"]), (&json!("a.csv"), &json!("3")));
    wait_until_gone(&path);
    let second = put(&world, "b.csv", "3");
    wait_until_gone(&second);
    let all = world.courier().inputs("inbox", 2);
    assert_eq!(all.len(), 2, "each once: {all:?}");
    assert_ne!(all[0]["id"], all[1]["id"]);
    assert!(other.exists(), "it does not fit the pattern");
}

#[test]
fn a_file_is_moved_if_the_manifest_says_so() {
    let world = inbox("settled: { move: ./done }", "");
    let path = put(&world, "a", "content");
    wait_until_gone(&path);
    let done = world.app.path().join("done");
    until("it is there", || {
        std::fs::read_dir(&done).unwrap().any(|entry| {
            std::fs::read_to_string(entry.unwrap().path()).is_ok_and(|content| content == "content")
        })
    });
}

#[test]
fn a_file_that_fails_is_tried_again_and_then_put_aside() {
    let world = inbox("failed: ./failed", "");
    let content = r#"{"do": "retry"}"#;
    let path = put(&world, "bad", content);
    wait_until_gone(&path);
    let given = world.courier().inputs("inbox", 3);
    let attempts: Vec<_> = given.iter().map(|given| given["attempt"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(given.iter().all(|other| other["id"] == given[0]["id"]), "the same in every attempt: {given:?}");
    let failed = world.app.path().join("failed");
    until("it is put aside", || {
        std::fs::read_dir(&failed)
            .unwrap()
            .any(|entry| std::fs::read_to_string(entry.unwrap().path()).is_ok_and(|found| found == content))
    });
    world.host.wait_for_log("file is given up");
    let rejected = put(&world, "worse", r#"{"do": "reject"}"#);
    wait_until_gone(&rejected);
    assert_eq!(world.courier().inputs("inbox", 4).len(), 4, "at once");
}

#[test]
fn a_file_that_is_given_up_keeps_its_place_under_another_name_if_there_is_no_other() {
    let world = inbox("", "");
    let path = put(&world, "bad", r#"{"do": "reject"}"#);
    wait_until_gone(&path);
    assert!(world.app.path().join("inbox/bad.failed").exists());
    let good = put(&world, "good", "x");
    wait_until_gone(&good);
    assert_eq!(world.courier().inputs("inbox", 2).len(), 2, "what has failed is not offered again");
}

#[test]
fn a_file_that_came_while_no_host_ran_is_handled() {
    let world = inbox("", "");
    let folder = world.app.path().join("inbox");
    let app = world.stopped();
    std::fs::write(folder.join("a"), "x").unwrap();
    let world = World::of(app);
    assert_eq!(world.courier().inputs("inbox", 1)[0]["data"], "x");
    wait_until_gone(&folder.join("a"));
}

#[test]
fn a_file_that_the_host_died_with_is_offered_again_under_the_same_id() {
    let world = inbox("", "");
    put(&world, "a", r#"{"do": {"sleep": 3000}}"#);
    _ = world.courier().inputs("inbox", 1);
    let world = world.killed();
    let given = world.courier().inputs("inbox", 2);
    assert_eq!(given[0]["id"], given[1]["id"]);
    wait_until_gone(&world.app.path().join("inbox/a"));
}

#[test]
fn a_file_that_is_too_large_is_put_aside_unread() {
    let world = inbox("max-size: 1KiB", "");
    let path = put(&world, "large", &"x".repeat(1025));
    wait_until_gone(&path);
    let good = put(&world, "good", &"x".repeat(1024));
    wait_until_gone(&good);
    assert_eq!(world.courier().inputs("inbox", 1).len(), 1);
}
