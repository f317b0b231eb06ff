//! Calls a component's `mecha:invoke/handler`.

use std::sync::Arc;

use bytes::Bytes;
use mecha_primitives::{
    identity::Identity,
    invoke::{self as seam, FaultKind},
};

use super::{lacking, run};
use crate::{
    bindings::{
        exports::mecha::invoke::handler::{Caller, Guest},
        mecha::invoke::types,
    },
    fault::Fault,
    imports::host::caller,
    micrologic::Micrologic,
};

/// The interface, without its version.
pub const INTERFACE: &str = "mecha:invoke/handler";

/// Calls the handler.
///
/// # Errors
/// What ended the call instead of an answer.
pub async fn handle(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    request: seam::Request,
) -> Result<Result<seam::Response, seam::Fault>, Fault> {
    let indices = micrologic.handlers().invoke.as_ref().ok_or_else(|| lacking(INTERFACE))?;
    let from = Caller {
        component: caller(&identity.caller),
        idempotency_key: identity.idempotency_key.as_deref().map(str::to_owned),
    };
    let request = types::Request {
        method: request.method,
        data: request.data.into(),
        content_type: request.content_type,
        metadata: request.metadata,
    };
    let answer = run(micrologic, identity, async |store, instance| {
        let guest: Guest = indices.load(&mut *store, instance)?;
        guest.call_handle(&mut *store, &from, &request).await
    });
    Ok(match answer.await? {
        Ok(response) => Ok(seam::Response {
            data: response.data.into(),
            content_type: response.content_type,
            metadata: response.metadata,
        }),
        Err(fault) => Err(seam::Fault {
            kind: kind(fault.kind),
            message: fault.message,
            detail: fault.detail.map(Bytes::from),
            content_type: fault.content_type,
        }),
    })
}

fn kind(kind: types::FaultKind) -> FaultKind {
    match kind {
        types::FaultKind::InvalidRequest => FaultKind::InvalidRequest,
        types::FaultKind::NotFound => FaultKind::NotFound,
        types::FaultKind::Conflict => FaultKind::Conflict,
        types::FaultKind::Denied => FaultKind::Denied,
        types::FaultKind::Unavailable => FaultKind::Unavailable,
        types::FaultKind::UnknownMethod => FaultKind::UnknownMethod,
        types::FaultKind::Internal => FaultKind::Internal,
    }
}
