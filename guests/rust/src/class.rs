//! What can be done about an error, whichever part of the host it came from.

use std::{error, time::Duration};

use crate::{bindings, events, invoke, jobs, state};

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It is wrong, and stays wrong when it is repeated.
    Wrong,
    /// It is too large, and stays so.
    TooLarge,
    Conflict,
    /// Something has to be freed first.
    Full,
    /// Try again, after that long if it is said.
    Busy(Option<Duration>),
    /// Try again.
    Unavailable,
    /// Nothing is known that would help.
    Other,
}

/// Looks for the crate's own errors; all others are [`Class::Other`].
pub(crate) fn class_of(error: &(dyn error::Error + 'static)) -> Class {
    if let Some(error) = error.downcast_ref::<state::TransactionError>() {
        return class_of(&error.error);
    }
    if let Some(error) = error.downcast_ref::<state::Error>() {
        return match error {
            state::Error::Busy(after) => Class::Busy(*after),
            state::Error::Unavailable(_) | state::Error::Timeout => Class::Unavailable,
            state::Error::Conflict(_) => Class::Conflict,
            state::Error::QuotaExceeded(_) => Class::Full,
            state::Error::TooLarge(_) => Class::TooLarge,
            state::Error::InvalidArgument(_) => Class::Wrong,
            _ => Class::Other,
        };
    }
    if let Some(error) = error.downcast_ref::<events::Error>() {
        return match error {
            events::Error::Busy(after) => Class::Busy(*after),
            events::Error::Unavailable(_) | events::Error::Timeout => Class::Unavailable,
            events::Error::QuotaExceeded(_) => Class::Full,
            events::Error::TooLarge(_) => Class::TooLarge,
            events::Error::InvalidArgument(_) => Class::Wrong,
            _ => Class::Other,
        };
    }
    if let Some(error) = error.downcast_ref::<invoke::Error>() {
        return match error {
            invoke::Error::Busy(after) => Class::Busy(*after),
            invoke::Error::Unavailable(_) | invoke::Error::Timeout => Class::Unavailable,
            invoke::Error::QuotaExceeded(_) => Class::Full,
            invoke::Error::TooLarge(_) => Class::TooLarge,
            invoke::Error::InvalidArgument(_) => Class::Wrong,
            invoke::Error::Fault(fault) => match fault.kind {
                invoke::FaultKind::Unavailable => Class::Unavailable,
                invoke::FaultKind::Conflict => Class::Conflict,
                invoke::FaultKind::InvalidRequest | invoke::FaultKind::UnknownMethod => Class::Wrong,
                _ => Class::Other,
            },
            _ => Class::Other,
        };
    }
    if let Some(error) = error.downcast_ref::<bindings::Error>() {
        return match error {
            bindings::Error::Busy(after) => Class::Busy(*after),
            bindings::Error::Unavailable(_) | bindings::Error::Timeout => Class::Unavailable,
            bindings::Error::QuotaExceeded(_) => Class::Full,
            bindings::Error::TooLarge(_) => Class::TooLarge,
            bindings::Error::InvalidArgument(_) | bindings::Error::NoSuchOperation(_) => Class::Wrong,
            _ => Class::Other,
        };
    }
    if let Some(error) = error.downcast_ref::<jobs::Error>() {
        return match error {
            jobs::Error::Busy(after) => Class::Busy(*after),
            jobs::Error::Unavailable(_) => Class::Unavailable,
            jobs::Error::AlreadyExists(_) => Class::Conflict,
            jobs::Error::QuotaExceeded(_) => Class::Full,
            jobs::Error::TooLarge(_) => Class::TooLarge,
            jobs::Error::InvalidArgument(_) => Class::Wrong,
            _ => Class::Other,
        };
    }
    if error.is::<serde_json::Error>() { Class::Wrong } else { Class::Other }
}

/// The error and all that lies behind it, in a line.
pub(crate) fn chain(error: &dyn error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

#[expect(clippy::print_stderr, reason = "stderr is the component's log")]
pub(crate) fn log(line: &str) {
    eprintln!("error: {line}");
}

/// To the millisecond, and at least one.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
