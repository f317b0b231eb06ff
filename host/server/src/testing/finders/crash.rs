//! Where a crash of the host loses or doubles something: before and after each host call with an effect, and before each
//! commit, settlement and answer.

use std::collections::BTreeSet;

use super::{
    Attempt, Wrong,
    usual::{Point, Usual},
};
use crate::testing::plan::Deed;

/// Each crash that is worth trying.
pub(super) fn attempts(usual: &Usual<'_>) -> Vec<Attempt> {
    let points = &usual.points;
    let mut at = BTreeSet::new();
    for (index, point) in points.iter().enumerate() {
        if point.is_between() {
            at.insert(index);
        }
        if point.changes {
            at.insert(index);
            // After it is before whatever its call does next; before anything at all, if that was its last.
            let rest = || points.iter().enumerate().skip(index + 1).filter(|(_, next)| next.verb != "open");
            let next = rest().find(|(_, next)| next.call == point.call).or_else(|| rest().next());
            at.extend(next.map(|(next, _)| next));
        }
    }
    at.into_iter().map(attempt).collect()
}

fn attempt(at: usize) -> Attempt {
    Attempt { at, deed: Deed::Crash, token: format!("crash:{at}") }
}

pub(super) fn parse(token: &str) -> Option<Attempt> {
    token.strip_prefix("crash:")?.parse().ok().map(attempt)
}

/// Whatever the host was doing, in the end it is as if it had not crashed.
pub(super) fn judge(usual: &Usual<'_>, attempt: &Attempt) -> anyhow::Result<Option<Wrong>> {
    let (run, picture) = usual.disturbed(attempt.at, attempt.deed)?;
    let what = picture.differs_from(&usual.picture, &usual.masks);
    Ok((!what.is_empty()).then_some(Wrong { what, run }))
}

/// What the host was about to do.
pub(super) fn moment(point: &Point) -> &'static str {
    match point.verb {
        "commit" => "the host crashes before what the call did is committed",
        "end" => "the host crashes when the call has ended well, before what triggered it is settled",
        "answer" => "the host crashes before the client has its answer",
        _ => "the host crashes before the next step",
    }
}
