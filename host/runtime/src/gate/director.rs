//! Somebody who stands at the gate: tests direct what happens there.

use std::fmt;

use async_trait::async_trait;
use mecha_primitives::{class::Class, identity::Identity};

use super::Need;

/// Sees each operation before it happens and when it is over, and may hold it or make it fail.
///
/// There are steps beside the operations, of the primitive `call`: `begin`, before an atomic call reads anything; `commit`,
/// before what it did is committed; and `end`, when a guest has ended well and what triggered it is not yet settled.
#[async_trait]
pub trait Director: fmt::Debug + Send + Sync + 'static {
    /// Asked once for each operation, which goes on when this returns. The number is given back when it is over.
    async fn before(&self, identity: &Identity, step: &Step<'_>) -> (Option<Strike>, u64);

    /// How much fuel a call may use, in place of what its limits say.
    fn fuel(&self, _: &Identity) -> Option<u64> {
        None
    }

    /// The operation is over. `outcome` is as an [`Observer`](super::Observer)'s.
    fn after(&self, _ticket: u64, _outcome: &'static str, _told: &Told) {}
}

/// An operation, as a director sees it.
#[derive(Debug)]
pub struct Step<'a> {
    pub primitive: &'static str,
    pub verb: &'static str,
    /// What it is about: `carts/7`, `orders`, `POST https://api.example.com/charges`.
    pub about: String,
    pub need: Need<'a>,
}

/// What a director does to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// It does not happen.
    Fail(Class),
    /// It happens, and the guest is told that it timed out.
    Lose,
    /// The process ends at once, as if the machine had lost its power.
    Crash,
}

/// What went through the gate. Known only if somebody directs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Bytes that the guest gave.
    pub gave: u64,
    /// Bytes that the guest was given.
    pub got: u64,
    /// What the guest was given, as a person reads it, cut short; empty if that says nothing.
    pub answer: String,
}
