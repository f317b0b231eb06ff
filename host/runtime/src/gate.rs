//! The one gate between a guest and what it was granted.
//!
//! Every import adapter begins with [`Call::enter`]. It authorises the operation, counts it, gives it its
//! trace event, and can be told by a test to make it fail, or to crash the host right here.

use std::{fmt, time::Instant};

use mecha_primitives::{class::Class, identity::Identity};

use crate::{
    call::Call,
    grants::{self, Access, Grants, Store},
    outbound::Target,
};

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
    /// A request to a host.
    Connect(&'a Target),
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

/// Something that makes operations fail, for tests.
pub trait Faults: fmt::Debug + Send + Sync + 'static {
    /// Asked once for each operation.
    fn strike(&self, identity: &Identity, primitive: &str, verb: &str) -> Option<Strike>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    Fail(Class),
    /// The process ends at once, as if the machine had lost its power.
    Crash,
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
}

impl Call {
    /// Passes the gate.
    ///
    /// # Errors
    /// [`Refused`] if the grants do not cover the operation.
    pub fn enter(&self, operation: Operation<'_>) -> Result<Entered, Refused> {
        let Operation { primitive, verb, need } = operation;
        let entered = Entered {
            call: self.clone(),
            operation: (primitive, verb),
            began: began(),
            outcome: "cancelled",
        };
        let faults = self.shared.services.faults.as_ref();
        match faults.and_then(|faults| faults.strike(&self.identity, primitive, verb)) {
            Some(Strike::Crash) => std::process::abort(),
            Some(Strike::Fail(class)) => return Err(entered.refuse(Refused::Injected(class))),
            None => {}
        }
        match authorise(&self.shared.grants, need) {
            Ok(()) => Ok(entered),
            Err(missing) => Err(entered.refuse(Refused::Denied(missing))),
        }
    }
}

fn authorise(grants: &Grants, need: Need<'_>) -> Result<(), String> {
    let (grant, access, key, whole) = match need {
        Need::Nothing => return Ok(()),
        Need::Connect(target) => {
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

/// An operation that has passed. It is counted when this is dropped.
#[derive(Debug)]
pub struct Entered {
    call: Call,
    operation: (&'static str, &'static str),
    began: Instant,
    outcome: &'static str,
}

impl Entered {
    /// Notes that the operation is done. One that never says so was cancelled.
    pub fn succeed(&mut self) {
        self.outcome = "ok";
    }

    /// Notes that the operation failed.
    pub fn fail(&mut self, class: Class) {
        self.outcome = class.as_str();
    }

    fn refuse(mut self, refused: Refused) -> Refused {
        self.outcome = match &refused {
            Refused::Denied(_) => Class::Denied.as_str(),
            Refused::Injected(class) => class.as_str(),
        };
        refused
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let (primitive, verb) = self.operation;
        tracing::trace!(call = %self.call.identity.call, primitive, verb, outcome = self.outcome, "host call");
        self.call.shared.services.observer.operated(&self.call.identity, self.operation, self.outcome, took);
    }
}

#[expect(clippy::disallowed_methods, reason = "a duration for the operator's metrics: nothing depends on it")]
fn began() -> Instant {
    Instant::now()
}
