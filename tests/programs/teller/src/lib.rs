//! Carries out the script (`step.rs`) that it is given: in a request, an event, a run of a job, an input or an
//! invocation. Its answer is what the steps gave; a step that the host refuses ends the call, as `?` does.

mod fetch;
mod refusal;
mod step;
mod teller;

use std::io::Write as _;

use mecha_guest::{
    bindings::{self, Input, Trigger},
    events::{BatchSubscriber, Delivery, Nack, Subscriber},
    http::{self, Handler, Request, Response},
    invoke::{Call, Fault, FaultKind, Reply, Service},
    jobs::{Run, Worker},
    json,
};

use refusal::{Failure, Refusal};
use teller::{Done, End, carry_out};

use crate::wit::exports::test::teller::scripts::Guest;

#[allow(unsafe_code, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
mod wit {
    wit_bindgen::generate!({ path: "../forwarder/wit", world: "teller" });

    // A native linker does not take the symbol's name.
    #[cfg(target_arch = "wasm32")]
    export!(Teller with_types_in self);
    #[cfg(target_arch = "wasm32")]
    use super::Teller;
}

struct Teller;

fn run<F: Failure>(script: &[u8], trigger: Option<(&str, u32)>) -> Result<Done, F> {
    let steps = step::parse(script, trigger).map_err(F::from)?;
    carry_out(&steps, trigger.map_or(1, |(_, attempt)| attempt)).map_err(Refusal::raise)
}

/// For handlers that say no more than how it ended.
fn settle(done: Done) -> Result<Done, Nack> {
    match done.end {
        None | Some(End::Answer { .. }) => Ok(done),
        Some(End::Reject) => Err(Nack::reject("told to reject")),
        Some(End::Nack | End::Fault) => Err(Nack::retry()),
    }
}

impl Handler for Teller {
    fn handle(request: Request) -> Result<Response, http::Error> {
        let done = run::<http::Error>(&request.body(32 << 20)?, None)?;
        let (status, size, then) = match done.end {
            None => (200, None, vec![]),
            Some(End::Answer { status, size, then }) => (status, size, then),
            Some(other) => return Err(http::Error::status(500, format!("told to end with {other:?}"))),
        };
        Ok(match size {
            None => Response::json(&done.results)?.status(status),
            Some(size) => Response::stream(move |body| {
                body.write_all(&vec![b'x'; size])?;
                body.flush()?;
                carry_out(&then, 1).map(drop).map_err(Refusal::raise)
            })
            .status(status),
        })
    }
}

impl Subscriber for Teller {
    fn handle(delivery: Delivery) -> Result<(), Nack> {
        let done = run::<Nack>(&delivery.event.data, Some((&delivery.event.id, delivery.attempt)))?;
        settle(done).map(drop)
    }
}

impl BatchSubscriber for Teller {
    fn handle_batch(deliveries: Vec<Delivery>) -> Vec<Result<(), Nack>> {
        eprintln!("given a batch of {}", deliveries.len());
        deliveries.into_iter().map(<Self as Subscriber>::handle).collect()
    }
}

impl Worker for Teller {
    fn handle(due: Run) -> Result<(), Nack> {
        let done = run::<Nack>(&due.data, Some((&due.due_ms.to_string(), due.attempt)))?;
        settle(done).map(drop)
    }
}

impl Input for Teller {
    fn handle(trigger: Trigger) -> Result<Option<bindings::Reply>, Nack> {
        let done = run::<Nack>(&trigger.data, Some((&trigger.id, trigger.attempt)))?;
        Ok(Some(bindings::Reply::json(&settle(done)?.results)?))
    }
}

impl Service for Teller {
    fn handle(call: Call) -> Result<Reply, Fault> {
        let done = run::<Fault>(&call.data, None)?;
        match done.end {
            None => Ok(Reply::json(&done.results)?),
            Some(End::Answer { size, .. }) => {
                Ok(Reply::bytes("application/octet-stream", vec![b'x'; size.unwrap_or(0)]))
            }
            Some(_) => Err(Fault::new(FaultKind::Denied, "told to fail")),
        }
    }
}

impl Guest for Teller {
    fn run(script: String) -> Result<String, String> {
        let done = run::<Fault>(script.as_bytes(), None).map_err(|fault| fault.message)?;
        match done.end {
            None | Some(End::Answer { .. }) => {
                json::to_string(&done.results).map_err(|error| error.to_string())
            }
            Some(_) => Err("told to fail".to_owned()),
        }
    }
}

mecha_guest::http::export!(Teller);
mecha_guest::events::export!(Teller);
mecha_guest::events::export_batch!(Teller);
mecha_guest::invoke::export!(Teller);
mecha_guest::jobs::export!(Teller);
mecha_guest::bindings::export!(Teller);
