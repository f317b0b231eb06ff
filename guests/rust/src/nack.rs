//! Why something that was delivered was not accepted: events, runs of jobs and inputs have this in common.

use std::{error, fmt, time::Duration};

use crate::class::{Class, chain, class_of, log, millis};

/// Why a delivery was not accepted.
///
/// Every [`std::error::Error`] becomes one through `?`, and goes to stderr, which is the component's log:
///
/// - JSON that has not the expected shape, an argument that is malformed or too large: a [`Nack::Reject`], for
///   they would be the same the next time;
/// - what is busy and says for how long: a [`Nack::Retry`] after that time;
/// - anything else: a [`Nack::Retry`] after the time that the retry policy has for it.
///
/// ```no_run
/// use mecha_guest::{events::{Delivery, Nack, Subscriber}, state::Store};
/// # #[derive(serde::Deserialize)] struct Order { total: u64 }
///
/// struct App;
///
/// impl Subscriber for App {
///     fn handle(delivery: Delivery) -> Result<(), Nack> {
///         let order: Order = delivery.event.json()?;
///         if order.total == 0 {
///             return Err(Nack::reject("an order of nothing"));
///         }
///         Store::open("main")?.set(&delivery.event.id, order.total.to_string())?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nack {
    /// Again, not before this time has passed; `None` leaves that to the retry policy. When the policy has no
    /// attempts left, it is given up.
    Retry(Option<Duration>),
    /// Given up now, for the next time would be no better. The text goes to the log, and with a dead letter.
    Reject(String),
}

impl Nack {
    /// Again, when the retry policy says.
    #[must_use]
    pub fn retry() -> Self {
        Self::Retry(None)
    }

    /// Again, not before this time has passed.
    #[must_use]
    pub fn retry_after(time: Duration) -> Self {
        Self::Retry(Some(time))
    }

    /// Given up, and why.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }
}

impl<E: error::Error + 'static> From<E> for Nack {
    fn from(error: E) -> Self {
        let line = chain(&error);
        log(&line);
        match class_of(&error) {
            Class::Wrong | Class::TooLarge => Self::Reject(line),
            Class::Busy(after) => Self::Retry(after),
            Class::Conflict | Class::Full | Class::Unavailable | Class::Other => Self::Retry(None),
        }
    }
}

impl fmt::Display for Nack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(None) => f.write_str("to be tried again"),
            Self::Retry(Some(after)) => write!(f, "to be tried again after {} ms", millis(*after)),
            Self::Reject(reason) => write!(f, "rejected: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bindings, events, invoke, jobs, state};

    #[test]
    fn an_error_is_rejected_only_if_it_would_be_the_same_again() {
        let after = Duration::from_millis(70);
        let cases: [(Nack, Option<Nack>); 9] = [
            (state::Error::Timeout.into(), Some(Nack::retry())),
            (state::Error::Busy(Some(after)).into(), Some(Nack::retry_after(after))),
            (events::Error::QuotaExceeded("full".into()).into(), Some(Nack::retry())),
            (events::Error::InvalidArgument("id".into()).into(), None),
            (invoke::Error::DepthExceeded.into(), Some(Nack::retry())),
            (invoke::Error::Fault(invoke::Fault::invalid_request("no item")).into(), None),
            (bindings::Error::NoSuchOperation("drop".into()).into(), None),
            (jobs::Error::TooLarge(3).into(), None),
            (std::io::Error::other("?").into(), Some(Nack::retry())),
        ];
        for (nack, expected) in cases {
            match expected {
                Some(expected) => assert_eq!(nack, expected),
                None => assert!(matches!(nack, Nack::Reject(_)), "{nack}"),
            }
        }
    }

    #[test]
    fn data_of_another_shape_is_rejected_with_its_reason() {
        let parsed: Result<u32, Nack> = serde_json::from_str::<u32>("\"ten\"").map_err(Nack::from);
        assert!(parsed.unwrap_err().to_string().contains("expected u32"));
    }
}
