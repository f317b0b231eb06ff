//! The ledger: appends each transfer that was made, and adds it to the totals. It does not ask whether it has
//! seen that transfer before.

use mecha_guest::{
    context,
    events::{Delivery, Nack, Subscriber},
    http::{Error, Handler, Method, Request, Response},
    json::{Value, json},
    state::{self, Store},
};
use serde::Deserialize;

struct Ledger;

impl Subscriber for Ledger {
    fn handle(delivery: Delivery) -> Result<(), Nack> {
        let transfer: Transfer = delivery.event.json()?;
        let ledger = Store::open("ledger")?;
        // The call's id makes it a line of its own: a transfer that is written down twice has two.
        let line = format!("lines/{}/{}", delivery.event.id, context::current().id);
        ledger.set(&line, &delivery.event.data)?;
        ledger.add("count", 1)?;
        ledger.add("total", transfer.amount)?;
        Ok(())
    }
}

impl Handler for Ledger {
    fn handle(request: Request) -> Result<Response, Error> {
        let ledger = Store::open("ledger")?;
        match (request.method(), request.segments().as_slice()) {
            (Method::Get, ["ledger"]) => lines(&ledger, &request),
            (Method::Get, ["ledger", "totals"]) => totals(&ledger),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::events::export!(Ledger);
mecha_guest::http::export!(Ledger);

#[derive(Deserialize)]
struct Transfer {
    amount: i64,
}

/// The lines, in the order of the transfers' ids; with `after`, where a page ended.
fn lines(ledger: &Store, request: &Request) -> Result<Response, Error> {
    let after = request.query("after").map(str::to_owned);
    let page = match ledger.scan("lines/").limit(1000).after(after).page() {
        Err(state::Error::InvalidArgument(why)) => return Err(Error::status(400, why)),
        page => page?,
    };
    let mut lines = vec![];
    for entry in page.entries {
        let transfer: Value = entry.item.json()?;
        lines.push(json!({ "id": id_of(&entry.key), "transfer": transfer }));
    }
    Response::json(&json!({ "lines": lines, "next": page.cursor }))
}

/// The transfer's id in the key of a line.
fn id_of(key: &str) -> &str {
    key.split('/').nth(1).unwrap_or_default()
}

fn totals(ledger: &Store) -> Result<Response, Error> {
    let [count, total] = ["count", "total"].map(|name| ledger.get_json::<i64>(name));
    Response::json(&json!({ "count": count?.unwrap_or(0), "total": total?.unwrap_or(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_its_transfer() {
        assert_eq!(id_of("lines/t-1/call-9"), "t-1");
    }
}
