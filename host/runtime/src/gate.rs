//! The one gate between a guest and what it was granted.
//!
//! Every import adapter begins with [`Call::enter`]. It authorises the operation, counts it, gives it its
//! trace event, and lets a [`Director`] hold it, make it fail, or crash the host right here.

use std::fmt;

use mecha_primitives::{class::Class, identity::Identity};

use crate::{
    call::Call,
    fault::Fault,
    grants::{self, Access, Grants, Store},
    outbound::Target,
};

mod director;
mod entered;

pub use director::{Director, Step, Strike, Told};
pub use entered::Entered;

/// What a guest asks for.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    pub primitive: &'static str,
    pub verb: &'static str,
    pub need: Need<'a>,
}

/// What must have been granted for it.
#[derive(Debug, Clone, Copy)]
pub enum Need<'a> {
    /// Nothing: the operation itself finds out.
    Nothing,
    /// Access to a key of a store.
    Key(&'a Store, Access, &'a str),
    /// Access to keys that begin with this.
    Keys(&'a Store, Access, &'a str),
    /// A request to a host, by its method and URI.
    Connect(&'a Target, &'a http::Method, &'a http::Uri),
    /// Nothing more than that the topic is there.
    Publish(&'a grants::Topic),
    /// Nothing: the operation finds out whether there is something of this name.
    Named(&'a str),
    /// A method of another component.
    Invoke(&'a grants::Target, &'a str),
    /// An operation of an output binding.
    Output(&'a grants::Output, &'a str),
}

/// Why an operation does not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Not granted; the text says what is missing.
    Denied(String),
    /// A test asked for this failure.
    Injected(Class),
}

/// Hears of every operation, for the operator's metrics.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// `outcome` is `ok`, an error's class, or `cancelled`.
    fn operated(
        &self,
        identity: &Identity,
        operation: (&'static str, &'static str),
        outcome: &'static str,
        took: std::time::Duration,
    );
    /// Output of a component was dropped because it was too much.
    fn dropped_output(&self, identity: &Identity, bytes: u64);
    /// A component printed a line to `stdout` or `stderr`. It is within the limits, and cannot steer a terminal.
    fn printed(&self, identity: &Identity, stream: &'static str, line: &str) {
        let Identity { tenant, app, component, call, .. } = identity;
        tracing::info!(target: "guest", %tenant, %app, %component, %call, stream, "{line}");
    }
    /// An instance is made for a call.
    fn began(&self, _: &Identity) {}
    /// An instance is gone, however its call ended.
    fn ended(&self, _: &Identity, _: Used) {}
    /// A call has ended, after its last run if it was run several times.
    fn finished(&self, _: &Identity, _: Result<(), &Fault>) {}
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// In wasmtime's fuel; `None`: its code is not metered.
    pub fuel: Option<u64>,
    /// Linear memory and tables at their end, in bytes: they do not shrink.
    pub memory: u64,
}

impl Call {
    /// Passes the gate.
    ///
    /// # Errors
    /// [`Refused`] if the grants do not cover the operation.
    pub async fn enter(&self, operation: Operation<'_>) -> Result<Entered, Refused> {
        let mut entered = Entered::new(self, (operation.primitive, operation.verb));
        if let Some(director) = &self.shared.services.director {
            let (strike, ticket) = director.before(&self.identity, &operation.step()).await;
            entered.directed(ticket, strike.is_some_and(|strike| strike == Strike::Lose));
            match strike {
                Some(Strike::Crash) => std::process::abort(),
                Some(Strike::Fail(class)) => return Err(entered.refuse(Refused::Injected(class))),
                Some(Strike::Lose) | None => {}
            }
        }
        match authorise(&self.shared.grants, operation.need) {
            Ok(()) => Ok(entered),
            Err(missing) => Err(entered.refuse(Refused::Denied(missing))),
        }
    }
}

impl Operation<'_> {
    /// As a director sees it.
    fn step(&self) -> Step<'_> {
        let about = match self.need {
            Need::Nothing => String::new(),
            Need::Key(store, _, key) => format!("{}/{key}", store.name),
            Need::Keys(store, _, prefix) => format!("{}/{prefix}*", store.name),
            Need::Connect(_, method, uri) => format!("{method} {uri}"),
            Need::Publish(topic) => topic.name.to_string(),
            Need::Named(name) => name.to_owned(),
            Need::Invoke(target, method) => format!("{}.{method}", target.component),
            Need::Output(output, operation) => format!("{}.{operation}", output.name),
        };
        Step { primitive: self.primitive, verb: self.verb, about, need: self.need }
    }
}

fn authorise(grants: &Grants, need: Need<'_>) -> Result<(), String> {
    let (grant, access, key, whole) = match need {
        Need::Nothing | Need::Publish(_) | Need::Named(_) => return Ok(()),
        Need::Connect(target, ..) => {
            let granted = grants.outbound.iter().any(|destination| destination.covers(target));
            return if granted { Ok(()) } else { Err(format!("no grant covers {target}")) };
        }
        Need::Invoke(grant, method) => {
            let granted =
                grant.methods.as_ref().is_none_or(|methods| methods.iter().any(|name| name == method));
            return if granted {
                Ok(())
            } else {
                Err(format!("method `{method}` of `{}` is not granted", grant.component))
            };
        }
        Need::Output(grant, operation) => {
            let granted = grant.allows(operation);
            // What the binding does not have at all, it says itself.
            let exists = grant.output.operations().iter().any(|known| known.name == operation);
            let denied = || format!("operation `{operation}` of `{}` is not granted", grant.name);
            return if granted || !exists { Ok(()) } else { Err(denied()) };
        }
        Need::Key(grant, access, key) => (grant, access, key, "the key"),
        Need::Keys(grant, access, prefix) => (grant, access, prefix, "the prefix"),
    };
    if !grant.access.allows(access) {
        let wanted = match access {
            Access::Read => "read",
            Access::Write => "written",
            Access::ReadWrite => "read and written",
        };
        return Err(format!("store `{}` may not be {wanted}", grant.name));
    }
    match &grant.prefix {
        Some(prefix) if !key.starts_with(&**prefix) => Err(format!(
            "of store `{}` only keys under `{prefix}` are granted; {whole} was another",
            grant.name
        )),
        _ => Ok(()),
    }
}
