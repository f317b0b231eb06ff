//! Inputs: a file, and a webhook's delivery, are consumed with what their handler does.

use mecha_tests::{
    client::Response,
    courier::World,
    gate::Gate,
    host::{App, until},
    teller::{add, before_attempt, just, set},
};
use serde_json::{Value, json};

use super::teller;

fn world(gate: &Gate, sections: &str) -> World {
    let manifest = teller("embedded", gate, "", sections);
    World::of(App::new(&manifest).with_file("inbox/.keep", ""))
}

fn inbox(gate: &Gate) -> World {
    world(
        gate,
        "inputs: { inbox: { file: { directory: ./inbox }, to: teller, concurrency: 3, \
         retry: { attempts: 4, min: 1ms, max: 5ms } } }",
    )
}

/// Puts a file there as who writes it in place does not: whole.
fn put(app: &App, name: &str, script: &[Value]) {
    let (written, path) = (app.path().join("written"), app.path().join("inbox").join(name));
    std::fs::write(&written, Value::from(script.to_vec()).to_string()).unwrap();
    std::fs::rename(written, path).unwrap();
}

fn wait_until_gone(world: &World, names: &[String]) {
    let inbox = world.app.path().join("inbox");
    until("all files are gone", || names.iter().all(|name| !inbox.join(name).exists()));
}

#[test]
fn a_file_is_consumed_with_what_its_handler_does() {
    let gate = Gate::closed();
    let world = inbox(&gate);
    let fails = before_attempt(3, &[set("from", "a run that failed"), just("nack")]);
    put(&world.app, "a", &[add("count", 1), fails, set("attempt", "$attempt"), gate.pass()]);
    gate.wait_for(1);
    assert_eq!(world.plain().keys(""), Vec::<String>::new());
    assert!(world.app.path().join("inbox/a").exists());
    gate.open();
    world.wait_for_value("attempt", "3");
    assert_eq!(world.plain().keys(""), ["attempt", "count"]);
    assert_eq!(world.value("count").as_deref(), Some("1"));
    wait_until_gone(&world, &["a".to_owned()]);
}

#[test]
fn killed_in_its_handler_a_file_has_done_nothing_and_comes_again() {
    let gate = Gate::closed();
    let world = inbox(&gate);
    put(&world.app, "a", &[add("count", 1), gate.pass(), set("done", "1")]);
    gate.wait_for(1);
    let world = world.killed();
    assert_eq!(world.value("count"), None);
    gate.open_for_all();
    world.wait_for_value("done", "1");
    assert_eq!(world.value("count").as_deref(), Some("1"));
    wait_until_gone(&world, &["a".to_owned()]);
}

/// Also if the host dies between the commit and the moment at which the file is taken away.
#[test]
fn killed_again_and_again_every_file_is_consumed_once() {
    let mut world = inbox(&Gate::closed());
    let mut names = vec![];
    for round in 0..6 {
        for n in 0..8 {
            let name = format!("f{round}-{n}");
            put(&world.app, &name, &[add("count", 1), set(&format!("seen/{name}"), "x")]);
            names.push(name);
        }
        let least = round * 8 + 2;
        until("some are consumed", || world.plain().keys("seen/").len() >= least);
        world = world.killed();
    }
    wait_until_gone(&world, &names);
    assert_eq!(world.plain().keys("seen/").len(), names.len());
    assert_eq!(world.value("count"), Some(names.len().to_string()));
}

fn hook(gate: &Gate) -> World {
    world(gate, "inputs: { hook: { http: { path: /hook, id: x-delivery }, to: teller } }")
}

fn post(world: &World, id: &str, script: &[Value]) -> Response {
    let body = Value::from(script.to_vec()).to_string();
    world.host.client().send("POST", "/hook", &[("x-delivery", id)], body)
}

#[test]
fn a_delivery_of_a_webhook_that_comes_again_is_handled_once() {
    let world = hook(&Gate::closed());
    let script = [add("count", 1)];
    assert_eq!(post(&world, "d-1", &script).status, 200);
    let again = post(&world, "d-1", &script);
    assert!((200..300).contains(&again.status), "its sender need not come again: {}", again.text());
    assert_eq!(world.value("count").as_deref(), Some("1"));
    assert_eq!(post(&world, "d-2", &script).status, 200);
    assert_eq!(world.value("count").as_deref(), Some("2"));
    let world = world.killed();
    assert!((200..300).contains(&post(&world, "d-2", &script).status));
    assert_eq!(world.value("count").as_deref(), Some("2"), "for as long as it is remembered");
}

#[test]
fn a_delivery_of_a_webhook_that_fails_has_done_nothing_and_may_come_again() {
    let world = hook(&Gate::closed());
    assert_eq!(post(&world, "d-1", &[add("count", 1), just("nack")]).status, 503);
    assert_eq!(post(&world, "d-1", &[add("count", 1), just("trap")]).status, 500);
    assert_eq!(world.value("count"), None);
    assert_eq!(post(&world, "d-1", &[add("count", 1)]).json(), json!([null]));
    assert_eq!(world.value("count").as_deref(), Some("1"));
}

#[test]
fn a_webhook_answers_after_the_commit() {
    let gate = Gate::closed();
    let world = hook(&gate);
    let client = world.host.client();
    let body = Value::from(vec![set("a", "1"), gate.pass()]).to_string();
    let sender = std::thread::spawn(move || client.send("POST", "/hook", &[("x-delivery", "d")], body));
    gate.wait_for(1);
    assert_eq!(world.value("a"), None);
    gate.open();
    assert_eq!(sender.join().unwrap().status, 200);
    assert_eq!(world.value("a").as_deref(), Some("1"));
}
