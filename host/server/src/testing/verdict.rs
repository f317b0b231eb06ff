//! What became of a case.

use std::time::Duration;

use mecha_manifest::Span;
use mecha_primitives::name;
use mecha_runtime::fault::Kind;

use super::seen::Seen;

/// A case that was run.
#[derive(Debug)]
pub struct Tried {
    /// The file, as messages name it.
    pub file: String,
    pub case: String,
    pub at: Span,
    pub verdict: Verdict,
    pub seen: Seen,
    pub usage: Usage,
    /// What is worth knowing and fails nothing.
    pub notes: Vec<String>,
    /// By the machine's clock: for people only.
    pub took: Duration,
}

/// What all calls of a case used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub fuel: u64,
    /// The most that any call had, in bytes.
    pub memory: u64,
    pub host_calls: u64,
    /// Bytes printed.
    pub output: u64,
}

#[derive(Debug)]
pub enum Verdict {
    Passed,
    /// Something else was found than expected.
    Failed(Vec<Mismatch>),
    /// A call used up what it may: no failed expectation, but a limit.
    Limit(Limit),
    /// A test that is a component says why it has failed.
    Said(String),
    /// It used another amount of fuel than was recorded of it.
    Fuel(String),
    /// A finder has found what breaks it.
    Found(Vec<Finding>),
    /// It could not be run.
    Broken(String),
}

/// What a finder has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// By which command it was asked for: `crash-everywhere`.
    pub finder: &'static str,
    /// What there is to say about it, as a person reads it.
    pub text: String,
    /// What runs only this again.
    pub replay: String,
}

/// Something that was expected and not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the expectation is.
    pub at: Span,
    /// Such as `response.status` or `state.carts.7`.
    pub what: String,
    pub expected: String,
    pub found: String,
    /// Which host calls led there: indices into [`Seen::steps`].
    pub steps: Vec<usize>,
}

/// A limit that ended a call.
#[derive(Debug, Clone)]
pub struct Limit {
    pub component: name::Component,
    pub kind: Kind,
    /// What it was limited to, for people: `1,000,000 fuel`.
    pub limit: String,
    /// The guest's stack, innermost first.
    pub stack: Vec<String>,
    /// Functions and their fuel, most first.
    pub top: Vec<(String, u64)>,
}

impl Tried {
    #[must_use]
    pub fn has_passed(&self) -> bool {
        matches!(self.verdict, Verdict::Passed)
    }
}
