//! Tries cases: runs each, and says what became of it.

use std::time::Instant;

use mecha_manifest::{
    self as manifest,
    suite::{Case, Expected, Suite},
};
use mecha_runtime::fault::Kind;

use super::{
    bench::Bench,
    case::{self, Glance, How, Run},
    expect,
    plan::Plan,
    report::words,
    run::Runner,
    seen::{Call, End, Seen},
    verdict::{Limit, Tried, Verdict},
};
use crate::summary;

/// Runs cases of an app.
pub struct Trial {
    pub bench: Bench,
}

impl Runner for Trial {
    fn run(&self, suite: &Suite, case: &Case) -> Tried {
        let began = began();
        let (verdict, seen, usage) = match case::run(&self.bench, case, how(case)) {
            Ok(run) => (self.judge(case, &run), run.seen, run.usage),
            Err(error) => (Verdict::Broken(format!("{error:#}")), Seen::default(), Default::default()),
        };
        let (file, name) = (suite.file.clone(), case.name.clone());
        Tried { file, case: name, at: case.at, verdict, seen, usage, notes: vec![], took: began.elapsed() }
    }
}

/// How a case is run by itself: over a disk if its host is to crash.
#[must_use]
pub fn how(case: &Case) -> How {
    How { plan: Plan::new(&case.given.faults, None), ..How::default() }
}

impl Trial {
    fn judge(&self, case: &Case, run: &Run) -> Verdict {
        if !run.unanswered.is_empty() {
            return Verdict::Broken(run.unanswered.join("\n"));
        }
        let mut mismatches = vec![];
        for (glance, (_, expected)) in run.glances.iter().zip(case::expectations(case)) {
            let Glance { seen, replies, .. } = glance;
            mismatches.extend(expect::compare(expected, seen, &run.replies[..*replies]));
        }
        mismatches.extend(expect::compare(&case.then, &run.seen, &run.replies));
        let expected = case::expectations(case).map(|(_, expected)| expected).chain([&case.then]);
        if !expected.into_iter().any(says_faults) {
            if let Some((index, _)) = case::failures(&run.seen).find(|(_, call)| is_limit(call)) {
                return Verdict::Limit(self.limit(&run.seen, index));
            }
            mismatches.extend(expect::unexpected_faults(&case.then, &run.seen, case.at));
        }
        mismatches.extend(expect::bounds(&case.within, &run.usage, run.waited));
        match mismatches.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed(mismatches),
        }
    }

    /// What a call was doing when a limit ended it.
    fn limit(&self, seen: &Seen, index: usize) -> Limit {
        let call = &seen.calls[index];
        let End::Failed(kind, detail) = &call.end else {
            unreachable!("only calls that failed have hit a limit")
        };
        let limits = self.bench.loaded.app.components.iter().find(|meta| meta.name == call.component);
        let limit = limits.map(|meta| limited(*kind, &meta.limits)).unwrap_or_default();
        let stack = detail.lines().skip(1).take(10).map(str::to_owned).collect();
        let top = vec![];
        Limit { component: call.component.clone(), kind: *kind, limit, stack, top }
    }
}

/// What a call was limited to.
fn limited(kind: Kind, limits: &manifest::Limits) -> String {
    match kind {
        Kind::Fuel => limits.fuel.map(|fuel| format!("{} fuel", words::number(fuel))).unwrap_or_default(),
        Kind::Memory => summary::size(limits.memory),
        Kind::Deadline => format!("{:?}", limits.wall_time),
        Kind::Handles => format!("{} resources", limits.handles),
        Kind::Stack => "1 MiB of stack".to_owned(),
        Kind::Answer => format!("an answer of {}", summary::size(limits.held_body)),
        _ => String::new(),
    }
}

fn says_faults(expected: &Expected) -> bool {
    expected.faults.is_some()
}

/// Whether a limit ended a call.
fn is_limit(call: &Call) -> bool {
    matches!(&call.end, End::Failed(kind, _) if kind.limit().is_some())
}

#[expect(clippy::disallowed_methods, reason = "for people only: nothing depends on it")]
fn began() -> Instant {
    Instant::now()
}
