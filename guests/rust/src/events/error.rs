//! Why an event was not published.

use std::{error, fmt, time::Duration};

use super::raw::types::Error as Raw;

/// Why an event was not published.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The component's configuration grants no topic of that name.
    NoSuchTopic(String),
    /// The component may not publish this: its type or source, say.
    AccessDenied(String),
    /// An attribute or an option is malformed.
    InvalidArgument(String),
    /// The event is larger than this many bytes.
    TooLarge(u64),
    Unsupported(String),
    /// The topic holds as much as it may; nothing was published.
    QuotaExceeded(String),
    /// Too many publications for now; try again after this long.
    Busy(Option<Duration>),
    /// The event may or may not have been taken. To publish it again is safe if it has an id of its own.
    Timeout,
    Unavailable(String),
    /// Any other failure. The text is for people, not for matching.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchTopic(name) => write!(f, "no topic `{name}` is granted"),
            Self::AccessDenied(what) => write!(f, "access denied: {what}"),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::TooLarge(limit) => write!(f, "the event is larger than {limit} bytes"),
            Self::Unsupported(what) => write!(f, "unsupported: {what}"),
            Self::QuotaExceeded(what) => write!(f, "quota exceeded: {what}"),
            Self::Busy(_) => f.write_str("the topic is busy"),
            Self::Timeout => f.write_str("the topic did not answer in time"),
            Self::Unavailable(what) => write!(f, "the topic is unavailable: {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl error::Error for Error {}

impl From<Raw> for Error {
    fn from(error: Raw) -> Self {
        match error {
            Raw::NoSuchTopic(name) => Self::NoSuchTopic(name),
            Raw::AccessDenied(what) => Self::AccessDenied(what),
            Raw::InvalidArgument(what) => Self::InvalidArgument(what),
            Raw::TooLarge(limit) => Self::TooLarge(limit),
            Raw::Unsupported(what) => Self::Unsupported(what),
            Raw::QuotaExceeded(what) => Self::QuotaExceeded(what),
            Raw::Busy(after) => Self::Busy(after.map(Duration::from_millis)),
            Raw::Timeout => Self::Timeout,
            Raw::Unavailable(what) => Self::Unavailable(what),
            Raw::Other(what) => Self::Other(what),
        }
    }
}
