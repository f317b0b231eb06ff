//! Calls that ended without an answer.

use mecha_manifest::{Span, suite::Expected};
use mecha_primitives::name;
use mecha_runtime::fault::Kind;

use super::texts;
use crate::testing::{
    seen::{End, Seen},
    verdict::Mismatch,
};

/// How a call ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Which of [`Seen::calls`].
    pub index: usize,
    pub component: &'a name::Component,
    pub kind: Kind,
    pub detail: &'a str,
}

/// All that ended so, in the order in which they began.
pub fn of(seen: &Seen) -> impl Iterator<Item = Ended<'_>> {
    seen.calls.iter().enumerate().filter_map(|(index, call)| match &call.end {
        End::Failed(kind, detail) => Some(Ended { index, component: &call.component, kind: *kind, detail }),
        End::Answered | End::Running => None,
    })
}

/// All of them, if the case says nothing about `faults`. `at` is where the case is.
#[must_use]
pub fn unexpected_faults(expected: &Expected, seen: &Seen, at: Span) -> Vec<Mismatch> {
    if expected.faults.is_some() {
        return vec![];
    }
    let mismatch = |Ended { index, component, kind, detail }: Ended<'_>| {
        let why = texts::visible(detail.trim_end());
        let colon = if why.is_empty() { "" } else { ": " };
        Mismatch {
            at,
            what: "faults".to_owned(),
            expected: "an answer from each call; or, if none is meant, `faults` says so".to_owned(),
            found: texts::cut(&format!("{} of {component}{colon}{why}", kind.as_str()), texts::MOST),
            steps: seen.led_to_end(index),
        }
    };
    of(seen).map(mismatch).collect()
}
