//! Why a state operation failed.

use std::{error, fmt, time::Duration};

use super::{Etag, raw};

/// Why an operation failed. An absent key is never an error.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The component's configuration has no store of that name.
    NoSuchStore(String),
    /// The component was not granted this operation or this key.
    AccessDenied(String),
    /// The key, a cursor or an option is malformed.
    InvalidArgument(String),
    /// The key, the value or the request is larger than this many bytes.
    TooLarge(u64),
    /// A condition did not hold and nothing was written. Has the version that is there now, if there is one.
    Conflict(Option<Etag>),
    /// The store cannot do this.
    Unsupported(String),
    /// A quota was exceeded; repeating does not help until something is freed.
    QuotaExceeded(String),
    /// Too many requests for now; try again after this long.
    Busy(Option<Duration>),
    /// The deadline passed; the operation may or may not have been applied.
    Timeout,
    /// The store is unreachable for now; a later attempt may succeed.
    Unavailable(String),
    /// Any other failure. The text is for people, not for matching.
    Other(String),
    /// A value is not JSON of the expected shape, or cannot be written as JSON. The store was not asked.
    Json(serde_json::Error),
}

impl Error {
    /// Whether a condition did not hold.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchStore(name) => write!(f, "no store `{name}` is granted"),
            Self::AccessDenied(what) => write!(f, "access denied: {what}"),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::TooLarge(limit) => write!(f, "larger than {limit} bytes"),
            Self::Conflict(Some(etag)) => write!(f, "conflict: the version is now {etag}"),
            Self::Conflict(None) => f.write_str("conflict: the key is absent"),
            Self::Unsupported(what) => write!(f, "unsupported: {what}"),
            Self::QuotaExceeded(what) => write!(f, "quota exceeded: {what}"),
            Self::Busy(_) => f.write_str("the store is busy"),
            Self::Timeout => f.write_str("the store did not answer in time"),
            Self::Unavailable(what) => write!(f, "the store is unavailable: {what}"),
            Self::Other(what) => f.write_str(what),
            Self::Json(_) => f.write_str("a stored value is not the expected JSON"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl From<raw::types::Error> for Error {
    fn from(error: raw::types::Error) -> Self {
        use raw::types::Error as Raw;
        match error {
            Raw::NoSuchStore(name) => Self::NoSuchStore(name),
            Raw::AccessDenied(what) => Self::AccessDenied(what),
            Raw::InvalidArgument(what) => Self::InvalidArgument(what),
            Raw::TooLarge(limit) => Self::TooLarge(limit),
            Raw::Conflict(etag) => Self::Conflict(etag.map(Etag::from)),
            Raw::Unsupported(what) => Self::Unsupported(what),
            Raw::QuotaExceeded(what) => Self::QuotaExceeded(what),
            Raw::Busy(after) => Self::Busy(after.map(Duration::from_millis)),
            Raw::Timeout => Self::Timeout,
            Raw::Unavailable(what) => Self::Unavailable(what),
            Raw::Other(what) => Self::Other(what),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// Why a transaction failed. Nothing of it was written, except perhaps after [`Error::Timeout`].
#[derive(Debug)]
pub struct TransactionError {
    /// The step, counted from 0, that could not be applied. `None`: the transaction as a whole failed.
    pub step: Option<usize>,
    pub error: Error,
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step} of the transaction failed"),
            None => f.write_str("the transaction failed"),
        }
    }
}

impl error::Error for TransactionError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<raw::transactions::TransactionError> for TransactionError {
    fn from(error: raw::transactions::TransactionError) -> Self {
        match error {
            raw::transactions::TransactionError::Step(failure) => {
                Self { step: Some(failure.step as usize), error: failure.error.into() }
            }
            raw::transactions::TransactionError::Failed(error) => Self { step: None, error: error.into() },
        }
    }
}
