//! An operation on its way.

use std::time::Instant;

use mecha_primitives::{bindings::excerpt_of, class::Class};

use super::{Refused, Told};
use crate::call::Call;

/// An operation that has passed. It is counted when this is dropped.
#[derive(Debug)]
pub struct Entered {
    call: Call,
    operation: (&'static str, &'static str),
    began: Instant,
    outcome: &'static str,
    directed: Option<Directed>,
}

/// What a director is told at the end.
#[derive(Debug)]
struct Directed {
    ticket: u64,
    /// Whether the guest is not told that it happened.
    is_lost: bool,
    told: Told,
}

impl Entered {
    pub(super) fn new(call: &Call, operation: (&'static str, &'static str)) -> Self {
        Self { call: call.clone(), operation, began: began(), outcome: "cancelled", directed: None }
    }

    pub(super) fn directed(&mut self, ticket: u64, is_lost: bool) {
        self.directed = Some(Directed { ticket, is_lost, told: Told::default() });
    }

    /// Notes that the operation is done. One that never says so was cancelled.
    ///
    /// # Errors
    /// If a director wants it to be unknown to the guest.
    pub fn succeed(&mut self) -> Result<(), Refused> {
        self.outcome = "ok";
        match &self.directed {
            Some(Directed { is_lost: true, .. }) => Err(Refused::Injected(Class::Timeout)),
            _ => Ok(()),
        }
    }

    /// Notes what the guest gave, in bytes.
    pub fn gave(&mut self, bytes: usize) {
        if let Some(directed) = &mut self.directed {
            directed.told.gave += bytes as u64;
        }
    }

    /// Notes what the guest is given: bytes, and what a person would want to see of them.
    pub fn got(&mut self, bytes: usize, shown: impl FnOnce() -> String) {
        if let Some(directed) = &mut self.directed {
            directed.told.got += bytes as u64;
            directed.told.answer = shown();
        }
    }

    /// As [`got`](Self::got), of a value.
    pub fn got_value(&mut self, value: &[u8]) {
        self.got(value.len(), || excerpt(value));
    }

    /// Notes that the operation failed.
    pub fn fail(&mut self, class: Class) {
        self.outcome = class.as_str();
    }

    pub(super) fn refuse(mut self, refused: Refused) -> Refused {
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
        let services = &self.call.shared.services;
        services.observer.operated(&self.call.identity, self.operation, self.outcome, took);
        if let (Some(director), Some(directed)) = (&services.director, &self.directed) {
            director.after(directed.ticket, self.outcome, &directed.told);
        }
    }
}

/// The beginning of a value, as text if it is one.
fn excerpt(value: &[u8]) -> String {
    const MOST: usize = 200;
    match std::str::from_utf8(value) {
        Ok(text) => excerpt_of(text, MOST),
        Err(_) => format!("{} bytes", value.len()),
    }
}

#[expect(clippy::disallowed_methods, reason = "a duration for the operator's metrics: nothing depends on it")]
fn began() -> Instant {
    Instant::now()
}
