//! Calls that want the same at once: all of them happen, one after the other, and an operator sees where they meet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use mecha_tests::{
    courier::{World, ask},
    gate::Gate,
    teller::{add, get, increase, list, set},
};
use serde_json::{Value, json};

use super::{on_every_engine, world};

on_every_engine! {
    on_one_key_all_of_32_callers_succeed
    transfers_between_100_accounts_keep_their_sum_at_every_read
}

fn on_one_key_all_of_32_callers_succeed(kind: &str) {
    let world = world(kind, &Gate::closed(), "", "");
    let teller = world.teller();
    let callers: Vec<_> = (0..32)
        .map(|_| {
            thread::spawn(move || (0..3).map(|_| teller.call(&[increase("n")]).status).collect::<Vec<_>>())
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().unwrap(), [200, 200, 200]);
    }
    assert_eq!(world.value("n").as_deref(), Some("96"));
}

/// The sum of all accounts, as one call sees it.
fn sum(accounts: &Value) -> i64 {
    let accounts = accounts.as_array().unwrap();
    assert_eq!(accounts.len(), 100);
    accounts.iter().map(|pair| pair[1].as_str().unwrap().parse::<i64>().unwrap()).sum()
}

fn transfers_between_100_accounts_keep_their_sum_at_every_read(kind: &str) {
    let world = world(kind, &Gate::closed(), "", "");
    let account = |n: usize| format!("account/{:02}", n % 100);
    let opened: Vec<_> = (0..100).map(|n| set(&account(n), "100")).collect();
    world.teller().done(&opened);
    let teller = world.teller();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let reader = thread::spawn(move || {
        let mut reads = 0;
        while !stopped.load(Ordering::Relaxed) {
            assert_eq!(sum(&teller.done(&[list("account/")])[0]), 10_000);
            reads += 1;
        }
        reads
    });
    let callers: Vec<_> = (0..32)
        .map(|caller| {
            thread::spawn(move || {
                for n in 0..6 {
                    let (from, to) = (account(caller * 7 + n * 13), account(caller * 3 + n * 29 + 1));
                    if from == to {
                        continue;
                    }
                    let transfer = json!({ "do": "move", "from": from, "to": to, "amount": 3 });
                    let answer = teller.call(&[transfer, add("moved", 1)]);
                    assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    stop.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
    assert_eq!(sum(&world.plain().done(&[list("account/")])[0]), 10_000);
    let moved: i64 = world.value("moved").unwrap().parse().unwrap();
    assert!(moved > 100, "{moved}");
}

#[test]
fn conflicts_are_counted_by_component_and_by_prefix_and_listed() {
    let gate = Gate::closed();
    let world = world("embedded", &gate, "", "");
    let teller = world.teller();
    let script = vec![get("orders/17"), gate.pass(), set("b", "1")];
    let caller = thread::spawn(move || teller.call(&script));
    gate.wait_for(1);
    world.plain().done(&[set("orders/17", "taken")]);
    gate.open_for_all();
    assert_eq!(caller.join().unwrap().status, 200);
    assert_eq!(world.host.metric("mecha_conflicts_total", &["component=\"teller\""]), 1.0);
    let listed = world.ask(&["conflicts"]).to_string();
    assert!(listed.contains("orders") && listed.contains("main"), "{listed}");
}

#[test]
fn a_host_without_conflicts_lists_none() {
    let world = world("embedded", &Gate::closed(), "", "");
    world.teller().done(&[increase("n")]);
    let listed = world.ask(&["conflicts"]);
    assert!(listed["conflicts"].as_array().is_some_and(Vec::is_empty), "{listed}");
    let World { host, app } = world;
    assert_eq!(host.stop().code(), Some(0));
    let listed = ask(app.path(), &["conflicts"]);
    assert!(listed["conflicts"].as_array().is_some_and(Vec::is_empty), "{listed}");
}
