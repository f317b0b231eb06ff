//! Events, calls, jobs, bindings and the call's context, over HTTP: what the stories drive.
//!
//! HTTP lets it do something; its handlers write down in the store `seen` what they were given, and behave as the
//! data says (`behave.rs`). What the host refuses is `{"error": the case's name in the WIT, "detail": …}`.

mod behave;
mod calls;
mod events;
mod jobs;
mod outputs;
mod record;
mod refused;
mod turns;

use mecha_guest::{
    context,
    http::{Error, Handler, Method, Request, Response},
    json::{Value, json},
};

struct Courier;

impl Handler for Courier {
    fn handle(request: Request) -> Result<Response, Error> {
        match (request.method(), request.segments().as_slice()) {
            (Method::Post, ["publish", topic]) => events::publish(topic, &request),
            (Method::Post, ["publish-many", topic]) => events::publish_many(topic, &request),
            (Method::Get, ["seen", subscription]) => {
                // Of many, those whose ids begin so.
                let begin = request.query("prefix").unwrap_or_default();
                record::show(&format!("event/{subscription}/{begin}"))
            }
            (Method::Get, ["count", subscription]) => record::count(subscription),
            (Method::Get, ["batches", subscription]) => record::one(&format!("batches/{subscription}")),
            (Method::Get, ["runs"]) => record::show("runs/"),
            (Method::Get, ["inputs"]) => record::show("inputs/"),
            (Method::Delete, ["seen"]) => record::clear(),
            (Method::Post, ["call", target, method]) => calls::call(target, method, &request),
            (Method::Post, ["jobs"]) => jobs::schedule(&request),
            (Method::Get, ["jobs"]) => jobs::list(&request),
            (Method::Delete, ["jobs", name]) => jobs::cancel(name),
            (Method::Post, ["output", name, operation]) => outputs::invoke(name, operation, &request),
            (Method::Get, ["output", name]) => outputs::operations(name),
            (Method::Get, ["atomic" | "plain"]) => turns::turn(&request),
            (Method::Get, ["context"]) => Response::json(&context()),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Courier);
mecha_guest::events::export!(Courier);
mecha_guest::events::export_batch!(Courier);
mecha_guest::invoke::export!(Courier);
mecha_guest::jobs::export!(Courier);
mecha_guest::bindings::export!(Courier);

/// `mecha:host/context` as JSON.
fn context() -> Value {
    let call = context::current();
    json!({
        "id": call.id,
        "tenant": call.tenant,
        "app": call.app,
        "component": call.component,
        "caller": call.caller,
        "idempotency-key": call.idempotency_key,
        "atomic": call.atomic,
        "trigger": match call.trigger {
            context::Trigger::Http => "http".to_owned(),
            context::Trigger::Pubsub(name) => format!("pubsub:{name}"),
            context::Trigger::Binding(name) => format!("binding:{name}"),
            context::Trigger::Invoke => "invoke".to_owned(),
            context::Trigger::Job(name) => format!("job:{name}"),
            other => format!("{other:?}"),
        },
        "attempt": call.attempt,
        "remaining-ms": call.remaining.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        "traceparent": call.traceparent,
        "tracestate": call.tracestate,
    })
}
