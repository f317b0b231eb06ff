//! Why a call of another component failed.

use std::{error, fmt, time::Duration};

use super::{Fault, raw::types::Error as Raw};

/// Why a call of another component failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The configuration has no target of that name.
    NoSuchTarget(String),
    AccessDenied(String),
    InvalidArgument(String),
    /// The request or the response is larger than this many bytes.
    TooLarge(u64),
    QuotaExceeded(String),
    /// The callee has no place for now; try again after this long.
    Busy(Option<Duration>),
    /// The callee was reached and reported this.
    Fault(Fault),
    /// The callee was reached and ended in the middle.
    Crashed(String),
    /// It is not known whether the callee ran.
    Timeout,
    /// The callee was not reached.
    Unavailable(String),
    /// Calls were nested too deep, or go round in a circle.
    DepthExceeded,
    /// Any other failure. The text is for people, not for matching.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchTarget(name) => write!(f, "no component `{name}` may be called"),
            Self::AccessDenied(what) => write!(f, "access denied: {what}"),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::TooLarge(limit) => write!(f, "larger than {limit} bytes"),
            Self::QuotaExceeded(what) => write!(f, "quota exceeded: {what}"),
            Self::Busy(_) => f.write_str("the called component is busy"),
            Self::Fault(fault) => write!(f, "the called component: {}", fault.message),
            Self::Crashed(what) => write!(f, "the called component crashed: {what}"),
            Self::Timeout => f.write_str("the called component did not answer in time"),
            Self::Unavailable(what) => write!(f, "the called component is unavailable: {what}"),
            Self::DepthExceeded => f.write_str("calls are nested too deep, or go round in a circle"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl error::Error for Error {}

impl From<Raw> for Error {
    fn from(error: Raw) -> Self {
        match error {
            Raw::NoSuchTarget(name) => Self::NoSuchTarget(name),
            Raw::AccessDenied(what) => Self::AccessDenied(what),
            Raw::InvalidArgument(what) => Self::InvalidArgument(what),
            Raw::TooLarge(limit) => Self::TooLarge(limit),
            Raw::QuotaExceeded(what) => Self::QuotaExceeded(what),
            Raw::Busy(after) => Self::Busy(after.map(Duration::from_millis)),
            Raw::Fault(fault) => Self::Fault(Fault::from_raw(fault)),
            Raw::Crashed(what) => Self::Crashed(what),
            Raw::Timeout => Self::Timeout,
            Raw::Unavailable(what) => Self::Unavailable(what),
            Raw::DepthExceeded => Self::DepthExceeded,
            Raw::Other(what) => Self::Other(what),
        }
    }
}
