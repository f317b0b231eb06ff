//! From WIT to the primitive and back.

use std::time::Duration;

use mecha_primitives::{
    class::Class,
    commit::{Expect, Version},
    state::{self as seam, Action, Applied, Failure, Key, Step},
};

use crate::{
    bindings::mecha::state::{
        transactions::{StepFailure, TransactionError},
        types::{Error, Item, Precondition},
    },
    gate::Refused,
};

pub(super) fn step(
    key: &str,
    precondition: Option<Precondition>,
    action: Action,
) -> Result<Step, seam::Error> {
    Ok(Step { key: Key::new(key)?, expect: precondition.map(expect), action })
}

fn expect(precondition: Precondition) -> Expect {
    match precondition {
        Precondition::Absent => Expect::Absent,
        Precondition::Present => Expect::Present,
        // Tags are opaque, and guests pass on what clients send: one that is none is no version of this value.
        Precondition::Matches(etag) => Expect::Version(etag.parse().unwrap_or(Version::NEVER)),
    }
}

pub(super) fn ttl(ms: Option<u64>) -> Result<Option<Duration>, seam::Error> {
    match ms {
        Some(0) => Err(seam::Error::InvalidArgument("a time to live of 0 ms: delete the key instead".into())),
        other => Ok(other.map(Duration::from_millis)),
    }
}

pub(super) fn etag(applied: Applied) -> String {
    applied.version.map(|version| version.to_string()).unwrap_or_default()
}

/// A cursor names the last key shown. It cannot lead out of the range, nor out of the store's scope.
pub(super) fn cursor_behind(last: &Key) -> String {
    format!("after:{}", last.as_str())
}

pub(super) fn after(cursor: &str) -> Result<String, seam::Error> {
    let key = cursor.strip_prefix("after:").filter(|key| !key.is_empty());
    key.map(str::to_owned)
        .ok_or_else(|| seam::Error::InvalidArgument("this is no cursor that `scan` returned".into()))
}

impl From<seam::Item> for Item {
    fn from(item: seam::Item) -> Self {
        Self {
            value: item.value.into(),
            etag: item.version.to_string(),
            content_type: item.content_type.map(|text| text.to_string()),
            expires_at_ms: item.expires_at.map(|at| at.0),
        }
    }
}

impl From<seam::Error> for Error {
    fn from(error: seam::Error) -> Self {
        use seam::Error as E;
        let ms = |after: Duration| u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        match error {
            E::NoSuchStore(name) => Self::NoSuchStore(name),
            E::AccessDenied(why) => Self::AccessDenied(why),
            E::InvalidArgument(why) => Self::InvalidArgument(why),
            E::TooLarge(limit) => Self::TooLarge(limit),
            E::Conflict(found) => Self::Conflict(found.map(|version| version.to_string())),
            E::Unsupported(what) => Self::Unsupported(what),
            E::QuotaExceeded(why) => Self::QuotaExceeded(why),
            E::Busy(after) => Self::Busy(after.map(ms)),
            E::Timeout => Self::Timeout,
            // The operator's log has the reason; a path or an errno is not for guests.
            E::Unavailable(_) => Self::Unavailable("the store cannot be reached for now".into()),
            E::Other(why) => Self::Other(why),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(missing) => Self::AccessDenied(missing),
            Refused::Injected(class) => match class {
                Class::Busy(_) => Self::Busy(None),
                Class::Timeout => Self::Timeout,
                Class::Conflict => Self::Conflict(None),
                Class::Quota => Self::QuotaExceeded("injected".into()),
                Class::Unavailable => Self::Unavailable("injected".into()),
                other => Self::Other(format!("injected: {other}")),
            },
        }
    }
}

pub(super) fn at(index: usize, error: Error) -> StepFailure {
    StepFailure { step: u32::try_from(index).unwrap_or(u32::MAX), error }
}

impl From<Failure> for TransactionError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Step(index, error) => Self::Step(at(index, error.into())),
            Failure::Whole(error) => Self::Failed(error.into()),
        }
    }
}
