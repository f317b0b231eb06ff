//! What becomes of an event whose handler fails: it is tried again, and in the end given up.

use mecha_tests::{courier::World, host::until};
use serde_json::{Value, json};

use super::{courier, news, on_every_topic};

on_every_topic! {
    an_event_that_fails_for_good_is_given_up_with_its_reason_and_whole
    an_event_that_is_rejected_is_given_up_at_once
    a_handler_that_traps_or_never_ends_is_tried_again
    a_handler_may_say_when_it_wants_the_event_again
    the_pause_between_attempts_grows
    an_event_that_is_too_old_is_given_up
    a_subscription_without_dead_letters_discards_what_it_gives_up
    who_subscribes_to_dead_letters_is_told_why
}

fn an_event_that_fails_for_good_is_given_up_with_its_reason_and_whole(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier, retry: { attempts: 3, min: 1ms, max: 5ms } }");
    let message = json!({
        "id": "bad", "type": "com.example.bad", "subject": "s", "key": "k",
        "extensions": { "rank": "3" }, "data": { "do": "retry", "total": 5 },
    });
    world.courier().published("news", &message);
    let letters = world.wait_for_letters(1);
    let letter = &letters[0];
    assert_eq!(letter["topic"], "news");
    assert_eq!(letter["group"], "all");
    assert_eq!(letter["attempts"], 3);
    assert_eq!(letter["event-id"], "bad");
    assert_eq!(letter["type"], "com.example.bad");
    assert!(!letter["reason"].as_str().unwrap().is_empty(), "{letter}");
    let attempts: Vec<_> =
        world.courier().attempts("all", "bad", 3).iter().map(|given| given["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    let shown = world.ask(&["dlq", "show", letter["id"].as_str().unwrap()]);
    assert_eq!(shown["ordering-key"], "k");
    let event = &shown["event"];
    assert_eq!(
        (&event["subject"], &event["rank"], &event["source"]),
        (&json!("s"), &json!("3"), &json!("/post/courier"))
    );
    assert_eq!(event["data"], json!({ "do": "retry", "total": 5 }), "as it was published");
    world.host.wait_for_log("event is given up");
    world.wait_for_events("news", 0);
}

fn an_event_that_is_rejected_is_given_up_at_once(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier }");
    world.courier().published("news", &json!({ "id": "bad", "data": { "do": "reject" } }));
    let letters = world.wait_for_letters(1);
    assert_eq!(letters[0]["attempts"], 1);
    assert!(letters[0]["reason"].as_str().unwrap().contains("told to reject"), "{letters:?}");
    assert_eq!(world.courier().attempts("all", "bad", 1).len(), 1);
}

fn a_handler_that_traps_or_never_ends_is_tried_again(kind: &str) {
    let world = World::new(&courier(
        "    publish: [news]\n    limits: { wall-time: 1s }",
        &format!(
            "
topics: {{ news: {kind} }}
subscriptions: {{ all: {{ topic: news, to: courier, retry: {{ attempts: 2, min: 1ms, max: 1ms }} }} }}"
        ),
    ));
    for (verb, reason) in [("trap", "trap"), ("loop", "deadline")] {
        let id = world.courier().published("news", &json!({ "data": { "do": verb } }));
        assert_eq!(world.courier().attempts("all", &id, 2).len(), 2, "{verb}");
        let found = || {
            let listed = world.ask(&["dlq", "list"]);
            listed["letters"].as_array().unwrap().iter().find(|letter| letter["event-id"] == *id).cloned()
        };
        until("it is given up", || found().is_some());
        let letter = found().unwrap();
        assert_eq!(letter["attempts"], 2);
        assert!(letter["reason"].as_str().unwrap().contains(reason), "{letter}");
    }
    assert_eq!(world.host.metric("mecha_calls_total", &["outcome=\"deadline\""]), 2.0);
    world.courier().published("news", &json!({ "id": "good" }));
    _ = world.courier().given("all", "good");
}

fn a_handler_may_say_when_it_wants_the_event_again(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier, retry: { attempts: 2, min: 1ms, max: 1ms } }");
    world.courier().published("news", &json!({ "id": "a", "data": { "do": { "retry-after": 700 } } }));
    let attempts = world.courier().attempts("all", "a", 2);
    let at = |given: &Value| given["at"].as_u64().unwrap();
    assert!(at(&attempts[1]) - at(&attempts[0]) >= 700, "{attempts:?}");
}

fn the_pause_between_attempts_grows(kind: &str) {
    let world =
        news(kind, "  all: { topic: news, to: courier, retry: { attempts: 5, min: 100ms, max: 10s } }");
    world.courier().published("news", &json!({ "id": "a", "data": { "do": { "fail-until": 5 } } }));
    let attempts = world.courier().attempts("all", "a", 5);
    let times: Vec<_> = attempts.iter().map(|given| given["at"].as_u64().unwrap()).collect();
    let pauses: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    // With jitter the fourth is still longer than the first was meant to be.
    assert!(pauses[3] > 100 && times[4] - times[0] > 400, "{pauses:?}");
    world.wait_for_events("news", 0);
    assert!(world.ask(&["dlq", "list"])["letters"].as_array().unwrap().is_empty());
}

fn an_event_that_is_too_old_is_given_up(kind: &str) {
    let retry = "retry: { attempts: forever, min: 10ms, max: 100ms, age: 1s }";
    let world = news(kind, &format!("  all: {{ topic: news, to: courier, {retry} }}"));
    world.courier().published("news", &json!({ "id": "a", "data": { "do": "retry" } }));
    let letters = world.wait_for_letters(1);
    assert!(letters[0]["attempts"].as_u64().unwrap() >= 5, "as often as it could: {letters:?}");
    let attempts = world.courier().attempts("all", "a", 5);
    let at = |given: &Value| given["at"].as_u64().unwrap();
    assert!(at(&attempts[attempts.len() - 1]) - at(&attempts[0]) >= 500, "{attempts:?}");
}

fn a_subscription_without_dead_letters_discards_what_it_gives_up(kind: &str) {
    let world = news(kind, "  all: { topic: news, to: courier, dead-letter: off }");
    world.courier().published("news", &json!({ "id": "bad", "data": { "do": "reject" } }));
    world.wait_for_events("news", 0);
    world.host.wait_for_log("event is given up");
    assert!(world.ask(&["dlq", "list"])["letters"].as_array().unwrap().is_empty());
}

fn who_subscribes_to_dead_letters_is_told_why(kind: &str) {
    let world = World::new(&courier(
        "    publish: [news]",
        &format!(
            "
topics: {{ news: {kind}, failed: {kind} }}
subscriptions:
  all: {{ topic: news, to: courier, dead-letter: failed, retry: {{ attempts: 2, min: 1ms, max: 1ms }} }}
  mourner: {{ topic: failed, to: courier, filter: 'event.id != \"x\"' }}"
        ),
    ));
    // What the handler does, the data say: the mourner does the same with the same data, so it fails first too.
    world.courier().published("news", &json!({ "id": "bad", "data": { "do": { "fail-until": 3 } } }));
    let given = world.courier().given("mourner", "bad");
    let dead = &given["dead-letter"];
    assert_eq!(
        (&dead["topic"], &dead["subscription"], &dead["attempts"]),
        (&json!("news"), &json!("all"), &json!(2)),
        "{given}"
    );
    assert!(!dead["reason"].as_str().unwrap().is_empty());
    assert!(
        dead["at-ms"].as_u64().unwrap() >= given["published-ms"].as_u64().unwrap() || dead["at-ms"].is_u64()
    );
    assert_eq!((&given["topic"], &given["data"]), (&json!("failed"), &json!({ "do": { "fail-until": 3 } })));
}
