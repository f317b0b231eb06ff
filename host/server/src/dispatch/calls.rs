//! Components that call components, and people who do: by name, in process.
//!
//! A nested call waits for nothing that its callers may hold: without a free permit it is `busy` at once. It has no more
//! time than its caller, and ends when its caller does, for it runs within the caller's own task.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use mecha_primitives::{
    identity::{Caller, Identity, Trigger},
    invoke::{Error, Invoker, MAX_DEPTH, Options, Request, Response},
    name,
    unit::Unit,
};
use mecha_runtime::{
    exports::{invoke, typed},
    fault::{Fault, Kind},
};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Val;

use super::{Dispatcher, Occasion, atomic::Plain};
use crate::apps::Target;

/// The components of one app, by name, for each other. It is known to them before they all are.
pub struct Switchboard {
    dispatcher: Dispatcher,
    targets: OnceLock<HashMap<name::Component, Arc<Target>>>,
}

/// What a caller that meets no free permit is told to wait.
const BUSY_AFTER: Duration = Duration::from_millis(50);

impl Switchboard {
    #[must_use]
    pub fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher, targets: OnceLock::new() }
    }

    /// Makes the components known. Calls that come before find nobody.
    pub fn connect(&self, targets: HashMap<name::Component, Arc<Target>>) {
        _ = self.targets.set(targets);
    }

    pub fn target(&self, name: &name::Component) -> Option<&Arc<Target>> {
        self.targets.get()?.get(name)
    }

    /// A call by people or scripts. They wait for a permit, as everybody outside does.
    ///
    /// # Errors
    /// As of an [`Invoker`].
    pub async fn call_from_outside(
        &self,
        target: &name::Component,
        request: Request,
        options: Options,
    ) -> Result<Response, Error> {
        let target = self.target(target).ok_or_else(|| Error::NoSuchTarget(target.to_string()))?;
        self.allow(target, &Caller::Outside, &request.method)?;
        self.call_directly(target, request, options, None).await
    }

    /// As [`call_from_outside`](Self::call_from_outside), whether or not the component lets somebody outside call it.
    ///
    /// # Errors
    /// As of an [`Invoker`].
    pub async fn call_directly(
        &self,
        target: &Arc<Target>,
        request: Request,
        options: Options,
        traceparent: Option<&str>,
    ) -> Result<Response, Error> {
        let timeout = options.timeout.unwrap_or(target.micrologic.limits().wall_time);
        let permit = tokio::time::timeout(timeout, target.permit()).await;
        let permit = permit.ok().flatten().ok_or(Error::Busy(Some(BUSY_AFTER)))?;
        let occasion = Occasion {
            idempotency_key: options.idempotency_key.map(Arc::from),
            deadline: options.timeout.map(|timeout| self.dispatcher.clock.now() + timeout),
            traceparent: traceparent.map(Cow::from),
            ..Occasion::new(Trigger::Invoke)
        };
        self.ask(target, occasion, permit, request).await
    }

    async fn ask(
        &self,
        target: &Arc<Target>,
        occasion: Occasion<'_>,
        permit: OwnedSemaphorePermit,
        request: Request,
    ) -> Result<Response, Error> {
        let limit = target.micrologic.limits().invoke_payload;
        if request.size() > limit {
            return Err(Error::TooLarge(limit));
        }
        let what = request.method.clone();
        let call = |identity, request| invoke::handle(&target.micrologic, identity, request);
        // A response that the caller does not get is none: what the callee did must not stay.
        let succeeded = |answer: &Result<Response, _>| answer.as_ref().is_ok_and(|one| one.size() <= limit);
        match self.made(target, occasion, permit, &what, request, succeeded, call).await {
            Ok(Ok(response)) if response.size() > limit => Err(Error::TooLarge(limit)),
            Ok(Err(fault)) if fault.size() > limit => Err(Error::TooLarge(limit)),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(fault)) => Err(Error::Fault(fault)),
            Err(fault) => Err(failed(&fault, target)),
        }
    }

    /// Makes a call, as a part of its caller's unit of work, as a transaction of its own, or as neither: as the callee's
    /// manifest says of `what`.
    #[expect(clippy::too_many_arguments, reason = "they are all that a call is made of")]
    async fn made<T: Send + Sync, R: Clone + Send + Sync, F: Future<Output = Result<T, Fault>> + Send>(
        &self,
        target: &Arc<Target>,
        occasion: Occasion<'_>,
        permit: OwnedSemaphorePermit,
        what: &str,
        request: R,
        succeeded: impl Fn(&T) -> bool + Send + Sync,
        call: impl Fn(Arc<Identity>, R) -> F + Send + Sync,
    ) -> Result<T, Fault> {
        let transactions = target.transactions.as_ref().filter(|_| target.atomic.method(what));
        let joined = occasion.unit.clone().filter(|unit| transactions.is_some_and(|own| own.is_on(unit)));
        match (transactions, joined) {
            (Some(_), None) => {
                let call = |identity| call(identity, request.clone());
                let occasion = Occasion { unit: None, ..occasion };
                let frame = Plain(succeeded);
                let ended = self.dispatcher.transact(target, occasion, permit, &frame, call);
                Ok(ended.await?.answer)
            }
            (_, unit) => {
                // A fault in the callee undoes what the callee did, and the caller decides.
                let savepoint = unit.as_ref().map(Unit::savepoint);
                let identity = self.dispatcher.identify(target, Occasion { unit, ..occasion });
                let call = call(identity.clone(), request);
                let answer = self.dispatcher.run(target, &identity, permit, call).await;
                if let Some(savepoint) = savepoint.filter(|_| answer.as_ref().is_ok_and(&succeeded)) {
                    savepoint.keep();
                }
                answer
            }
        }
    }

    /// What a nested call needs before it begins: leave, a place in the chain, a permit.
    fn nest<'a>(
        &self,
        caller: &'a Identity,
        target: &Target,
        what: &str,
        timeout: Option<Duration>,
    ) -> Result<(Occasion<'a>, OwnedSemaphorePermit), Error> {
        let from = Caller::Component { app: caller.app.clone(), component: caller.component.clone() };
        self.allow(target, &from, what)?;
        let chain: Vec<_> = caller.chain.iter().chain([&caller.component]).cloned().collect();
        let shown =
            || chain.iter().chain([&target.component]).map(name::Component::as_str).collect::<Vec<_>>();
        if chain.len() >= MAX_DEPTH || chain.contains(&target.component) {
            return Err(Error::DepthExceeded(shown().join(" → ")));
        }
        let permit = target.free_permit().ok_or_else(|| {
            self.dispatcher.metrics.refused(&target.calls, "concurrency");
            Error::Busy(Some(BUSY_AFTER))
        })?;
        let asked = timeout.map(|timeout| self.dispatcher.clock.now() + timeout);
        let occasion = Occasion {
            trigger: Trigger::Invoke,
            caller: from,
            attempt: 1,
            traceparent: caller.traceparent.as_deref().map(Cow::from),
            idempotency_key: caller.idempotency_key.clone(),
            deadline: asked.into_iter().chain([caller.deadline]).min(),
            chain: chain.into(),
            cancel: caller.cancel.child_token(),
            unit: caller.unit.clone(),
            // The callee's own limits hold, whatever route its caller was called by.
            fuel: None,
        };
        Ok((occasion, permit))
    }

    fn allow(&self, target: &Target, caller: &Caller, what: &str) -> Result<(), Error> {
        if target.lets(caller, what) {
            return Ok(());
        }
        let who = match caller {
            Caller::Outside => "somebody outside of the app".to_owned(),
            Caller::Component { component, .. } => format!("`{component}`"),
        };
        Err(Error::Denied(format!("`{}` does not let {who} call `{what}`", target.component)))
    }
}

/// Whether a linked function has done what it was asked: one that returns an error has not.
fn returned(values: &[Val]) -> bool {
    !matches!(values.first(), Some(Val::Result(Err(_))))
}

/// What a fault in the callee is to its caller. The story is in the log.
fn failed(fault: &Fault, target: &Target) -> Error {
    match fault.kind {
        Kind::Deadline | Kind::Cancelled | Kind::Unknown => Error::Timeout,
        Kind::Busy | Kind::Conflict => Error::Busy(Some(BUSY_AFTER)),
        Kind::Commit => Error::Unavailable(format!("what `{}` did could not be committed", target.component)),
        kind => Error::Crashed(format!("`{}` ended with {}", target.component, kind.as_str())),
    }
}

#[async_trait]
impl Invoker for Switchboard {
    async fn call(
        &self,
        caller: &Arc<Identity>,
        target: &name::Component,
        request: Request,
        options: Options,
    ) -> Result<Response, Error> {
        let target = self.target(target).ok_or_else(|| Error::NoSuchTarget(target.to_string()))?;
        let (occasion, permit) = self.nest(caller, target, &request.method, options.timeout)?;
        // A key of its own goes before the one that the caller was given.
        let key = options.idempotency_key.map(Arc::from).or(occasion.idempotency_key);
        self.ask(target, Occasion { idempotency_key: key, ..occasion }, permit, request).await
    }
}

/// A component whose interface is linked to another's import.
#[derive(Debug)]
pub struct Linked {
    pub board: Arc<Switchboard>,
    pub component: name::Component,
    /// Without its version, as the callee's manifest may name it.
    pub interface: String,
}

#[async_trait]
impl typed::Callee for Linked {
    async fn call(
        &self,
        caller: &Arc<Identity>,
        function: typed::Function<'_>,
    ) -> Result<Vec<Val>, typed::Failed> {
        let wrong = |error: Error| typed::Failed(error.to_string());
        let target = self.board.target(&self.component);
        let target = target.ok_or_else(|| wrong(Error::NoSuchTarget(self.component.to_string())))?;
        let what = [function.interface, &self.interface];
        let what = what.into_iter().find(|what| {
            let caller = Caller::Component { app: caller.app.clone(), component: caller.component.clone() };
            target.lets(&caller, what)
        });
        let (occasion, permit) =
            self.board.nest(caller, target, what.unwrap_or(&self.interface), None).map_err(wrong)?;
        let limit = target.micrologic.limits().invoke_payload;
        let call = |identity, function| typed::call(&target.micrologic, identity, function);
        let what = what.unwrap_or(&self.interface);
        let succeeded = |values: &Vec<Val>| returned(values) && typed::weight(values) <= limit;
        match self.board.made(target, occasion, permit, what, function, succeeded, call).await {
            Ok(values) if typed::weight(&values) > limit => Err(wrong(Error::TooLarge(limit))),
            Ok(values) => Ok(values),
            Err(fault) => Err(wrong(failed(&fault, target))),
        }
    }
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Switchboard")
    }
}
