//! Tests of an app, as meant: what is given, what comes in, what is to be found afterwards.
//!
//! A file of tests is read as a manifest is: reading one gives the cases or *all* that is wrong, each with
//! its place. Names are checked against the app that the tests are of.

use std::time::Duration;

use mecha_primitives::{clock::Timestamp, name};

use crate::{
    app::{App, Span, Spanned},
    problem::Problem,
    read::{Item, Reader},
    secrets::Secrets,
    tree,
};

pub(crate) mod answers;
pub(crate) mod case;
mod data;
pub(crate) mod expected;
pub(crate) mod faults;
pub(crate) mod given;
pub(crate) mod lists;
mod names;
mod patterns;
mod sense;
pub(crate) mod steps;
#[cfg(test)]
mod tests;
mod words;

pub use answers::{FAULT, REJECTED};
pub use expected::FAULTS;
pub use faults::OPERATIONS;

/// Reads the test file `text` of this app; `file` is how problems name it.
///
/// # Errors
/// Every problem of the file, in the order of the text.
pub fn load(file: &str, text: &str, app: &App) -> Result<Suite, Vec<Problem>> {
    let root = tree::parse(file, text, &tree::TESTS)?;
    let mut reader = Reader::new(file, &NoSecrets);
    let cases = case::read(&mut reader, &Item::root(&root), app);
    let problems = reader.finish();
    match cases {
        Some(cases) if problems.is_empty() => Ok(Suite { file: file.to_owned(), cases }),
        _ => Err(problems),
    }
}

/// A test brings its own.
struct NoSecrets;

impl Secrets for NoSecrets {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("a test file reads no other".to_owned())
    }
}

/// One file of tests.
#[derive(Debug, Clone)]
pub struct Suite {
    /// How messages name the file.
    pub file: String,
    pub cases: Vec<Case>,
}

/// What is tried by itself, in a world of its own.
#[derive(Debug, Clone)]
pub struct Case {
    /// Unique in its file.
    pub name: String,
    pub at: Span,
    pub given: Given,
    /// At least one step.
    pub when: Vec<Step>,
    /// What is to be found at the end.
    pub then: Expected,
    pub within: Bounds,
}

/// The world before anything happens.
#[derive(Debug, Clone)]
pub struct Given {
    pub clock: Timestamp,
    /// Of all random numbers that there are.
    pub seed: u64,
    pub state: Vec<Stored>,
    /// Over what the manifest says, for each component.
    pub env: Vec<(name::Component, Vec<(String, String)>)>,
    /// In place of the host's variables (`NAME`) and files (their path) that the manifest's secrets come from.
    pub secrets: Vec<(String, String)>,
    /// What output bindings answer; for a request the first that fits, and each as often as it says.
    pub outputs: Vec<(name::Binding, Vec<OutputAnswer>)>,
    /// What hosts outside answer to `wasi:http` requests.
    pub upstream: Vec<UpstreamAnswer>,
    /// What components answer that are not to be called themselves.
    pub callees: Vec<(name::Component, Vec<CalleeAnswer>)>,
    pub faults: Vec<Fault>,
}

/// A value in a store.
#[derive(Debug, Clone)]
pub struct Stored {
    pub store: StoreRef,
    pub key: String,
    pub value: Data,
}

/// A store of the app: `STORE` if it is shared or only one component has it, else `STORE@COMPONENT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreRef {
    pub store: name::Store,
    /// Whose it is; `None`: shared.
    pub component: Option<name::Component>,
}

/// Bytes, as a person writes them.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    Text(String),
    Json(serde_json::Value),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone)]
pub struct OutputAnswer {
    /// `None`: whatever is asked.
    pub operation: Option<String>,
    /// How often; `None`: always.
    pub times: Option<u32>,
    pub after: Duration,
    pub answer: Result<Answer, Failure>,
}

/// What a system outside, or a component, answers.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub data: Option<Data>,
    pub content_type: Option<String>,
    pub metadata: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct UpstreamAnswer {
    /// `None`: any.
    pub method: Option<String>,
    /// Scheme, host and path; a `*` stands for any text.
    pub url: String,
    pub times: Option<u32>,
    pub after: Duration,
    pub answer: Result<HttpAnswer, Failure>,
}

#[derive(Debug, Clone)]
pub struct HttpAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Option<Data>,
}

#[derive(Debug, Clone)]
pub struct CalleeAnswer {
    /// `None`: any.
    pub method: Option<String>,
    pub times: Option<u32>,
    pub after: Duration,
    pub answer: Result<Answer, Failure>,
}

/// An error, by its class: `unavailable`, `timeout`, `busy`, …; or, of an output, [`REJECTED`] with the code of the system
/// behind it; or, of a component, the kind of a fault with the code [`FAULT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub class: Spanned<String>,
    pub code: Option<String>,
    pub message: String,
}

/// That an operation goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    pub at: Span,
    /// Such as `state.set`, `state.*` or `http.send`.
    pub operation: String,
    /// `None`: of whatever component.
    pub component: Option<name::Component>,
    /// Which of those that match, from 1 on; `None`: each.
    pub nth: Option<u32>,
    pub strike: Strike,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strike {
    /// It does not happen, and the component is told an error of this class.
    Fail(String),
    /// It happens, and the component is told that it timed out.
    Lost,
    /// It happens later.
    Slow(Duration),
    /// The host ends before it, and begins anew on what is on its disk.
    CrashBefore,
    CrashAfter,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Step {
    pub at: Span,
    pub action: Action,
    /// What is to be found right after it, when nothing is left to be done at this moment.
    pub then: Option<Expected>,
}

#[derive(Debug, Clone)]
pub enum Action {
    Request(Request),
    Event(Event),
    /// Time goes on until the schedule is due.
    Tick(name::Schedule),
    Input(Input),
    Invoke(Invoke),
    Wait(Duration),
    /// All begin at the same time.
    AtOnce(Vec<Step>),
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query, or a whole URL.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Data>,
}

/// An event that comes in from outside.
#[derive(Debug, Clone)]
pub struct Event {
    pub topic: name::Topic,
    /// `None`: the topic's default.
    pub kind: Option<String>,
    pub id: Option<String>,
    pub source: Option<String>,
    pub subject: Option<String>,
    pub content_type: Option<String>,
    pub data: Option<Data>,
    pub extensions: Vec<(String, String)>,
}

/// A file that is found in the folder of an input.
#[derive(Debug, Clone)]
pub struct Input {
    pub input: name::Binding,
    pub file: String,
    pub content: Data,
}

#[derive(Debug, Clone)]
pub struct Invoke {
    pub component: name::Component,
    pub method: String,
    pub data: Option<Data>,
    pub content_type: Option<String>,
    pub idempotency_key: Option<String>,
}

/// What is to be found. What is not mentioned may be as it likes.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Of the last HTTP request.
    pub response: Option<ResponsePattern>,
    /// Of the last invocation.
    pub answer: Option<AnswerPattern>,
    pub state: Vec<StorePattern>,
    /// What was published since the case began, in this order; by components, and not by its own steps.
    pub events: Vec<(Spanned<name::Topic>, Listed<EventPattern>)>,
    /// Jobs that are scheduled.
    pub jobs: Vec<(Spanned<name::Component>, Listed<JobPattern>)>,
    /// What output bindings were asked.
    pub outputs: Vec<(Spanned<name::Binding>, Listed<OutputPattern>)>,
    /// Requests that were sent to hosts outside.
    pub requests: Option<Listed<RequestPattern>>,
    /// What was asked of components that the case answers for.
    pub callees: Vec<(Spanned<name::Component>, Listed<CalleePattern>)>,
    /// Lines that components printed; without `exactly` in this order, among others.
    pub logs: Option<Listed<Pattern>>,
    /// How calls ended that gave no answer: `trap`, `fuel`, `memory`, … Without it, none may end so.
    pub faults: Option<Listed<Pattern>>,
}

/// A list: as it is, or what it must have among others.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    pub at: Span,
    /// Whether there may be others, before, between and after.
    pub among_others: bool,
    pub items: Vec<Spanned<T>>,
}

#[derive(Debug, Clone, Default)]
pub struct ResponsePattern {
    pub status: Option<Spanned<Pattern>>,
    pub headers: Vec<(String, Spanned<Pattern>)>,
    pub body: Option<Spanned<Pattern>>,
}

#[derive(Debug, Clone, Default)]
pub struct AnswerPattern {
    pub data: Option<Spanned<Pattern>>,
    pub content_type: Option<Spanned<Pattern>>,
    /// The kind of a fault, or the class of an error.
    pub error: Option<Spanned<Pattern>>,
}

#[derive(Debug, Clone)]
pub struct StorePattern {
    pub at: Span,
    pub store: StoreRef,
    /// Whether there is nothing else in the store.
    pub exactly: bool,
    pub keys: Vec<(Spanned<String>, Pattern)>,
}

#[derive(Debug, Clone, Default)]
pub struct EventPattern {
    pub kind: Option<Pattern>,
    pub id: Option<Pattern>,
    pub source: Option<Pattern>,
    pub subject: Option<Pattern>,
    pub data: Option<Pattern>,
    pub extensions: Vec<(String, Pattern)>,
}

#[derive(Debug, Clone, Default)]
pub struct JobPattern {
    pub name: Option<Pattern>,
    /// RFC 3339, in UTC.
    pub due: Option<Pattern>,
    pub data: Option<Pattern>,
}

#[derive(Debug, Clone, Default)]
pub struct OutputPattern {
    pub operation: Option<Pattern>,
    pub data: Option<Pattern>,
    pub metadata: Vec<(String, Pattern)>,
}

#[derive(Debug, Clone, Default)]
pub struct RequestPattern {
    pub method: Option<Pattern>,
    pub url: Option<Pattern>,
    pub headers: Vec<(String, Pattern)>,
    pub body: Option<Pattern>,
}

#[derive(Debug, Clone, Default)]
pub struct CalleePattern {
    pub method: Option<Pattern>,
    pub data: Option<Pattern>,
}

/// What a value may be. Beside data, which stands for itself, there are maps with one key that begins with `$`.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// `$any`: whatever it is, but there.
    Any,
    /// `$absent`: not there.
    Absent,
    /// `$matches`: a text in which this regular expression is found.
    Matches(String),
    /// `$contains`: a text with this in it.
    Contains(String),
    /// `$includes`: a map with these keys among others, or a list with these elements in this order among others.
    Includes(Box<Pattern>),
    /// `$base64`.
    Bytes(Vec<u8>),
    /// A scalar. Its text as written is what bytes are compared with; in JSON, the scalar itself.
    Scalar {
        text: String,
        json: serde_json::Value,
    },
    List(Vec<Pattern>),
    Map(Vec<(String, Pattern)>),
}

/// What a case may use. What is hit ends the call; what is exceeded fails the case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Of all calls together.
    pub fuel: Option<Spanned<u64>>,
    /// The largest of any call, in bytes.
    pub memory: Option<Spanned<u64>>,
    /// Host calls, of all calls together.
    pub host_calls: Option<Spanned<u64>>,
    /// Bytes that components printed.
    pub output: Option<Spanned<u64>>,
    /// Of the case as a whole, by its own clock.
    pub wall_time: Option<Spanned<Duration>>,
}
