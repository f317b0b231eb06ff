//! Receives orders, asks what they cost, and writes a receipt for each.

use mecha_guest::{
    bindings::{Output, Request},
    events::{Delivery, Nack, Subscriber},
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
        // It is written when this call is committed.
        let path = format!("{}.txt", order.id);
        Output::open("receipts")?
            .invoke(&Request::text("create", receipt(&order, cents)).meta("path", path))?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_a_line() {
        let order = Order { id: "a-1".into(), item: "tea".into(), quantity: 2 };
        assert_eq!(receipt(&order, 705), "order a-1: 2 x tea = 7.05\n");
    }
}
