//! Calls a component's `mecha:bindings/input-handler`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_primitives::{bindings::Metadata, delivery::Outcome, identity::Identity, name};

use super::{lacking, reason, run};
use crate::{
    bindings::exports::mecha::bindings::input_handler::{Failure, Guest, Trigger},
    fault::Fault,
    micrologic::Micrologic,
};

/// The interface, without its version.
pub const INTERFACE: &str = "mecha:bindings/input-handler";

/// An input, as a binding gives it.
#[derive(Debug, Clone)]
pub struct Input {
    /// The same in every attempt.
    pub id: String,
    pub binding: name::Binding,
    pub data: Bytes,
    pub content_type: Option<String>,
    pub metadata: Metadata,
    pub attempt: u32,
}

/// What goes back to bindings that can carry it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    pub data: Bytes,
    pub content_type: Option<String>,
    pub metadata: Metadata,
}

/// Calls the handler with an input.
///
/// # Errors
/// What ended the call instead.
pub async fn handle(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    input: Input,
) -> Result<(Outcome, Option<Reply>), Fault> {
    let indices = micrologic.handlers().input.as_ref().ok_or_else(|| lacking(INTERFACE))?;
    let trigger = Trigger {
        id: input.id,
        binding: input.binding.to_string(),
        data: input.data.into(),
        content_type: input.content_type,
        metadata: input.metadata,
        attempt: input.attempt,
    };
    let answer = run(micrologic, identity, async |store, instance| {
        let guest: Guest = indices.load(&mut *store, instance)?;
        guest.call_handle(&mut *store, &trigger).await
    });
    Ok(match answer.await? {
        Ok(reply) => {
            let reply = reply.map(|reply| Reply {
                data: reply.data.into(),
                content_type: reply.content_type,
                metadata: reply.metadata,
            });
            (Outcome::Done, reply)
        }
        Err(Failure::Retry(after)) => {
            let why = "the handler asked for another attempt".into();
            (Outcome::Retry { after: after.map(Duration::from_millis), why }, None)
        }
        Err(Failure::Reject(why)) => (Outcome::Reject { why: reason(&why) }, None),
    })
}
