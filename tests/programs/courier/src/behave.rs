//! What a handler does: what the data that it is given says. Other data than this: all is well.
//!
//! `{"do": "ok" | "retry" | "reject" | "trap" | "loop"}`, `{"do": {"retry-after": ms}}`,
//! `{"do": {"sleep": ms}}`, `{"do": {"fail-until": attempt}}`, `{"do": {"publish": topic}}` (the same once more,
//! under a new id); also flat: `{"do": "sleep", "ms": 5}`.

use std::{hint, process, thread, time::Duration};

use mecha_guest::{
    events::{Message, Nack, Topic},
    json::{self, Value},
};

pub fn behave(data: &[u8], attempt: u32) -> Result<(), Nack> {
    let bytes = data;
    let Ok(data) = json::from_slice::<Value>(bytes) else { return Ok(()) };
    let (verb, number) = match &data["do"] {
        Value::String(verb) => {
            let number = [&data["ms"], &data["n"]].into_iter().find_map(Value::as_u64);
            (verb.as_str(), number.unwrap_or(0))
        }
        Value::Object(one) => match one.iter().next() {
            Some((verb, Value::String(topic))) if verb == "publish" => return again(topic, bytes),
            Some((verb, number)) => (verb.as_str(), number.as_u64().unwrap_or(0)),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    match verb {
        "retry" => Err(Nack::retry()),
        "retry-after" => Err(Nack::retry_after(Duration::from_millis(number))),
        "reject" => Err(Nack::reject("told to reject")),
        "trap" => process::abort(),
        "loop" => spin(),
        "sleep" => {
            thread::sleep(Duration::from_millis(number));
            Ok(())
        }
        "fail-until" if u64::from(attempt) < number => Err(Nack::retry()),
        _ => Ok(()),
    }
}

fn again(topic: &str, data: &[u8]) -> Result<(), Nack> {
    Topic::open(topic)?.publish(&Message::bytes("courier.again", "application/json", data))?;
    Ok(())
}

/// Does not end by itself, and never asks the host for anything.
pub fn spin() -> ! {
    loop {
        hint::black_box(());
    }
}
