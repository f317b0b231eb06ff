//! A bank: it moves money between accounts, in code that knows of no conflict, no repetition and no crash.

use mecha_guest::{
    events::{Message, Topic},
    http::{Error, Handler, Method, Request, Response},
    json::json,
    state::Store,
};
use serde::{Deserialize, Serialize};

struct Bank;

impl Handler for Bank {
    fn handle(request: Request) -> Result<Response, Error> {
        let accounts = Store::open("accounts")?;
        match (request.method(), request.segments().as_slice()) {
            (Method::Get, []) => Ok(Response::html(include_str!("page.html"))),
            (Method::Post, ["transfers"]) => transfer(&accounts, &request),
            (Method::Post, ["accounts"]) => open(&accounts, &request),
            (Method::Get, ["accounts"]) => Response::json(&all(&accounts)?),
            (Method::Get, ["accounts", id]) => show(&accounts, id),
            (Method::Get, ["sum"]) => sum(&accounts),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Bank);

#[derive(Debug, Serialize, Deserialize)]
struct Account {
    id: String,
    balance: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    from: String,
    to: String,
    amount: u64,
}

fn transfer(accounts: &Store, request: &Request) -> Result<Response, Error> {
    let transfer: Transfer = request.json_within(4 << 10)?;
    check(&transfer)?;
    let mut from = find(accounts, &transfer.from)?;
    let mut to = find(accounts, &transfer.to)?;
    if from.balance < transfer.amount {
        return Err(Error::status(409, format!("account {} holds {} only", from.id, from.balance)));
    }
    from.balance -= transfer.amount;
    to.balance += transfer.amount;
    accounts.set_json(&from.id, &from)?;
    accounts.set_json(&to.id, &to)?;
    let id = Topic::open("transfers")?.publish(&Message::json("transfer.made", &transfer)?)?;
    let Transfer { from, to, amount } = transfer;
    Ok(Response::json(&json!({ "id": id, "from": from, "to": to, "amount": amount }))?.status(201))
}

fn check(transfer: &Transfer) -> Result<(), Error> {
    if transfer.from == transfer.to {
        return Err(Error::status(422, "`from` and `to` are two accounts"));
    }
    if !(1..=MOST).contains(&transfer.amount) {
        return Err(Error::status(422, format!("`amount` is 1 to {MOST}")));
    }
    Ok(())
}

/// So much that no sum of all accounts is too large for a number.
const MOST: u64 = 1_000_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    count: usize,
    amount: u64,
}

/// Opens accounts with money that comes from nowhere: the only way in which the sum changes.
fn open(accounts: &Store, request: &Request) -> Result<Response, Error> {
    let Opening { count, amount } = request.json_within(4 << 10)?;
    let before = all(accounts)?.len();
    if count == 0 || before + count > CROWD || amount > MOST {
        return Err(Error::status(422, format!("there are up to {CROWD} accounts, of up to {MOST} each")));
    }
    let opened: Vec<_> = (before..before + count)
        .map(|number| Account { id: format!("{:03}", number + 1), balance: amount })
        .collect();
    for account in &opened {
        accounts.set_json(&account.id, account)?;
    }
    Ok(Response::json(&opened)?.status(201))
}

/// One page of a scan: the page shows them all.
const CROWD: usize = 500;

fn show(accounts: &Store, id: &str) -> Result<Response, Error> {
    Response::json(&find(accounts, id)?)
}

fn sum(accounts: &Store) -> Result<Response, Error> {
    let all = all(accounts)?;
    let sum: u64 = all.iter().map(|account| account.balance).sum();
    Response::json(&json!({ "accounts": all.len(), "sum": sum }))
}

fn find(accounts: &Store, id: &str) -> Result<Account, Error> {
    accounts.get_json(id)?.ok_or_else(|| Error::status(404, format!("there is no account {id}")))
}

fn all(accounts: &Store) -> Result<Vec<Account>, Error> {
    let entries = accounts.scan("").limit(CROWD as u32).page()?.entries;
    Ok(entries.iter().map(|entry| entry.item.json()).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_checked_before_money_moves() {
        let cases = [
            ("001", "002", 1, true),
            ("001", "002", MOST, true),
            ("001", "001", 1, false),
            ("001", "002", 0, false),
            ("001", "002", MOST + 1, false),
        ];
        for (from, to, amount, good) in cases {
            let transfer = Transfer { from: from.into(), to: to.into(), amount };
            assert_eq!(check(&transfer).is_ok(), good, "{transfer:?}");
        }
    }
}
