//! An order, as it is kept in the store `orders`.

use mecha_guest::{
    json::Value,
    state::{self, Options, Store},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Order {
    /// Nobody has looked at it yet.
    Received,
    Accepted {
        customer: String,
        /// As `enrich` answers: with names and prices.
        lines: Vec<Value>,
        cents: u64,
    },
    Rejected {
        reason: String,
    },
}

/// Takes the next number, and keeps a place for the order. Padded, so that the order of keys is that of time.
pub fn begin(store: &Store) -> Result<String, state::Error> {
    let id = format!("{:012}", store.increment("count", 1)?);
    store.set_json_with(&key(&id), &Order::Received, Options::new().if_absent())?;
    Ok(id)
}

pub fn find(store: &Store, id: &str) -> Result<Option<Order>, state::Error> {
    store.get_json(&key(id))
}

/// Writing the same again changes nothing: events may be delivered twice.
pub fn settle(id: &str, order: &Order) -> Result<(), state::Error> {
    open()?.set_json(&key(id), order)?;
    Ok(())
}

pub fn open() -> Result<Store, state::Error> {
    Store::open("orders")
}

fn key(id: &str) -> String {
    format!("orders/{id}")
}
