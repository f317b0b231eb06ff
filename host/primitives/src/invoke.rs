//! Calls from component to component, by name, in process.
//!
//! The one arrow that would point up does not: who is called says the [`Invoker`], which the dispatcher is.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{class::Class, identity::Identity, name};

/// Calls within each other at the most.
pub const MAX_DEPTH: usize = 16;

/// Names and values, as headers are.
pub type Metadata = Vec<(String, String)>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub method: String,
    pub data: Bytes,
    pub content_type: Option<String>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    pub data: Bytes,
    pub content_type: Option<String>,
    pub metadata: Metadata,
}

fn metadata_size(metadata: &Metadata) -> u64 {
    metadata.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

impl Request {
    /// Bytes that count against the limit.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.data.len() as u64 + metadata_size(&self.metadata)
    }
}

impl Response {
    /// Bytes that count against the limit.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.data.len() as u64 + metadata_size(&self.metadata)
    }
}

impl Fault {
    /// Bytes that count against the limit.
    #[must_use]
    pub fn size(&self) -> u64 {
        (self.message.len() + self.detail.as_ref().map_or(0, Bytes::len)) as u64
    }
}

/// What a callee reports, by what its caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    InvalidRequest,
    NotFound,
    Conflict,
    Denied,
    Unavailable,
    UnknownMethod,
    Internal,
}

impl FaultKind {
    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::InvalidRequest,
        Self::NotFound,
        Self::Conflict,
        Self::Denied,
        Self::Unavailable,
        Self::UnknownMethod,
        Self::Internal,
    ];

    /// The one of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// As the WIT calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::UnknownMethod => "unknown-method",
            Self::Internal => "internal",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
    pub detail: Option<Bytes>,
    pub content_type: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// No longer than the caller itself has.
    pub timeout: Option<Duration>,
    pub idempotency_key: Option<String>,
}

/// Why a call gave no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is no component `{0}` to call")]
    NoSuchTarget(String),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    InvalidArgument(String),
    /// The request or the response is larger than this many bytes.
    #[error("a request or response has at most {0} bytes")]
    TooLarge(u64),
    /// The callee has no permit free. Nobody waits for one within a call: it might be one that the callers hold.
    #[error("the callee is busy")]
    Busy(Option<Duration>),
    #[error("the callee reported a fault: {}", .0.message)]
    Fault(Fault),
    #[error("the callee crashed: {0}")]
    Crashed(String),
    /// It is not known whether the callee ran.
    #[error("the callee did not answer in time")]
    Timeout,
    /// The callee was not reached.
    #[error("the callee cannot be reached: {0}")]
    Unavailable(String),
    /// Calls are nested too deep, or go round in a circle.
    #[error("calls are nested too deep or go round in a circle: {0}")]
    DepthExceeded(String),
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NoSuchTarget(_) => Class::NotFound,
            Self::Denied(_) => Class::Denied,
            Self::InvalidArgument(_) | Self::DepthExceeded(_) => Class::Invalid,
            Self::TooLarge(_) => Class::TooLarge,
            Self::Busy(after) => Class::Busy(*after),
            Self::Timeout => Class::Timeout,
            Self::Unavailable(_) => Class::Unavailable,
            Self::Fault(_) | Self::Crashed(_) => Class::Internal,
        }
    }
}

/// Calls components for components.
#[async_trait]
pub trait Invoker: fmt::Debug + Send + Sync + 'static {
    /// Calls `target` for the caller, who is known by its identity: the callee decides by it. The callee has no more time
    /// than its caller, and is gone when its caller is.
    async fn call(
        &self,
        caller: &Arc<Identity>,
        target: &name::Component,
        request: Request,
        options: Options,
    ) -> Result<Response, Error>;
}
