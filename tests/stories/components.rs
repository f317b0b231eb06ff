//! The ready-made components, used as their READMEs say: by manifest lines alone.

mod event_log;
mod static_files;
mod webhook_to_event;

use mecha_tests::host::{Host, mecha, output, project, until};
use serde_json::Value;

#[test]
fn the_manifest_of_every_component_is_right() {
    let folders = std::fs::read_dir(project().join("components")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = folders.filter(|folder| folder.is_dir()).collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for folder in names {
        let checked = output(mecha(&["check"]).arg(&folder).env("HOOK_SECRET", "hush"));
        assert_eq!(checked.code, Some(0), "{}:\n{}", folder.display(), checked.stderr);
    }
}

/// What an event log at `/log` has behind a number.
fn logged(host: &Host, after: u64) -> Vec<Value> {
    let list = host.get(&format!("/log/events.json?after={after}&limit=1000")).json();
    list["events"].as_array().unwrap().clone()
}

/// Waits until an event log has so many events.
fn until_logged(host: &Host, count: usize) -> Vec<Value> {
    until(&format!("{count} events are logged"), || logged(host, 0).len() >= count);
    logged(host, 0)
}

/// Members of the events themselves, in the log's order.
fn each<'e>(events: &'e [Value], name: &str) -> Vec<&'e str> {
    events.iter().map(|event| event["event"][name].as_str().unwrap()).collect()
}
