//! What happens to an order after it was received: events come in, and one call goes out.

use mecha_guest::json::{self, Value};
use serde::Deserialize;

use crate::{
    App,
    bindings::{Delivery, Nack, Subscriber, invoke, pubsub, targets, topics},
    order::{self, Order},
};

impl Subscriber for App {
    fn handle(delivery: Delivery) -> Result<(), Nack> {
        let order = match delivery.subscription.as_str() {
            "storage" => accepted(&delivery.event.data)?,
            "rejections" => rejected(&delivery),
            other => return Err(Nack::Reject(format!("nothing is known of the subscription `{other}`"))),
        };
        // The event's id is the order's, all the way.
        order::settle(&delivery.event.id, &order).map_err(later)
    }
}

/// Publishes an order, whatever is in it: to look at it is `validate`'s work.
pub fn publish(id: &str, data: Vec<u8>) -> Result<(), pubsub::Error> {
    topics::open("orders")?.publish(&pubsub::Message {
        data,
        content_type: Some("application/json".to_owned()),
        id: Some(id.to_owned()),
        event_type: Some("order.placed".to_owned()),
        source: None,
        subject: None,
        schema: None,
        extensions: Vec::new(),
        ordering_key: None,
        delay_ms: None,
        ttl_ms: None,
    })?;
    Ok(())
}

#[derive(Deserialize)]
struct Valid {
    customer: String,
}

#[derive(Deserialize)]
struct Quote {
    lines: Vec<Value>,
    cents: u64,
}

fn accepted(data: &[u8]) -> Result<Order, Nack> {
    let Valid { customer } = json::from_slice(data).map_err(|error| Nack::Reject(error.to_string()))?;
    let Quote { lines, cents } = json::from_slice(&quote(data)?).map_err(later)?;
    Ok(Order::Accepted { customer, lines, cents })
}

/// Asks `enrich` for names and prices.
fn quote(order: &[u8]) -> Result<Vec<u8>, Nack> {
    let request = invoke::Request {
        method: "quote".to_owned(),
        data: order.to_vec(),
        content_type: Some("application/json".to_owned()),
        metadata: Vec::new(),
    };
    match targets::open("enrich").and_then(|enrich| enrich.call(&request, None)) {
        Ok(response) => Ok(response.data),
        // What the callee says of the order will be true the next time, too.
        Err(invoke::Error::Fault(fault))
            if matches!(fault.kind, invoke::FaultKind::InvalidRequest | invoke::FaultKind::NotFound) =>
        {
            Err(Nack::Reject(fault.message))
        }
        Err(invoke::Error::Busy(after_ms)) => Err(Nack::Retry(after_ms)),
        Err(error) => Err(later(error)),
    }
}

fn rejected(delivery: &Delivery) -> Order {
    let reason = delivery.dead_letter.as_ref().map(|letter| letter.reason.clone());
    Order::Rejected { reason: reason.unwrap_or_else(|| "nobody said why".to_owned()) }
}

/// What went wrong has nothing to do with the order: it goes to the log, and the event comes again.
#[expect(clippy::print_stderr, reason = "a component's log")]
fn later(error: impl std::fmt::Display) -> Nack {
    eprintln!("{error}");
    Nack::Retry(None)
}
