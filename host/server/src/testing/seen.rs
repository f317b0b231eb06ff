//! What a case left behind: all that can be looked at afterwards.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use mecha_manifest::suite::StoreRef;
use mecha_primitives::{
    bindings::{Effect, Metadata},
    clock::Timestamp,
    identity::Trigger,
    name,
    pubsub::event::Event,
};
use mecha_runtime::fault::Kind;

/// Everything that happened in a case.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub state: BTreeMap<(StoreRef, String), Bytes>,
    /// What was published by components, in the order of the commits.
    pub events: Vec<(name::Topic, Event)>,
    pub jobs: Vec<Job>,
    pub outputs: Vec<OutputCall>,
    pub requests: Vec<HttpCall>,
    pub callees: Vec<CalleeCall>,
    pub lines: Vec<Line>,
    /// In the order in which they began.
    pub calls: Vec<Call>,
    /// In the order in which they began, of all calls.
    pub steps: Vec<HostCall>,
}

/// A job that is scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub component: name::Component,
    pub name: String,
    pub due: Option<Timestamp>,
    pub data: Bytes,
}

/// What an output binding was asked.
#[derive(Debug, Clone)]
pub struct OutputCall {
    pub output: name::Binding,
    pub operation: String,
    pub data: Bytes,
    pub metadata: Metadata,
    pub effect: Effect,
    /// Whether it was carried out: an error says no.
    pub answered: bool,
}

/// A request that was sent to a host outside.
#[derive(Debug, Clone)]
pub struct HttpCall {
    pub method: http::Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// `None`: an error.
    pub answered: Option<StatusCode>,
}

/// What was asked of a component that the case answers for.
#[derive(Debug, Clone)]
pub struct CalleeCall {
    pub component: name::Component,
    pub method: String,
    pub data: Bytes,
    pub idempotency_key: Option<String>,
    pub answered: bool,
}

/// A line that a component printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub component: name::Component,
    /// `stdout` or `stderr`.
    pub stream: &'static str,
    pub text: String,
}

/// A call of a component. A call that is run again, since others were first, is there as often as it ran.
#[derive(Debug, Clone)]
pub struct Call {
    pub component: name::Component,
    pub trigger: Trigger,
    pub attempt: u32,
    pub end: End,
    /// In wasmtime's fuel.
    pub fuel: u64,
    /// The most linear memory that it had, in bytes.
    pub memory: u64,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Running,
    Answered,
    /// The detail is the operator's: a trap's with the guest's stack.
    Failed(Kind, Arc<str>),
}

/// One operation that passed the gate.
#[derive(Debug, Clone)]
pub struct HostCall {
    /// Which of `calls`.
    pub call: usize,
    pub primitive: &'static str,
    pub verb: &'static str,
    /// What it was about: `carts/7`, `orders`, `POST https://api.example.com/charges`.
    pub about: String,
    /// What it changes, or may change: nothing, or something.
    pub changes: bool,
    /// `ok`, an error's class, `denied`, `cancelled`; `None`: it is not over.
    pub outcome: Option<&'static str>,
    /// Bytes that the component gave and was given.
    pub gave: u64,
    pub got: u64,
    /// What it was given, as a person reads it, cut short; empty if that says nothing.
    pub answer: String,
    pub at: Timestamp,
}

/// What whoever caused a step got.
#[derive(Debug, Clone)]
pub enum Reply {
    Http {
        status: StatusCode,
        headers: HeaderMap,
        /// `Err`: it broke off; what there was until then.
        body: Result<Bytes, Bytes>,
    },
    Invoked(Result<Invoked, InvokeError>),
    /// Nobody waits for an answer.
    None,
    /// The host ended before there was one.
    Lost,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invoked {
    pub data: Bytes,
    pub content_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeError {
    /// The kind of a component's own fault, or the class of an error.
    pub kind: String,
    pub message: String,
}
