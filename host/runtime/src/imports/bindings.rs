//! `mecha:bindings/outputs`: looks the binding up in the call's grants, passes the gate, asks it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_primitives::{bindings as seam, class::Class};
use wasmtime::{
    Result,
    component::{HasSelf, Linker, Resource},
};

use super::{granted, millis};
use crate::{
    bindings::mecha::bindings::{
        outputs,
        types::{self, Error, Request, Response},
    },
    call::Data,
    gate::{Need, Operation, Refused},
    grants::Output as Grant,
};

/// An output binding in a guest's hands.
pub struct Handle(Grant);

pub(super) fn link(linker: &mut Linker<Data>) -> Result<()> {
    types::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    outputs::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

type Answer<T> = Result<Result<T, Error>>;

impl outputs::Host for Data {
    async fn open(&mut self, name: String) -> Answer<Resource<Handle>> {
        Ok(match granted(&self.call, ("bindings", &name), |grants| grants.output(&name)).await {
            Ok(Some(grant)) => Ok(self.table.push(Handle(grant))?),
            Ok(None) => Err(Error::NoSuchBinding(name)),
            Err(refused) => Err(refused.into()),
        })
    }
}

impl types::Host for Data {}

impl types::HostOutput for Data {
    async fn name(&mut self, handle: Resource<Handle>) -> Result<String> {
        Ok(self.table.get(&handle)?.0.name.to_string())
    }

    async fn operations(&mut self, handle: Resource<Handle>) -> Result<Vec<String>> {
        let grant = &self.table.get(&handle)?.0;
        let names = grant.output.operations().iter().map(|operation| operation.name);
        Ok(names.filter(|name| grant.allows(name)).map(str::to_owned).collect())
    }

    async fn invoke(&mut self, handle: Resource<Handle>, request: Request) -> Answer<Response> {
        let (call, grant) = (self.call.clone(), self.table.get(&handle)?.0.clone());
        let need = Need::Output(&grant, &request.operation);
        let mut entered = match call.enter(Operation { primitive: "bindings", verb: "invoke", need }).await {
            Ok(entered) => entered,
            Err(refused) => return Ok(Err(refused.into())),
        };
        entered.gave(request.data.len());
        let request = seam::Request {
            operation: request.operation,
            data: Bytes::from(request.data),
            content_type: request.content_type.map(Arc::from),
            metadata: request.metadata,
            timeout: request.timeout_ms.map(Duration::from_millis),
        };
        match grant.output.invoke(request).await {
            Ok(response) => {
                let data = response.data.as_deref().unwrap_or_default();
                entered.got_value(data);
                if let Err(refused) = entered.succeed() {
                    return Ok(Err(refused.into()));
                }
                Ok(Ok(Response {
                    data: response.data.map(Vec::from),
                    content_type: response.content_type.map(|text| text.to_string()),
                    metadata: response.metadata,
                    deferred: response.deferred,
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
            seam::Error::NoSuchBinding(text) => Self::NoSuchBinding(text),
            seam::Error::AccessDenied(text) => Self::AccessDenied(text),
            seam::Error::NoSuchOperation(text) => Self::NoSuchOperation(text),
            seam::Error::InvalidArgument(text) => Self::InvalidArgument(text),
            seam::Error::TooLarge(max) => Self::TooLarge(max),
            seam::Error::QuotaExceeded(text) => Self::QuotaExceeded(text),
            seam::Error::Busy(after) => Self::Busy(after.map(millis)),
            seam::Error::Timeout => Self::Timeout,
            seam::Error::Unavailable(text) => Self::Unavailable(text),
            seam::Error::Rejected { code, message } => Self::Rejected(types::Rejection { code, message }),
            seam::Error::Other(text) => Self::Other(text),
        }
    }
}
