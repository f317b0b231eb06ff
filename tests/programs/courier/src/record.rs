//! What the handlers were given, in the store `seen`: a JSON list for each event, run or input.

use mecha_guest::{
    http::{Error, Response},
    json::{Map, Value, json},
    state::{self, Store},
    wasi::clocks::wall_clock,
};

/// Adds to the list under this key.
pub fn append(key: &str, entry: &Value) -> Result<(), state::Error> {
    let store = Store::open("seen")?;
    store.update_json(key, |list: Option<Vec<Value>>| {
        let mut list = list.unwrap_or_default();
        list.push(entry.clone());
        Some(list)
    })?;
    Ok(())
}

/// All lists below a prefix, by what follows it.
pub fn show(prefix: &str) -> Result<Response, Error> {
    let store = Store::open("seen")?;
    let mut lists = Map::new();
    for entry in store.scan(prefix).limit(1000) {
        let entry = entry?;
        let name = entry.key.strip_prefix(prefix).unwrap_or(&entry.key);
        lists.insert(name.to_owned(), entry.item.json()?);
    }
    Response::json(&lists)
}

/// One list.
pub fn one(key: &str) -> Result<Response, Error> {
    Response::json(&Store::open("seen")?.get_json::<Vec<Value>>(key)?.unwrap_or_default())
}

pub fn count(subscription: &str) -> Result<Response, Error> {
    let count: Option<i64> = Store::open("seen")?.get_json(&format!("count/{subscription}"))?;
    Response::json(&json!({ "count": count.unwrap_or(0) }))
}

pub fn clear() -> Result<Response, Error> {
    let store = Store::open("seen")?;
    let keys = store.scan("").limit(1000).keys().collect::<Result<Vec<_>, _>>()?;
    for key in keys {
        store.delete(&key)?;
    }
    Ok(Response::new(204))
}

pub fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds * 1000 + u64::from(now.nanoseconds / 1_000_000)
}

/// Data for people and stories: JSON if it is, else text, else how many bytes it has. Also if these are many: the
/// lists are values of a store, which have a largest size.
pub fn readable(data: &[u8]) -> Value {
    if data.len() > 16 << 10 {
        return json!({ "bytes": data.len() });
    }
    if let Ok(value) = mecha_guest::json::from_slice(data) {
        return value;
    }
    match std::str::from_utf8(data) {
        Ok(text) => Value::from(text),
        Err(_) => json!({ "bytes": data.len() }),
    }
}
