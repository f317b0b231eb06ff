//! Receives orders, asks what they cost, and writes a receipt for each.

use mecha_guest::{
    bindings::{self, Output, Request},
    events::{Delivery, Event, Nack, Subscriber},
};
use serde::Deserialize;

use crate::wit::acme::pricing::quotes::{self, Line, Refusal};

#[allow(unsafe_code, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
mod wit {
    wit_bindgen::generate!({ path: "../wit", world: "shop" });
}

struct Receipts;

impl Subscriber for Receipts {
    fn handle(delivery: Delivery) -> Result<(), Nack> {
        let order: Order = delivery.event.json()?;
        let line = Line { item: order.item.clone(), quantity: order.quantity };
        // A call of `pricing`, which looks like a function. If that component fails in another way than by a
        // refusal, this call ends, and the delivery is tried again.
        let cents = quotes::quote(&line).map_err(|refusal| match refusal {
            Refusal::UnknownItem(item) => Nack::reject(format!("`{item}` has no price")),
            Refusal::Unavailable(_) => Nack::retry(),
        })?;
        write(&delivery.event, &receipt(&order, cents))
    }
}

mecha_guest::events::export!(Receipts);

#[derive(Deserialize)]
struct Order {
    id: String,
    item: String,
    quantity: u32,
}

fn receipt(order: &Order, cents: u64) -> String {
    let (whole, rest) = (cents / 100, cents % 100);
    format!("order {}: {} x {} = {whole}.{rest:02}\n", order.id, order.quantity, order.item)
}

/// An event may be delivered again after its receipt was written, if the host died before it could settle it. So
/// the file has the event's id for a name, and a file that is there already is a receipt that is written already.
fn write(event: &Event, receipt: &str) -> Result<(), Nack> {
    let request = Request::text("create", receipt).meta("path", format!("{}.txt", event.id));
    match Output::open("receipts")?.invoke(&request) {
        Ok(_) => Ok(()),
        Err(bindings::Error::Rejected { code, .. }) if code == "exists" => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_a_line() {
        let order = Order { id: "a-1".into(), item: "tea".into(), quantity: 2 };
        assert_eq!(receipt(&order, 705), "order a-1: 2 x tea = 7.05\n");
    }
}
