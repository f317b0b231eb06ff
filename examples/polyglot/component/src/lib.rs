//! Takes orders over HTTP, and keeps what the other components make of them.

use std::{thread, time::Duration};

use mecha_guest::http::{Error, Handler, Method, Request, Response};
use serde::Serialize;

use crate::order::Order;

mod bindings;
mod events;
mod order;

struct App;

impl Handler for App {
    fn handle(request: Request) -> Result<Response, Error> {
        match (request.method(), request.segments().as_slice()) {
            (Method::Post, ["orders"]) => place(&request),
            (Method::Get | Method::Head, ["orders", id]) => show(id, wait(&request)),
            (_, ["orders"]) => Err(Error::status(405, "place orders with POST").header("allow", "POST")),
            (_, ["orders", _]) => Err(Error::status(405, "ask with GET").header("allow", "GET, HEAD")),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(App);

#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    #[serde(flatten)]
    order: Order,
}

fn place(request: &Request) -> Result<Response, Error> {
    let body = request.body(64 << 10)?;
    let id = order::begin(&order::open()?)?;
    // First the place, then the event: whoever handles it finds the order. If the host dies in between, the order
    // stays `received`, and the client, who has had no answer, places it again.
    events::publish(&id, body)
        .map_err(|error| Error::status(503, "the order was not taken; place it again").because(error))?;
    let view = View { id: &id, order: Order::Received };
    Ok(Response::json(&view)?.status(202).header("location", format!("/orders/{id}")))
}

/// Shows an order. If the others are still busy with it, waits for them up to that many seconds.
fn show(id: &str, wait: u64) -> Result<Response, Error> {
    const LOOKS: u64 = 20;
    let store = order::open()?;
    let missing = || Error::status(404, "there is no such order");
    let mut order = order::find(&store, id)?.ok_or_else(missing)?;
    for _ in 0..wait * LOOKS {
        if !matches!(order, Order::Received) {
            break;
        }
        thread::sleep(Duration::from_millis(1000 / LOOKS));
        order = order::find(&store, id)?.ok_or_else(missing)?;
    }
    Response::json(&View { id, order })
}

/// The seconds of `prefer: wait=10` (RFC 7240), less than the call's wall time.
fn wait(request: &Request) -> u64 {
    let preferences = request.header("prefer").unwrap_or_default().split(',');
    let seconds =
        preferences.filter_map(|preference| preference.trim().strip_prefix("wait=")?.parse().ok()).next();
    seconds.unwrap_or(0).min(20)
}
