//! One read, one write and one publication: for the bench, which has it done as one transaction and as three.

use mecha_guest::{
    context,
    events::{Message, Topic},
    http::{Error, Request, Response},
    json::json,
    state::Store,
};

/// Turns the counter of one of `keys` keys, chosen by lot.
pub fn turn(request: &Request) -> Result<Response, Error> {
    let keys: u64 = request.query_as("keys")?.unwrap_or(1);
    // The call's id is as good as a number by lot.
    let lot = u64::from_str_radix(&context::current().id[..16], 16).unwrap_or_default();
    let key = format!("turn/{}", lot % keys.max(1));
    let store = Store::open("seen")?;
    let turns: u64 = store.get_json(&key)?.unwrap_or_default();
    store.set_json(&key, &(turns + 1))?;
    Topic::open("turns")?.publish(&Message::json("turned", &json!({ "key": key, "turns": turns + 1 }))?)?;
    Ok(Response::text((turns + 1).to_string()))
}
