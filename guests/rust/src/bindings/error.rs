//! Why an operation of a binding failed.

use std::{error, fmt, time::Duration};

use super::raw::types::Error as Raw;

/// Why an operation of a binding failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The component's configuration has no output binding of that name.
    NoSuchBinding(String),
    AccessDenied(String),
    /// The binding does not offer this operation.
    NoSuchOperation(String),
    InvalidArgument(String),
    /// The request is larger than this many bytes.
    TooLarge(u64),
    QuotaExceeded(String),
    /// Try again after this long.
    Busy(Option<Duration>),
    /// The operation may or may not have taken place.
    Timeout,
    Unavailable(String),
    /// The system behind the binding refused, with a code of its own.
    Rejected {
        code: String,
        message: String,
    },
    /// Any other failure. The text is for people, not for matching.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchBinding(name) => write!(f, "no output `{name}` is granted"),
            Self::AccessDenied(what) => write!(f, "access denied: {what}"),
            Self::NoSuchOperation(name) => write!(f, "the binding has no operation `{name}`"),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::TooLarge(limit) => write!(f, "the request is larger than {limit} bytes"),
            Self::QuotaExceeded(what) => write!(f, "quota exceeded: {what}"),
            Self::Busy(_) => f.write_str("the binding is busy"),
            Self::Timeout => f.write_str("the binding did not answer in time"),
            Self::Unavailable(what) => write!(f, "the binding is unavailable: {what}"),
            Self::Rejected { code, message } => write!(f, "refused with {code}: {message}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl error::Error for Error {}

impl From<Raw> for Error {
    fn from(error: Raw) -> Self {
        match error {
            Raw::NoSuchBinding(name) => Self::NoSuchBinding(name),
            Raw::AccessDenied(what) => Self::AccessDenied(what),
            Raw::NoSuchOperation(name) => Self::NoSuchOperation(name),
            Raw::InvalidArgument(what) => Self::InvalidArgument(what),
            Raw::TooLarge(limit) => Self::TooLarge(limit),
            Raw::QuotaExceeded(what) => Self::QuotaExceeded(what),
            Raw::Busy(after) => Self::Busy(after.map(Duration::from_millis)),
            Raw::Timeout => Self::Timeout,
            Raw::Unavailable(what) => Self::Unavailable(what),
            Raw::Rejected(rejection) => Self::Rejected { code: rejection.code, message: rejection.message },
            Raw::Other(what) => Self::Other(what),
        }
    }
}
