//! What a component is to do at given times.

use std::time::Duration;

use mecha_primitives::{delivery::Retry, name};

use super::{Span, Spanned};

/// Times at which a component's job handler is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub name: name::Schedule,
    pub due: Due,
    /// A component of the app.
    pub to: Spanned<name::Component>,
    /// What the handler is given; at most 64 KiB.
    pub data: Option<String>,
    /// Of the data; given if and only if there is some.
    pub content_type: Option<String>,
    pub missed: Missed,
    pub retry: Retry,
    /// `None`: as the component says.
    pub atomic: Option<bool>,
    /// Of its name.
    pub at: Span,
}

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    Cron {
        /// Five fields, or six with the seconds first.
        expression: Spanned<String>,
        /// An IANA name.
        time_zone: Spanned<String>,
    },
    /// Again and again, this long after the time before.
    Every(Duration),
}

/// What happens to times that passed while nothing could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    Skip,
    /// One run makes up for all of them.
    RunOnce,
    RunAll,
}
