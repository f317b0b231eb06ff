//! Calls that ended without an answer.

use mecha_manifest::{Span, suite::Expected};
use mecha_primitives::name;
use mecha_runtime::fault::Kind;

use super::texts;
use crate::testing::{
    seen::{End, Seen},
    stack,
    verdict::Mismatch,
};

/// Frames of a guest's stack that are shown.
const FRAMES: usize = 10;

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
        let why = stack::cause(detail);
        let colon = if why.is_empty() { "" } else { ": " };
        let frames = stack::telling(stack::frames(component.as_str(), detail));
        let frames = frames.iter().take(FRAMES).map(|frame| format!("\n  in {}", frame.function));
        let frames: String = frames.collect();
        let told = texts::visible(&format!("{} of {component}{colon}{why}{frames}", kind.as_str()));
        Mismatch {
            at,
            what: "faults".to_owned(),
            expected: "an answer from each call; or, if none is meant, `faults` says so".to_owned(),
            found: texts::cut(&told, texts::MOST),
            steps: seen.led_to_end(index),
        }
    };
    of(seen).map(mismatch).collect()
}
