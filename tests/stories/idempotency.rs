//! `Idempotency-Key`: a request that is sent again is given the first answer again.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mecha_tests::{
    client::Response,
    courier::World,
    gate::Gate,
    host::until,
    teller::{Teller, add, answer, just, set},
};
use serde_json::{Value, json};

use crate::atomic::{assert_accepted, teller};

/// A teller whose route `/` recognizes keys, with these keys of the manifest's, and a second route that does, too.
fn manifest(gate: &Gate, idempotency: &str) -> String {
    let routes = format!(
        "http: [{{ path: /, idempotency: {idempotency} }}, {{ path: /other, idempotency: {idempotency} }}, \
         {{ path: /least, atomic: false, idempotency: true }},"
    );
    teller("embedded", gate, "", "").replace("http: [/,", &routes)
}

fn world(gate: &Gate, idempotency: &str) -> World {
    World::new(&manifest(gate, idempotency))
}

fn with_key(teller: Teller, key: &str, script: &[Value]) -> Response {
    teller.call_with(&[("idempotency-key", key)], script)
}

/// Counts, and answers differently each time that it is carried out.
fn counting() -> Vec<Value> {
    vec![add("count", 1), just("random")]
}

/// All of an answer that is the same when it is given again.
fn whole(answer: &Response) -> (u16, Vec<u8>, Vec<(String, String)>) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "connection"));
    headers.sort();
    (answer.status, answer.body.clone(), headers)
}

#[test]
fn the_first_answer_is_given_again_byte_for_byte() {
    let world = world(&Gate::closed(), "true");
    for (n, status) in [200, 201, 404, 422].into_iter().enumerate() {
        let mut script = counting();
        script.push(answer(status));
        let key = format!("\"key-{status}\"");
        let first = with_key(world.teller(), &key, &script);
        assert_eq!(first.status, status);
        for _ in 0..3 {
            let again = with_key(world.teller(), &key, &script);
            assert_eq!(whole(&again), whole(&first));
        }
        assert_eq!(world.value("count"), Some((n + 1).to_string()), "and nothing is done again");
    }
    let large = vec![add("count", 1), json!({ "do": "answer", "size": 100_000 })];
    let first = with_key(world.teller(), "\"large\"", &large);
    assert_eq!(whole(&with_key(world.teller(), "\"large\"", &large)), whole(&first));
    assert_eq!(first.body.len(), 100_000);
}

#[test]
fn without_a_key_and_with_another_one_each_request_is_one_of_its_own() {
    let world = world(&Gate::closed(), "true");
    world.teller().done(&counting());
    world.teller().done(&counting());
    let first = with_key(world.teller(), "\"a\"", &counting());
    let second = with_key(world.teller(), "\"b\"", &counting());
    assert_ne!(first.body, second.body);
    assert_eq!(world.value("count").as_deref(), Some("4"));
}

#[test]
fn the_same_key_with_another_payload_is_422() {
    let world = world(&Gate::closed(), "true");
    assert_eq!(with_key(world.teller(), "\"k\"", &counting()).status, 200);
    let refused = with_key(world.teller(), "\"k\"", &[add("count", 10)]);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let script = Value::from(counting()).to_string();
    let query = world.host.client().send("POST", "/?a=1", &[("idempotency-key", "\"k\"")], &*script);
    assert_eq!(query.status, 422, "the query is a part of the payload");
    let method = world.host.client().send("PUT", "/", &[("idempotency-key", "\"k\"")], &*script);
    assert_eq!(method.status, 422, "and so is the method");
    assert_eq!(world.value("count").as_deref(), Some("1"));
}

#[test]
fn the_same_key_at_the_same_time_is_409() {
    let gate = Gate::closed();
    let world = world(&gate, "true");
    let teller = world.teller();
    let script = vec![add("count", 1), gate.pass()];
    let sent = script.clone();
    let first = thread::spawn(move || with_key(teller, "\"k\"", &sent));
    gate.wait_for(1);
    let second = with_key(world.teller(), "\"k\"", &script);
    assert_eq!(second.status, 409, "{}", second.text());
    assert_eq!(second.header("content-type"), Some("application/problem+json"));
    gate.open();
    let first = first.join().unwrap();
    assert_eq!(first.status, 200);
    assert_eq!(whole(&with_key(world.teller(), "\"k\"", &script)), whole(&first));
    assert_eq!((gate.arrived(), world.value("count").as_deref()), (1, Some("1")));
}

#[test]
fn a_5xx_is_not_kept_and_the_request_may_come_again() {
    let gate = Gate::closed();
    let manifest = manifest(&gate, "true");
    let world =
        World::new(&manifest.replace("    atomic: true", "    atomic: true\n    limits: { wall-time: 1s }"));
    let ends = [(answer(500), 500), (answer(503), 503), (just("trap"), 500), (gate.pass(), 504)];
    for (n, (end, status)) in ends.into_iter().enumerate() {
        let script = vec![add("count", 1), end];
        let key = format!("\"end-{n}\"");
        for _ in 0..2 {
            assert_eq!(with_key(world.teller(), &key, &script).status, status);
        }
    }
    assert_eq!(world.value("count"), None);
    // The same key, also for what is then done.
    assert_eq!(with_key(world.teller(), "\"k\"", &[add("count", 1), answer(500)]).status, 500);
    assert_eq!(with_key(world.teller(), "\"k\"", &counting()).status, 200);
    assert_eq!(world.value("count").as_deref(), Some("1"));
}

#[test]
fn keys_of_other_routes_and_callers_do_not_meet() {
    let world = world(&Gate::closed(), "{ caller: authorization }");
    let mut count = 0;
    let mut bodies = vec![];
    for teller in [world.teller(), world.teller().at("/other")] {
        for caller in ["ada", "bob", ""] {
            let headers: &[_] = match caller {
                "" => &[("idempotency-key", "\"k\"")],
                caller => &[("idempotency-key", "\"k\""), ("authorization", caller)],
            };
            let first = teller.call_with(headers, &counting());
            assert_eq!(first.status, 200, "{}", first.text());
            assert_eq!(whole(&teller.call_with(headers, &counting())), whole(&first));
            count += 1;
            assert_eq!(world.value("count"), Some(count.to_string()));
            assert!(!bodies.contains(&first.body));
            bodies.push(first.body);
        }
    }
}

#[test]
fn without_a_caller_in_the_manifest_all_callers_share_their_keys() {
    let world = world(&Gate::closed(), "true");
    let call = |caller| {
        world.teller().call_with(&[("idempotency-key", "\"k\""), ("authorization", caller)], &counting())
    };
    assert_eq!(whole(&call("ada")), whole(&call("bob")));
}

#[test]
fn a_route_may_require_a_key() {
    let world = world(&Gate::closed(), "{ required: true }");
    let refused = world.teller().call(&counting());
    assert_eq!((refused.status, refused.header("content-type")), (400, Some("application/problem+json")));
    assert_eq!(with_key(world.teller(), "\"k\"", &counting()).status, 200);
    assert_eq!(world.value("count").as_deref(), Some("1"));
}

#[test]
fn a_key_that_is_none_is_400() {
    let world = world(&Gate::closed(), "true");
    let long = format!("\"{}\"", "x".repeat(300));
    for key in ["\"\"", "\"unfinished", "\"two\" \"of them\"", "\"tab\tin it\"", &long] {
        let refused = with_key(world.teller(), key, &counting());
        assert_eq!(refused.status, 400, "{key}: {}", refused.text());
    }
    assert_eq!(world.value("count"), None);
    let quoted = with_key(world.teller(), "\"same\"", &counting());
    let bare = with_key(world.teller(), "same", &counting());
    assert_eq!(whole(&quoted), whole(&bare), "many clients leave the quotes out");
}

#[test]
fn an_answer_is_kept_for_its_time() {
    let world = world(&Gate::closed(), "{ keep: 1s }");
    let first = with_key(world.teller(), "\"k\"", &counting());
    assert_eq!(whole(&with_key(world.teller(), "\"k\"", &counting())), whole(&first));
    let began = Instant::now();
    until("its time is over", || began.elapsed() > Duration::from_millis(1500));
    assert_ne!(with_key(world.teller(), "\"k\"", &counting()).body, first.body);
    assert_eq!(world.value("count").as_deref(), Some("2"));
}

#[test]
fn a_call_is_told_its_key() {
    let world = world(&Gate::closed(), "true");
    let told = with_key(world.teller(), "\"k-1\"", &[just("context")]);
    assert!(
        told.json()[0]["idempotency-key"].as_str().is_some_and(|key| key.contains("k-1")),
        "{}",
        told.text()
    );
}

#[test]
fn a_call_that_ran_again_keeps_the_answer_of_its_last_run() {
    let gate = Gate::closed();
    let world = world(&gate, "true");
    let teller = world.teller();
    let script = vec![json!({ "do": "get", "key": "a" }), gate.pass(), set("b", "1"), just("random")];
    let sent = script.clone();
    let first = thread::spawn(move || with_key(teller, "\"k\"", &sent));
    gate.wait_for(1);
    world.plain().done(&[set("a", "changed")]);
    gate.open_for_all();
    let first = first.join().unwrap();
    assert_eq!((first.status, &first.json()[0]), (200, &json!("changed")));
    assert_eq!(whole(&with_key(world.teller(), "\"k\"", &script)), whole(&first));
    assert_eq!(gate.arrived(), 2);
}

#[test]
fn an_answer_outlives_kill_9() {
    let mut world = world(&Gate::closed(), "true");
    let first = with_key(world.teller(), "\"k\"", &counting());
    for _ in 0..2 {
        world = world.killed();
        assert_eq!(whole(&with_key(world.teller(), "\"k\"", &counting())), whole(&first));
    }
    assert_eq!(world.value("count").as_deref(), Some("1"));
}

#[test]
fn killed_in_the_middle_neither_the_effect_nor_the_answer_is_there() {
    let gate = Gate::closed();
    let world = world(&gate, "true");
    let teller = world.teller();
    let script = vec![add("count", 1), gate.pass(), just("random")];
    let sent = script.clone();
    let caller = thread::spawn(move || teller.try_call(&[("idempotency-key", "\"k\"")], &sent).map(|_| ()));
    gate.wait_for(1);
    let world = world.killed();
    assert!(caller.join().unwrap().is_err());
    assert_eq!(world.value("count"), None);
    gate.open_for_all();
    assert_eq!(with_key(world.teller(), "\"k\"", &script).status, 200);
    assert_eq!(world.value("count").as_deref(), Some("1"));
}

/// What a client does that does not know whether its request has arrived.
fn until_answered(world: &Mutex<Option<Teller>>, key: &str, script: &[Value]) -> Response {
    loop {
        let teller = *world.lock().unwrap();
        let answer = teller.map(|teller| teller.try_call(&[("idempotency-key", key)], script));
        if let Some(Ok(answer)) = answer
            && answer.status == 200
        {
            return answer;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn killed_again_and_again_an_effect_and_its_answer_are_never_apart() {
    let mut world = world(&Gate::closed(), "true");
    let current = Arc::new(Mutex::new(Some(world.teller())));
    let done = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (current, done) = (current.clone(), done.clone());
            thread::spawn(move || {
                let send = |n| {
                    let key = format!("\"{client}-{n}\"");
                    let script = [add("count", 1), set(&format!("of/{client}-{n}"), "x"), just("random")];
                    until_answered(&current, &key, &script)
                };
                let first: Vec<_> = (0..40)
                    .map(|n| {
                        let answer = send(n);
                        done.fetch_add(1, Ordering::Relaxed);
                        answer
                    })
                    .collect();
                (0..40).for_each(|n| assert_eq!(whole(&send(n)), whole(&first[n])));
            })
        })
        .collect();
    for round in 1..=6 {
        until("some are answered", || done.load(Ordering::Relaxed) >= round * 20);
        world.host.kill();
        *current.lock().unwrap() = None;
        world = World::of(world.app);
        *current.lock().unwrap() = Some(world.teller());
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(world.value("count").as_deref(), Some("160"), "each once, however often it was sent");
    assert_eq!(world.plain().keys("of/").len(), 160);
}

#[test]
fn on_a_plain_route_it_is_at_least_once_and_check_says_so() {
    let gate = Gate::closed();
    let warnings = assert_accepted(&manifest(&gate, "true"));
    assert!(warnings.contains("at least once") && warnings.contains("/least"), "{warnings}");
    let world = world(&gate, "true");
    let least = world.teller().at("/least");
    let first = with_key(least, "\"k\"", &counting());
    assert_eq!(whole(&with_key(least, "\"k\"", &counting())), whole(&first));
    assert_eq!(with_key(least, "\"k\"", &[add("count", 10)]).status, 422);
    assert_eq!(world.value("count").as_deref(), Some("1"));
    // What it did before it failed is there, and the request may come again.
    for _ in 0..2 {
        assert_eq!(with_key(least, "\"5xx\"", &[add("count", 1), answer(500)]).status, 500);
    }
    assert_eq!(world.value("count").as_deref(), Some("3"));
    let world = world.killed();
    assert_eq!(whole(&with_key(world.teller().at("/least"), "\"k\"", &counting())), whole(&first));
}

#[test]
fn a_route_that_does_not_ask_for_it_takes_no_notice_of_a_key() {
    let world = world(&Gate::closed(), "true");
    for _ in 0..2 {
        assert_eq!(with_key(world.plain(), "\"k\"", &counting()).status, 200);
    }
    assert_eq!(world.value("count").as_deref(), Some("2"));
}

#[test]
fn a_request_or_an_answer_larger_than_may_be_held_is_refused() {
    let gate = Gate::closed();
    let manifest = manifest(&gate, "true");
    let world = World::new(
        &manifest.replace("    atomic: true", "    atomic: true\n    limits: { held-body: 4KiB }"),
    );
    for teller in [world.teller(), world.teller().at("/least")] {
        let large = [set("a", &"x".repeat(5000))];
        assert_eq!(with_key(teller, "\"request\"", &large).status, 413);
        let answer = [json!({ "do": "answer", "size": 5000 })];
        assert_eq!(with_key(teller, "\"answer\"", &answer).status, 500);
    }
    assert_eq!(world.value("a"), None);
}
