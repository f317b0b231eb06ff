//! Why a job was not scheduled.

use std::{error, fmt, time::Duration};

use super::raw::types::Error as Raw;

/// Why a job was not scheduled, found or cancelled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A job of that name is there already.
    AlreadyExists(String),
    NoSuchJob(String),
    /// The component's configuration does not let it schedule jobs.
    AccessDenied(String),
    /// The name, the schedule or an option is malformed.
    InvalidArgument(String),
    /// The data is larger than this many bytes.
    TooLarge(u64),
    QuotaExceeded(String),
    /// Try again after this long.
    Busy(Option<Duration>),
    Unavailable(String),
    /// Any other failure. The text is for people, not for matching.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyExists(name) => write!(f, "there is a job `{name}` already"),
            Self::NoSuchJob(name) => write!(f, "there is no job `{name}`"),
            Self::AccessDenied(what) => write!(f, "access denied: {what}"),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::TooLarge(limit) => write!(f, "the job is larger than {limit} bytes"),
            Self::QuotaExceeded(what) => write!(f, "quota exceeded: {what}"),
            Self::Busy(_) => f.write_str("the scheduler is busy"),
            Self::Unavailable(what) => write!(f, "the scheduler is unavailable: {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl error::Error for Error {}

impl From<Raw> for Error {
    fn from(error: Raw) -> Self {
        match error {
            Raw::AlreadyExists(name) => Self::AlreadyExists(name),
            Raw::NoSuchJob(name) => Self::NoSuchJob(name),
            Raw::AccessDenied(what) => Self::AccessDenied(what),
            Raw::InvalidArgument(what) => Self::InvalidArgument(what),
            Raw::TooLarge(limit) => Self::TooLarge(limit),
            Raw::QuotaExceeded(what) => Self::QuotaExceeded(what),
            Raw::Busy(after) => Self::Busy(after.map(Duration::from_millis)),
            Raw::Unavailable(what) => Self::Unavailable(what),
            Raw::Other(what) => Self::Other(what),
        }
    }
}
