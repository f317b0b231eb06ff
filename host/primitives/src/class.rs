//! What a caller can do about an error, whichever primitive it comes from.

use std::{fmt, time::Duration};

/// The class of an error at a seam. Only [`Busy`](Class::Busy) and
/// [`Unavailable`](Class::Unavailable) are worth a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The caller's mistake.
    Invalid,
    /// Not granted.
    Denied,
    /// No such thing is configured.
    NotFound,
    /// Another writer was first.
    Conflict,
    /// Larger than a documented limit.
    TooLarge,
    /// A quota is used up; repeating does not help until something is freed.
    Quota,
    /// The backend cannot do this at all.
    Unsupported,
    /// Too much at once; try again, after this long if it is known.
    Busy(Option<Duration>),
    /// It may or may not have happened.
    Timeout,
    /// Out of reach for now.
    Unavailable,
    /// Anything else.
    Internal,
}

impl Class {
    /// Each of them.
    pub const ALL: [Self; 11] = [
        Self::Invalid,
        Self::Denied,
        Self::NotFound,
        Self::Conflict,
        Self::TooLarge,
        Self::Quota,
        Self::Unsupported,
        Self::Busy(None),
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The one of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unavailable)
    }

    /// A word for logs and metrics: a small, fixed set.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::Quota => "quota",
            Self::Unsupported => "unsupported",
            Self::Busy(_) => "busy",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
