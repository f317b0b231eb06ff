//! `mecha:host/context`: what a component can know about the call that it is serving.

use mecha_primitives::identity::{Caller, Trigger};
use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};

use crate::{
    bindings::mecha::host::context::{self, Invocation},
    call::Data,
};

pub(super) fn link(linker: &mut Linker<Data>) -> Result<()> {
    context::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

impl context::Host for Data {
    async fn current(&mut self) -> Result<Invocation> {
        let identity = &self.call.identity;
        let remaining = identity.deadline.since(self.call.shared.services.clock.now());
        Ok(Invocation {
            id: identity.call.to_string(),
            tenant: identity.tenant.to_string(),
            app: identity.app.to_string(),
            component: identity.component.to_string(),
            caller: caller(&identity.caller),
            idempotency_key: identity.idempotency_key.as_deref().map(str::to_owned),
            atomic: identity.unit.is_some(),
            trigger: match &identity.trigger {
                Trigger::Http => context::Trigger::Http,
                Trigger::Event(subscription) => context::Trigger::Pubsub(subscription.to_string()),
                Trigger::Input(binding) => context::Trigger::Binding(binding.to_string()),
                Trigger::Invoke => context::Trigger::Invoke,
                Trigger::Job(job) => context::Trigger::Job(job.to_string()),
            },
            attempt: identity.attempt,
            remaining_ms: Some(u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)),
            traceparent: identity.traceparent.clone(),
            tracestate: identity.tracestate.clone(),
        })
    }
}

/// Who calls, as a guest is told it.
pub(crate) fn caller(caller: &Caller) -> Option<String> {
    match caller {
        Caller::Outside => None,
        Caller::Component { app, component } => Some(format!("{app}/{component}")),
    }
}
