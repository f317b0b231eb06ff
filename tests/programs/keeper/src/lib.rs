//! Everything of `mecha:state` over HTTP, through the generated bindings: so that it is the WIT that is tested.
//!
//! `POST /call` with one `Call` or a list of them, which are made in order by one instance; the answer is one
//! object or a list of them. What the store refuses is `{"error": {"case": "conflict", "detail": …}}` with
//! status 200; a call that is malformed is an HTTP error.
//!
//! Values are text (`value`) or, where they are no UTF-8, hexadecimal (`value_hex`), in both directions.
//! `value_repeat` repeats a value, so that large ones need no large request.

mod answer;
mod call;

use mecha_guest::{
    http::{Error, Handler, Method, Request, Response},
    json::{Value, json},
    state::raw::{bulk, counters, stores, transactions, types},
};

use crate::{
    answer::{Answer, outcome, results},
    call::{Call, Op, Step},
};

struct Keeper;

impl Handler for Keeper {
    fn handle(request: Request) -> Result<Response, Error> {
        match (request.method(), request.path()) {
            (Method::Post, "/call") => match request.json_within(64 << 20)? {
                Value::Array(calls) => {
                    Response::json(&calls.into_iter().map(call).collect::<Result<Vec<_>, _>>()?)
                }
                one => Response::json(&call(one)?),
            },
            (Method::Get, "/gets") => gets(request.query_as("n")?.unwrap_or(0)),
            _ => Err(Error::status(404, "POST /call, or GET /gets?n=")),
        }
    }
}

/// Reads one value of 100 bytes `n` times: for the bench, which takes the cost of a request with none from it.
fn gets(n: u32) -> Result<Response, Error> {
    let store = stores::open("main").map_err(|error| Error::status(500, format!("{error:?}")))?;
    if n == 0 {
        store.set("key", &[7; 100], None).map_err(|error| Error::status(500, format!("{error:?}")))?;
    }
    for _ in 0..n {
        store.get("key").map_err(|error| Error::status(500, format!("{error:?}")))?;
    }
    Ok(Response::text(n.to_string()))
}

mecha_guest::http::export!(Keeper);

fn call(call: Value) -> Result<Value, Error> {
    let call: Call =
        mecha_guest::json::from_value(call).map_err(|error| Error::status(422, error.to_string()))?;
    call.check()?;
    let store = match stores::open(&call.store) {
        Ok(store) => store,
        Err(error) => return Ok(outcome(Err(error))),
    };
    perform(&store, &call)
}

/// One arm for each function of the WIT.
fn perform(store: &types::Store, call: &Call) -> Result<Value, Error> {
    let key = call.target.key.as_str();
    Ok(match call.op {
        Op::Name => json!({ "name": store.name() }),
        Op::Get => outcome(store.get(key).map(|item| json!({ "item": item.answer() }))),
        Op::Peek => outcome(store.peek(key).map(|item| json!({ "item": item.answer() }))),
        Op::Exists => outcome(store.exists(key).map(|exists| json!({ "exists": exists }))),
        Op::Set => {
            let options = call.target.options()?;
            outcome(
                store.set(key, &call.target.value()?, options.as_ref()).map(|etag| json!({ "etag": etag })),
            )
        }
        Op::Delete => {
            let precondition = call.target.precondition()?;
            outcome(store.delete(key, precondition.as_ref()).map(|()| json!({})))
        }
        Op::Scan => {
            let page = store.scan(&call.range(), call.limit, call.cursor.as_deref());
            outcome(page.map(|page| json!({ "entries": page.entries.answer(), "cursor": page.cursor })))
        }
        Op::ScanKeys => {
            let page = store.scan_keys(&call.range(), call.limit, call.cursor.as_deref());
            outcome(page.map(|page| json!({ "keys": page.keys, "cursor": page.cursor })))
        }
        Op::GetMany => results(bulk::get_many(store, &call.keys), |item| json!({ "item": item.answer() })),
        Op::SetMany => {
            let requests = call.requests.iter().map(|request| {
                let (value, options) = (request.value()?, request.options()?);
                Ok(bulk::SetRequest { key: request.key.clone(), value, options })
            });
            let requests = requests.collect::<Result<Vec<_>, Error>>()?;
            results(bulk::set_many(store, &requests), |etag| json!({ "etag": etag }))
        }
        Op::DeleteMany => {
            let requests = call.requests.iter().map(|request| {
                Ok(bulk::DeleteRequest { key: request.key.clone(), precondition: request.precondition()? })
            });
            let requests = requests.collect::<Result<Vec<_>, Error>>()?;
            results(bulk::delete_many(store, &requests), |()| json!({}))
        }
        Op::Execute => {
            let steps = call.steps.iter().map(Step::to_raw).collect::<Result<Vec<_>, _>>()?;
            match transactions::execute(store, &steps) {
                Ok(etags) => json!({ "etags": etags }),
                Err(error) => error.answer(),
            }
        }
        Op::Increment => {
            let now = counters::increment(store, key, call.delta, call.target.ttl_ms);
            outcome(now.map(|now| json!({ "value": now })))
        }
        Op::Add => outcome(counters::add(store, key, call.delta, call.target.ttl_ms).map(|()| json!({}))),
    })
}
