//! The host calls of a case, what went wrong among them, and what came of it.

use super::{Attempt, crash, fail, usual::Usual};
use crate::testing::{
    case::{Run, numbered},
    plan::Deed,
    seen::{HostCall, Reply},
};

/// Host calls that are shown before and after.
const SHOWN: usize = 12;

pub(super) fn sequence(usual: &Usual<'_>, attempt: &Attempt, run: &Run) -> Vec<String> {
    let before = usual.calls_before(attempt.at);
    let steps = &run.seen.steps;
    let Some(point) = usual.points.get(attempt.at) else { return vec![] };
    let struck = if point.is_between() { before } else { (before + 1).min(steps.len()) };
    let mut told =
        Told { run, several: usual.bench.loaded.app.components.len() > 1, number: 0, lines: vec![] };
    told.calls(&steps[..before.min(steps.len())], true);
    let is_crash = attempt.deed == Deed::Crash;
    match (steps.get(before).filter(|_| !point.is_between()), is_crash) {
        (Some(step), true) => {
            told.call(step, Some("the host crashes before this".to_owned()));
        }
        (Some(step), false) => told.call(step, Some(fail::moment(attempt.deed))),
        (None, true) => told.lines.push(crash::moment(point).to_owned()),
        (None, false) => told.lines.push("what the call did cannot be committed".to_owned()),
    }
    let rest = &steps[struck..];
    if is_crash {
        told.lines.push(
            "it begins again: who has no answer asks again, what is not settled is delivered again".into(),
        );
    }
    told.calls(rest, false);
    if let Some(reply) = point.cause.and_then(|number| numbered(&usual.case, number)) {
        told.lines.extend(run.replies.get(reply).and_then(answer));
    }
    told.lines
}

struct Told<'a> {
    run: &'a Run,
    several: bool,
    number: usize,
    lines: Vec<String>,
}

impl Told<'_> {
    /// The last of them, or the first.
    fn calls(&mut self, steps: &[HostCall], last: bool) {
        let steps: Vec<_> = steps.iter().filter(|step| step.verb != "open").collect();
        let left = steps.len().saturating_sub(SHOWN);
        if last && left > 0 {
            self.lines.push(format!("… {left} host calls"));
            self.number += left;
        }
        let shown = if last { &steps[left..] } else { &steps[..steps.len() - left] };
        shown.iter().for_each(|step| self.call(step, None));
        if !last && left > 0 {
            self.lines.push(format!("… {left} more host calls"));
        }
    }

    fn call(&mut self, step: &HostCall, fate: Option<String>) {
        self.number += 1;
        let component = self.run.seen.calls.get(step.call).filter(|_| self.several);
        let component = component.map(|call| format!("{}: ", call.component)).unwrap_or_default();
        let HostCall { primitive, verb, about, outcome, answer, .. } = step;
        let asked = format!("{:>2}  {component}{primitive}.{verb} {about}", self.number);
        let told = match (fate, outcome) {
            (Some(fate), _) => format!("  ← {fate}"),
            (None, Some("ok")) if answer.is_empty() => String::new(),
            (None, Some("ok")) => format!(" → {answer}"),
            (None, Some(error)) => format!(" → {error}"),
            (None, None) => String::new(),
        };
        self.lines.push(format!("{}{told}", asked.trim_end()));
    }
}

fn answer(reply: &Reply) -> Option<String> {
    Some(match reply {
        Reply::Http { status, .. } => format!("at last the client is told {}", status.as_u16()),
        Reply::Invoked(Ok(_)) => "at last the caller has an answer".to_owned(),
        Reply::Invoked(Err(error)) => format!("at last the caller is told {}", error.kind),
        Reply::Lost => "the client has no answer".to_owned(),
        Reply::None => return None,
    })
}
