//! A checkout: charges for an order, and then notes that it is paid. A host that dies in between charges twice, unless
//! the manifest says `atomic: true`.

use mecha_guest::{
    bindings::{self, Output},
    http::{Error, Handler, Method, Request, Response},
    json::json,
    state::Store,
};
use serde::{Deserialize, Serialize};

struct Checkout;

impl Handler for Checkout {
    fn handle(request: Request) -> Result<Response, Error> {
        let orders = Store::open("orders")?;
        match (request.method(), request.segments().as_slice()) {
            (Method::Put, ["orders", id]) => place(&orders, id, &request),
            (Method::Get, ["orders", id]) => Response::json(&find(&orders, id)?),
            (Method::Post, ["orders", id, "payment"]) => pay(&orders, id),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Checkout);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    amount: u64,
    #[serde(default)]
    paid: bool,
}

fn place(orders: &Store, id: &str, request: &Request) -> Result<Response, Error> {
    let order: Order = request.json_within(4 << 10)?;
    if order.amount == 0 || order.paid {
        return Err(Error::status(422, "an order has an `amount`, and is not paid yet"));
    }
    if orders.exists(id)? {
        return Err(Error::status(409, "there is such an order"));
    }
    orders.set_json(id, &order)?;
    Ok(Response::json(&order)?.status(201))
}

fn pay(orders: &Store, id: &str) -> Result<Response, Error> {
    let order = find(orders, id)?;
    if order.paid {
        return Response::json(&order);
    }
    let charge = json!({ "order": id, "amount": order.amount });
    Output::open("payments")?.invoke(&bindings::Request::json("post", &charge)?)?;
    let order = Order { paid: true, ..order };
    orders.set_json(id, &order)?;
    Response::json(&order)
}

fn find(orders: &Store, id: &str) -> Result<Order, Error> {
    orders.get_json(id)?.ok_or_else(|| Error::status(404, "there is no such order"))
}
