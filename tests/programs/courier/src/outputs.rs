//! Asks outputs, and writes down what inputs give.

use std::collections::BTreeMap;

use mecha_guest::{
    bindings::{Input, Nack, Output, Reply, Request as Ask, Trigger},
    http::{Error, Request, Response},
    json::{Value, json},
};

use crate::{
    Courier,
    behave::behave,
    record::{append, now_ms, readable},
    refused,
};

/// The query's `m-NAME=VALUE` are the metadata, the body is the data.
pub fn invoke(name: &str, operation: &str, request: &Request) -> Result<Response, Error> {
    let content_type = request.header("content-type").unwrap_or("text/plain");
    let mut ask = Ask::bytes(operation, content_type, request.body(8 << 20)?);
    for (key, value) in request.params() {
        if let Some(key) = key.strip_prefix("m-") {
            ask = ask.meta(key, value);
        }
    }
    match Output::open(name).and_then(|output| output.invoke(&ask)) {
        Ok(answer) => Response::json(&json!({
            "data": answer.data.as_deref().map(text_or_hex),
            "content-type": answer.content_type,
            "metadata": answer.metadata.iter().cloned().collect::<BTreeMap<_, _>>(),
            "deferred": answer.deferred,
        })),
        Err(error) => refused::response(refused::output(error)),
    }
}

pub fn operations(name: &str) -> Result<Response, Error> {
    match Output::open(name) {
        Ok(output) => Response::json(&json!({ "name": output.name(), "operations": output.operations() })),
        Err(error) => refused::response(refused::output(error)),
    }
}

fn text_or_hex(data: &[u8]) -> Value {
    match std::str::from_utf8(data) {
        Ok(text) => text.into(),
        Err(_) => json!({ "hex": data.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    }
}

impl Input for Courier {
    fn handle(trigger: Trigger) -> Result<Option<Reply>, Nack> {
        let seen = json!({
            "id": trigger.id,
            "attempt": trigger.attempt,
            "content-type": trigger.content_type,
            "metadata": trigger.metadata.iter().cloned().collect::<BTreeMap<_, _>>(),
            "data": readable(&trigger.data),
            "at": now_ms(),
        });
        append(&format!("inputs/{}", trigger.binding), &seen)?;
        behave(&trigger.data, trigger.attempt)?;
        Ok(Some(Reply::json(&json!({ "got": trigger.data.len() }))?))
    }
}
