//! Takes orders: keeps each in a store, and tells everybody that it was placed.

use mecha_guest::{
    events::{Message, Topic},
    http::{Error, Handler, Method, Request, Response},
    json::{Value, json},
    state::Store,
};
use serde::{Deserialize, Serialize};

struct Web;

impl Handler for Web {
    fn handle(request: Request) -> Result<Response, Error> {
        match (request.method(), request.segments().as_slice()) {
            (Method::Post, ["orders"]) => place(&request),
            (Method::Get, ["orders", id]) => show(id),
            (Method::Get, ["totals"]) => totals(),
            (Method::Put, ["prices", item]) => price(item, &request),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Web);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// Chosen by who orders.
    id: String,
    item: String,
    quantity: u32,
}

fn place(request: &Request) -> Result<Response, Error> {
    let order: Order = request.json_within(16 << 10)?;
    check(&order)?;
    let store = Store::open("orders")?;
    if store.exists(&order.id)? {
        return Err(Error::status(409, "another order has that id"));
    }
    store.set_json(&order.id, &order)?;
    let placed = Message::json("order.placed", &order)?.id(&order.id).subject(&order.id).key(&order.id);
    Topic::open("orders")?.publish(&placed)?;
    Ok(Response::json(&order)?.status(201).header("location", format!("/orders/{}", order.id)))
}

fn check(order: &Order) -> Result<(), Error> {
    let named = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !named(&order.id) || !named(&order.item) {
        return Err(Error::status(422, "`id` and `item` are 1 to 64 letters, digits and `-`"));
    }
    if !(1..=1000).contains(&order.quantity) {
        return Err(Error::status(422, "`quantity` is 1 to 1000"));
    }
    Ok(())
}

fn show(id: &str) -> Result<Response, Error> {
    let order: Option<Value> = Store::open("orders")?.get_json(id)?;
    Response::json(&order.ok_or_else(|| Error::status(404, "there is no such order"))?)
}

/// What the reporter last wrote.
fn totals() -> Result<Response, Error> {
    let totals: Option<Value> = Store::open("totals")?.get_json("totals")?;
    Response::json(&totals.unwrap_or_else(|| json!({ "orders": 0, "pieces": 0 })))
}

/// The body is the price of one piece, in cents.
fn price(item: &str, request: &Request) -> Result<Response, Error> {
    let cents: u32 = request.json()?;
    Store::open("prices")?.set_json(item, &cents)?;
    Ok(Response::new(204))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_checked_before_it_is_kept() {
        let cases = [
            ("a-1", "tea", 1, true),
            ("", "tea", 1, false),
            ("a/1", "tea", 1, false),
            ("a", "tea", 0, false),
        ];
        for (id, item, quantity, good) in cases {
            let order = Order { id: id.into(), item: item.into(), quantity };
            assert_eq!(check(&order).is_ok(), good, "{order:?}");
        }
    }
}
