//! How a call can fail. The caller learns the kind's consequence, the operator the whole story.

use std::fmt;

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use crate::{call::Data, exports::typed::Failed};

/// What ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The guest trapped: a panic, an out-of-bounds access, an `unreachable`.
    Trap,
    /// The guest needed more memory than it may have.
    Memory,
    /// The guest ran out of stack.
    Stack,
    /// The guest used up its fuel.
    Fuel,
    /// The wall time was over.
    Deadline,
    /// The guest called `exit`.
    Exit,
    /// The guest returned without an answer.
    NoAnswer,
    /// The guest holds more resources than it may.
    Handles,
    /// No instance slot was free.
    Busy,
    /// A linked component gave no result.
    Callee,
    /// The answer of an atomic call is larger than may be held.
    Answer,
    /// Others changed what an atomic call had read, each time that it was run.
    Conflict,
    /// What an atomic call did has no room in a store or a topic.
    Quota,
    /// What an atomic call did could not be committed.
    Commit,
    /// The commit of an atomic call failed in the middle: it may have happened.
    Unknown,
    /// Nobody waits for the answer any more.
    Cancelled,
    /// The host is at fault.
    Host,
}

impl Kind {
    /// A word for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Exit => "exit",
            Self::NoAnswer => "no-answer",
            Self::Handles => "handles",
            Self::Busy => "busy",
            Self::Callee => "callee",
            Self::Answer => "answer",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Commit => "commit",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Host => "host",
        }
    }

    /// The limit that was hit, if it was one.
    #[must_use]
    pub fn limit(self) -> Option<&'static str> {
        match self {
            Self::Memory => Some("memory"),
            Self::Stack => Some("stack"),
            Self::Fuel => Some("fuel"),
            Self::Deadline => Some("wall-time"),
            Self::Handles => Some("handles"),
            Self::Busy => Some("instances"),
            Self::Answer => Some("held-body"),
            Self::Conflict => Some("runs"),
            Self::Quota => Some("max-size"),
            Self::Trap
            | Self::Commit
            | Self::Unknown
            | Self::Exit
            | Self::NoAnswer
            | Self::Callee
            | Self::Cancelled
            | Self::Host => None,
        }
    }
}

/// What ended a call, with the story for the operator.
#[derive(Debug)]
pub struct Fault {
    pub kind: Kind,
    pub detail: String,
}

impl Fault {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Finds out what an error that ended a guest means.
    pub(crate) fn of(error: &wasmtime::Error, data: &Data) -> Self {
        let kind = if let Some(trap) = error.downcast_ref::<Trap>() {
            match trap {
                Trap::StackOverflow => Kind::Stack,
                Trap::OutOfFuel => Kind::Fuel,
                Trap::Interrupt => Kind::Deadline,
                _ if data.memory.refused => Kind::Memory,
                _ => Kind::Trap,
            }
        } else if error.is::<Failed>() {
            Kind::Callee
        } else if error.is::<I32Exit>() {
            Kind::Exit
        } else if error.is::<PoolConcurrencyLimitError>() {
            Kind::Busy
        } else if is_full_table(error) {
            Kind::Handles
        } else if data.memory.refused {
            Kind::Memory
        } else {
            // An error that a host function returned: the guest broke a rule of the interface.
            Kind::Trap
        };
        // A backtrace is as long as the guest makes it.
        let mut detail = format!("{error:?}");
        detail.truncate(detail.floor_char_boundary(DETAIL));
        Self { kind, detail }
    }
}

/// Bytes of the story at the most.
const DETAIL: usize = 8 << 10;

fn is_full_table(error: &wasmtime::Error) -> bool {
    matches!(
        error.downcast_ref::<wasmtime::component::ResourceTableError>(),
        Some(wasmtime::component::ResourceTableError::Full)
    ) || error.chain().any(|cause| cause.to_string().contains("resource table"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

impl std::error::Error for Fault {}
