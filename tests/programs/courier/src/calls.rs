//! Calls other components, and is called.

use std::{process, thread, time::Duration};

use mecha_guest::{
    http::{Error, Request, Response},
    invoke::{self, Call, Fault, FaultKind, Reply, Service, Target},
    json::{self, Value, json},
    state::Store,
};
use serde::Deserialize;

use crate::{Courier, behave::spin, context, record::readable, refused};

pub fn call(target: &str, method: &str, request: &Request) -> Result<Response, Error> {
    let content_type = request.header("content-type").unwrap_or("application/json");
    let mut call = invoke::Request::bytes(method, content_type, request.body(8 << 20)?);
    if let Some(ms) = request.query_as("timeout-ms")? {
        call = call.timeout(Duration::from_millis(ms));
    }
    if let Some(key) = request.query("key") {
        call = call.idempotency_key(key);
    }
    match Target::open(target).and_then(|target| target.call(&call)) {
        Ok(answer) => Response::json(&json!({ "ok": readable(&answer.data) })),
        Err(error) => refused::response(refused::call(error)),
    }
}

/// What `call` is to call. `data` is passed on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Onward {
    target: String,
    method: String,
    #[serde(default)]
    data: Value,
}

impl Service for Courier {
    fn handle(call: Call) -> Result<Reply, Fault> {
        match call.method.as_str() {
            "echo" => Ok(Reply::json(&json!({
                "data": readable(&call.data),
                "content-type": call.content_type,
                "metadata": call.metadata,
                "caller": call.caller,
                "idempotency-key": call.idempotency_key,
            }))?),
            "fail" => {
                let name: String = call.json()?;
                Err(Fault::new(kind_of(&name), "told to fail"))
            }
            "trap" => process::abort(),
            "loop" => spin(),
            "sleep" => {
                thread::sleep(Duration::from_millis(call.json()?));
                Ok(Reply::empty())
            }
            "size" => Ok(Reply::bytes("application/octet-stream", vec![b'x'; call.json()?])),
            "call" => onward(&call.json()?),
            "context" => Ok(Reply::json(&context())?),
            "count" => Ok(Reply::json(&Store::open("seen")?.increment("calls", 1)?)?),
            method => Err(Fault::unknown_method(method)),
        }
    }
}

/// The answer says what came of it, so that the first caller sees how deep it went.
fn onward(onward: &Onward) -> Result<Reply, Fault> {
    let request = invoke::Request::json(&*onward.method, &onward.data)?;
    let outcome = match Target::open(&onward.target).and_then(|target| target.call(&request)) {
        Ok(answer) => json!({ "ok": readable(&answer.data) }),
        Err(error) => refused::value(refused::call(error)),
    };
    Ok(Reply::bytes("application/json", json::to_vec(&outcome)?))
}

const KINDS: [(&str, FaultKind); 7] = [
    ("invalid-request", FaultKind::InvalidRequest),
    ("not-found", FaultKind::NotFound),
    ("conflict", FaultKind::Conflict),
    ("denied", FaultKind::Denied),
    ("unavailable", FaultKind::Unavailable),
    ("unknown-method", FaultKind::UnknownMethod),
    ("internal", FaultKind::Internal),
];

fn kind_of(name: &str) -> FaultKind {
    KINDS.iter().find(|(known, _)| *known == name).map_or(FaultKind::Internal, |(_, kind)| *kind)
}

pub fn kind_name(kind: FaultKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("internal", |(name, _)| name)
}
