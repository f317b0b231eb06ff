//! `mecha:invoke/targets`: looks the callee up in the call's grants, passes the gate, calls.

use std::time::Duration;

use bytes::Bytes;
use mecha_primitives::{
    class::Class,
    invoke::{self as seam, FaultKind},
};
use wasmtime::{
    Result,
    component::{HasSelf, Linker, Resource},
};

use super::{granted, millis};
use crate::{
    bindings::mecha::invoke::{
        targets,
        types::{self, CallOptions, Error, Request, Response},
    },
    call::Data,
    gate::{Need, Operation, Refused},
    grants::Target as Grant,
};

/// A callee in a guest's hands.
pub struct Handle(Grant);

pub(super) fn link(linker: &mut Linker<Data>) -> Result<()> {
    types::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    targets::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

type Answer<T> = Result<Result<T, Error>>;

impl targets::Host for Data {
    async fn open(&mut self, name: String) -> Answer<Resource<Handle>> {
        Ok(match granted(&self.call, ("invoke", &name), |grants| grants.target(&name)).await {
            Ok(Some(grant)) => Ok(self.table.push(Handle(grant))?),
            Ok(None) => Err(Error::NoSuchTarget(name)),
            Err(refused) => Err(refused.into()),
        })
    }
}

impl types::Host for Data {}

impl types::HostTarget for Data {
    async fn name(&mut self, handle: Resource<Handle>) -> Result<String> {
        Ok(self.table.get(&handle)?.0.component.to_string())
    }

    async fn call(
        &mut self,
        handle: Resource<Handle>,
        request: Request,
        options: Option<CallOptions>,
    ) -> Answer<Response> {
        let (call, grant) = (self.call.clone(), self.table.get(&handle)?.0.clone());
        let need = Need::Invoke(&grant, &request.method);
        let mut entered = match call.enter(Operation { primitive: "invoke", verb: "call", need }).await {
            Ok(entered) => entered,
            Err(refused) => return Ok(Err(refused.into())),
        };
        let request = seam::Request {
            method: request.method,
            data: Bytes::from(request.data),
            content_type: request.content_type,
            metadata: request.metadata,
        };
        let limit = call.shared.limits.invoke_payload;
        if request.size() > limit {
            entered.fail(Class::TooLarge);
            return Ok(Err(Error::TooLarge(limit)));
        }
        entered.gave(request.data.len());
        let options = options.map_or_else(seam::Options::default, |options| seam::Options {
            timeout: options.timeout_ms.map(Duration::from_millis),
            idempotency_key: options.idempotency_key,
        });
        let answer = grant.invoker.call(&call.identity, &grant.component, request, options).await;
        match answer {
            Ok(response) => {
                entered.got_value(&response.data);
                if let Err(refused) = entered.succeed() {
                    return Ok(Err(refused.into()));
                }
                Ok(Ok(Response {
                    data: response.data.into(),
                    content_type: response.content_type,
                    metadata: response.metadata,
                }))
            }
            Err(error) => {
                entered.fail(error.class());
                Ok(Err(error.into()))
            }
        }
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(missing) => Self::AccessDenied(missing),
            Refused::Injected(Class::Busy(after)) => Self::Busy(after.map(millis)),
            Refused::Injected(Class::Timeout) => Self::Timeout,
            Refused::Injected(_) => Self::Unavailable("injected".into()),
        }
    }
}

impl From<seam::Error> for Error {
    fn from(error: seam::Error) -> Self {
        match error {
            seam::Error::NoSuchTarget(name) => Self::NoSuchTarget(name),
            seam::Error::Denied(text) => Self::AccessDenied(text),
            seam::Error::InvalidArgument(text) => Self::InvalidArgument(text),
            seam::Error::TooLarge(max) => Self::TooLarge(max),
            seam::Error::Busy(after) => Self::Busy(after.map(millis)),
            seam::Error::Fault(fault) => Self::Fault(types::Fault {
                kind: kind(fault.kind),
                message: fault.message,
                detail: fault.detail.map(Vec::from),
                content_type: fault.content_type,
            }),
            seam::Error::Crashed(text) => Self::Crashed(text),
            seam::Error::Timeout => Self::Timeout,
            seam::Error::Unavailable(text) => Self::Unavailable(text),
            seam::Error::DepthExceeded(_) => Self::DepthExceeded,
        }
    }
}

fn kind(kind: FaultKind) -> types::FaultKind {
    match kind {
        FaultKind::InvalidRequest => types::FaultKind::InvalidRequest,
        FaultKind::NotFound => types::FaultKind::NotFound,
        FaultKind::Conflict => types::FaultKind::Conflict,
        FaultKind::Denied => types::FaultKind::Denied,
        FaultKind::Unavailable => types::FaultKind::Unavailable,
        FaultKind::UnknownMethod => types::FaultKind::UnknownMethod,
        FaultKind::Internal => types::FaultKind::Internal,
    }
}
