//! Dead letters in an operator's hands, whether the host runs or not.

use mecha_tests::{
    courier::{World, ask, asked},
    host::until,
};
use serde_json::{Value, json};

use super::{courier, news};

const ONCE: &str = "  all: { topic: news, to: courier, retry: { attempts: 1 } }";

/// A world in which these events were given up.
fn given_up(ids: &[&str]) -> (World, Vec<Value>) {
    let world = news("embedded", ONCE);
    for id in ids {
        // Fails at its first attempt, which is also its last, and not when it is delivered anew.
        world.courier().published("news", &json!({ "id": id, "key": "k", "data": { "do": "reject" } }));
    }
    let letters = world.wait_for_letters(ids.len());
    (world, letters)
}

fn id(letter: &Value) -> &str {
    letter["id"].as_str().unwrap()
}

fn letters(found: &Value) -> Vec<Value> {
    found["letters"].as_array().unwrap().clone()
}

#[test]
fn dead_letters_are_listed_shown_replayed_and_dropped_while_the_host_runs() {
    let (world, found) = given_up(&["a", "b", "c"]);
    assert_eq!(
        found.iter().map(|letter| letter["event-id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    let shown = world.ask(&["dlq", "show", id(&found[0])]);
    assert_eq!(shown["event"]["id"], "a");
    assert_eq!(shown["published-ms"], world.courier().given("all", "a")["published-ms"], "the event's own");
    assert_eq!(letters(&world.ask(&["dlq", "list", "--limit", "1"])).len(), 1);
    assert_eq!(letters(&world.ask(&["dlq", "list", "--topic", "dead-letters"])).len(), 3);
    assert_eq!(world.ask(&["dlq", "drop", id(&found[1])]), json!({ "dropped": 1 }));
    assert_eq!(world.ask(&["dlq", "replay", id(&found[0])]), json!({ "replayed": 1 }));
    let attempts = world.courier().attempts("all", "a", 2);
    assert_eq!(attempts[1]["attempt"], 1, "it is counted anew");
    assert_eq!(attempts[1]["key"], "k");
    // It fails again, and is a letter again.
    let again = world.wait_for_letters(2);
    assert!(
        again.iter().any(|letter| letter["event-id"] == "a" && letter["id"] != found[0]["id"]),
        "{again:?}"
    );
    let gone = asked(world.app.path(), &["dlq", "show", id(&found[1])]);
    assert_ne!(gone.code, Some(0));
    assert!(gone.stderr.contains("no dead letter"), "{}", gone.stderr);
    assert_eq!(world.ask(&["dlq", "drop", "--all"]), json!({ "dropped": 2 }));
    assert!(letters(&world.ask(&["dlq", "list"])).is_empty());
}

#[test]
fn a_replay_goes_to_the_group_that_had_given_up_and_to_no_other() {
    let world = news(
        "embedded",
        "
  fails: { topic: news, to: courier, retry: { attempts: 1 } }
  works: { topic: news, to: courier, retry: { attempts: 2, min: 1ms, max: 1ms } }",
    );
    world.courier().published("news", &json!({ "id": "a", "data": { "do": { "fail-until": 2 } } }));
    let found = world.wait_for_letters(1);
    assert_eq!(world.courier().attempts("works", "a", 2).len(), 2);
    world.ask(&["dlq", "replay", id(&found[0])]);
    _ = world.courier().attempts("fails", "a", 2);
    _ = world.wait_for_letters(1);
    assert_eq!(world.courier().count("works"), 2);
}

#[test]
fn dead_letters_are_listed_replayed_and_dropped_while_no_host_runs() {
    let (world, found) = given_up(&["a", "b"]);
    let app = world.stopped();
    assert_eq!(letters(&ask(app.path(), &["dlq", "list"])), found, "as the host itself had told");
    assert_eq!(ask(app.path(), &["dlq", "show", id(&found[1])])["event"]["id"], "b");
    assert_eq!(ask(app.path(), &["dlq", "drop", id(&found[1])]), json!({ "dropped": 1 }));
    assert_eq!(ask(app.path(), &["dlq", "replay", "--all"]), json!({ "replayed": 1 }));
    assert!(letters(&ask(app.path(), &["dlq", "list"])).is_empty());
    let world = World::of(app);
    _ = world.courier().attempts("all", "a", 2);
    assert_eq!(world.courier().attempts("all", "b", 1).len(), 1);
    _ = world.wait_for_letters(1);
}

#[test]
fn a_letter_of_a_subscription_that_is_gone_is_kept_and_cannot_be_replayed() {
    let (world, found) = given_up(&["a"]);
    let file = world.app.path().join("mecha.yaml");
    let manifest = std::fs::read_to_string(&file).unwrap();
    let app = world.stopped();
    std::fs::write(file, manifest.replace("  all: {", "  other: {")).unwrap();
    let refused = asked(app.path(), &["dlq", "replay", id(&found[0])]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("no longer") && refused.stderr.contains("`all`"), "{}", refused.stderr);
    assert_eq!(letters(&ask(app.path(), &["dlq", "list"])), found);
}

#[test]
fn what_names_no_letter_is_told_so() {
    let (world, _) = given_up(&["a"]);
    for wrong in ["a", "dead-letters/x", "dead-letters/999-0", "nowhere/1-0", ""] {
        for verb in ["show", "replay", "drop"] {
            let told = asked(world.app.path(), &["dlq", verb, wrong]);
            assert_ne!(told.code, Some(0), "{verb} {wrong:?}: {}", told.stdout);
            assert!(told.stderr.contains("dead letter"), "{verb} {wrong:?}: {}", told.stderr);
        }
    }
    assert_eq!(world.wait_for_letters(1).len(), 1);
}

#[test]
fn dead_letters_outlive_the_host() {
    let (world, found) = given_up(&["a"]);
    let world = world.killed();
    assert_eq!(letters(&world.ask(&["dlq", "list"])), found);
}

#[test]
fn the_tables_are_made_for_people() {
    let (world, found) = given_up(&["a"]);
    let table = |args: &[&str]| {
        let shown =
            mecha_tests::host::output(mecha_tests::host::mecha(args).arg("--app").arg(world.app.path()));
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        shown.stdout
    };
    let list = table(&["dlq", "list"]);
    for part in ["REASON", id(&found[0]), "told to reject", "news"] {
        assert!(list.contains(part), "{part} is not in\n{list}");
    }
    until("its topic has settled it", || table(&["topics"]).contains("news"));
    assert!(table(&["topics"]).contains("dead letters"), "{}", table(&["topics"]));
}

#[test]
fn a_letter_goes_back_to_the_subscription_that_gave_it_up_also_if_others_share_its_group() {
    let world = World::new(&courier(
        "    publish: [x, y]",
        "
topics: { x: embedded, y: embedded }
subscriptions:
  of-x: { topic: x, group: both, to: courier, retry: { attempts: 1 } }
  of-y: { topic: y, group: both, to: courier, retry: { attempts: 1 } }
",
    ));
    world.courier().published("y", &json!({ "id": "a", "data": { "do": { "fail-until": 9 } } }));
    _ = world.wait_for_letters(1);
    assert_eq!(world.ask(&["dlq", "replay", "--all"]), json!({ "replayed": 1 }));
    assert_eq!(world.courier().attempts("of-y", "a", 2).len(), 2);
}
