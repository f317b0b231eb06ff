//! Where a failure of a host call loses or doubles something: each host call with each error that its interface allows.
//!
//! Conflicts are left out: one that has no other writer behind it tells the component what is not so.

use super::{
    Attempt, Wrong,
    usual::{Point, Usual},
};
use crate::testing::{
    case::{is_refused, numbered},
    plan::Deed,
    seen::Reply,
};
use mecha_primitives::class::Class;

/// What is done to an operation, by its name in tokens.
const DEEDS: &[(&str, Deed)] = &[
    ("unavailable", Deed::Fail(Class::Unavailable)),
    ("timeout", Deed::Fail(Class::Timeout)),
    // It happens, and who asked is told that it timed out.
    ("timeout-lost", Deed::Lose),
    ("busy", Deed::Fail(Class::Busy(None))),
    ("quota", Deed::Fail(Class::Quota)),
];

/// Which of them an operation can come to.
fn errors(point: &Point) -> &'static [&'static str] {
    const READ: &[&str] = &["unavailable", "timeout", "busy"];
    const CHANGE: &[&str] = &["unavailable", "timeout", "timeout-lost", "busy"];
    const KEEP: &[&str] = &["unavailable", "timeout", "timeout-lost", "busy", "quota"];
    match (point.primitive, point.verb) {
        ("call", "commit") => &["unavailable"],
        ("call", _) | (_, "open") => &[],
        ("state", verb) if verb.starts_with("execute-") => &[],
        ("state" | "pubsub", _) if point.changes => KEEP,
        ("jobs", "schedule") => KEEP,
        _ if point.changes => CHANGE,
        _ => READ,
    }
}

/// Each failure that is worth trying.
pub(super) fn attempts(usual: &Usual<'_>) -> Vec<Attempt> {
    let points = usual.points.iter().enumerate();
    let all = points.flat_map(|(at, point)| errors(point).iter().filter_map(move |name| attempt(at, name)));
    all.collect()
}

fn attempt(at: usize, name: &str) -> Option<Attempt> {
    let (name, deed) = DEEDS.iter().find(|(known, _)| *known == name)?;
    Some(Attempt { at, deed: *deed, token: format!("fail:{at}:{name}") })
}

pub(super) fn parse(token: &str) -> Option<Attempt> {
    let (at, name) = token.strip_prefix("fail:")?.split_once(':')?;
    attempt(at.parse().ok()?, name)
}

/// Who was told of a failure has asked again, so that in the end it is as if there had been none. Who was refused for good
/// may also find that nothing has happened.
pub(super) fn judge(usual: &Usual<'_>, attempt: &Attempt) -> anyhow::Result<Option<Wrong>> {
    let (run, picture) = usual.disturbed(attempt.at, attempt.deed)?;
    let what = picture.differs_from(&usual.picture, &usual.masks);
    if what.is_empty() {
        return Ok(None);
    }
    let cause = usual.points.get(attempt.at).and_then(|point| point.cause);
    if let Some(number) = cause
        && let Some(reply) = numbered(&usual.case, number)
        && run.replies.get(reply).is_some_and(is_refused_for_good)
        && !usual.run.replies.get(reply).is_some_and(is_refused_for_good)
        && picture.differs_from(&usual.without(number)?, &usual.masks).is_empty()
    {
        return Ok(None);
    }
    Ok(Some(Wrong { what, run }))
}

fn is_refused_for_good(reply: &Reply) -> bool {
    matches!(reply, Reply::Http { status, .. } if status.is_client_error()) && !is_refused(reply)
}

/// What became of the operation.
pub(super) fn moment(deed: Deed) -> String {
    match deed {
        Deed::Lose => "it happens, and the component is told: timeout".to_owned(),
        Deed::Fail(class) => format!("it does not happen, and the component is told: {class}"),
        _ => String::new(),
    }
}
