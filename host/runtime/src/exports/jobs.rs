//! Calls a component's `mecha:jobs/handler`.

use std::{sync::Arc, time::Duration};

use mecha_primitives::{delivery::Outcome, identity::Identity, jobs};

use super::{lacking, reason, run};
use crate::{
    bindings::exports::mecha::jobs::handler::{Failure, Guest, Run},
    fault::Fault,
    micrologic::Micrologic,
};

/// The interface, without its version.
pub const INTERFACE: &str = "mecha:jobs/handler";

/// Calls the handler with a run that is due.
///
/// # Errors
/// What ended the call instead.
pub async fn handle(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    item: &jobs::Item,
) -> Result<Outcome, Fault> {
    let indices = micrologic.handlers().job.as_ref().ok_or_else(|| lacking(INTERFACE))?;
    let due = Run {
        job: item.job.to_string(),
        data: item.data.to_vec(),
        content_type: item.content_type.as_deref().map(str::to_owned),
        due_ms: item.due.0,
        attempt: item.attempt,
    };
    let answer = run(micrologic, identity, async |store, instance| {
        let guest: Guest = indices.load(&mut *store, instance)?;
        guest.call_handle(&mut *store, &due).await
    });
    Ok(match answer.await? {
        Ok(()) => Outcome::Done,
        Err(Failure::Retry(after)) => Outcome::Retry {
            after: after.map(Duration::from_millis),
            why: "the handler asked for another attempt".into(),
        },
        Err(Failure::Reject(why)) => Outcome::Reject { why: reason(&why) },
    })
}
