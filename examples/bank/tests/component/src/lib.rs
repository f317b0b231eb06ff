//! What YAML cannot say of the bank: a hundred transfers, and what holds after each of them.

use std::time::Duration;

use mecha_guest::{
    json::json,
    test::{Request, app},
};
use serde::Deserialize;

mecha_guest::test::export!(
    a_transfer_moves_money_and_is_in_the_ledger_once,
    the_sum_stays_what_it_was,
    transfers_at_once_lose_nothing,
    a_transfer_that_is_sent_again_is_made_once,
    a_transfer_that_cannot_be_told_does_not_happen,
    the_ledger_catches_up,
);

fn a_transfer_moves_money_and_is_in_the_ledger_once() {
    open(2, 100);
    let response = transfer("001", "002", 30).send();
    assert_eq!(response.status(), 201, "{}", response.text());
    assert_eq!((balance("001"), balance("002")), (70, 130));
    let events = app::events("transfers");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].json::<Transfer>().unwrap().amount, 30);
    assert_eq!(app::store("ledger").list("lines/").len(), 1);
    assert_eq!(app::store("ledger").json::<u64>("total"), Some(30));
}

/// Who pays whom, and how much, is drawn; it is the same in every run.
fn the_sum_stays_what_it_was() {
    open(10, 100);
    let mut lot = 7;
    let mut draw = |below: u64| {
        lot = (lot * 1_103_515_245 + 12_345) % (1 << 31);
        (lot >> 8) % below
    };
    let (mut made, mut refused) = (0, 0);
    for _ in 0..100 {
        let from = draw(10);
        let to = (from + 1 + draw(9)) % 10;
        let (from, to) = (format!("{:03}", from + 1), format!("{:03}", to + 1));
        match transfer(&from, &to, 1 + draw(80)).send().status() {
            201 => made += 1,
            409 => refused += 1,
            other => panic!("{from} to {to}: {other}"),
        }
        assert_eq!(sum(), 1000, "after {made} transfers, the last from {from} to {to}");
    }
    assert!(made > 20 && refused > 0, "{made} made, {refused} refused");
    assert_eq!(app::store("ledger").list("lines/").len(), made);
}

fn transfers_at_once_lose_nothing() {
    open(2, 100);
    let responses = app::at_once((0..5).map(|_| transfer("001", "002", 10)));
    assert!(responses.iter().all(|response| response.status() == 201));
    assert_eq!((balance("001"), balance("002")), (50, 150));
}

fn a_transfer_that_is_sent_again_is_made_once() {
    open(2, 100);
    let send = || transfer("001", "002", 10).header("idempotency-key", "k-1").send();
    let (first, again) = (send(), send());
    assert_eq!((again.status(), again.text()), (first.status(), first.text()));
    assert_eq!(balance("001"), 90);
}

fn a_transfer_that_cannot_be_told_does_not_happen() {
    open(2, 100);
    app::fail("pubsub.publish", "unavailable").of("bank").nth(1).begin();
    assert_eq!(transfer("001", "002", 10).send().status(), 503);
    assert_eq!((balance("001"), balance("002")), (100, 100));
    assert_eq!(transfer("001", "002", 10).send().status(), 201);
}

fn the_ledger_catches_up() {
    open(2, 100);
    app::fail("state.*", "unavailable").of("ledger").nth(1).begin();
    assert_eq!(transfer("001", "002", 10).send().status(), 201);
    assert_eq!(app::store("ledger").list(""), []);
    app::wait(Duration::from_secs(24 * 3600));
    assert_eq!(app::store("ledger").json::<u64>("count"), Some(1));
}

#[derive(Debug, Deserialize)]
struct Account {
    balance: u64,
}

#[derive(Debug, Deserialize)]
struct Transfer {
    amount: u64,
}

fn open(count: u64, amount: u64) {
    let response = app::post("/accounts").json(&json!({ "count": count, "amount": amount })).send();
    assert_eq!(response.status(), 201, "{}", response.text());
}

fn transfer(from: &str, to: &str, amount: u64) -> Request {
    app::post("/transfers").json(&json!({ "from": from, "to": to, "amount": amount }))
}

#[track_caller]
fn balance(id: &str) -> u64 {
    let account: Option<Account> = app::store("accounts").json(id);
    account.unwrap_or_else(|| panic!("there is no account {id}")).balance
}

fn sum() -> u64 {
    let ids = app::store("accounts").list("").into_iter().map(|(id, _)| id);
    ids.map(|id| balance(&id)).sum()
}
