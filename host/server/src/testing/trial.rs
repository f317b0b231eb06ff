//! Tries cases: runs each, and says what became of it.

use std::{collections::BTreeSet, time::Instant};

use mecha_manifest::{
    self as manifest,
    suite::{Case, Expected, Fault, Strike, Suite},
};
use mecha_runtime::fault::Kind;

use super::{
    bench::Bench,
    case::{self, Glance, How, Run},
    expect,
    fuel::profile::profile,
    measure::{Measure, Said},
    plan::Plan,
    report::words,
    run::Runner,
    sampler::Stretch,
    search::{Searched, Wanted},
    seen::{Call, End, Seen},
    stack, storage,
    verdict::{Limit, Tried, Verdict},
};
use crate::summary;

/// Runs cases of an app.
pub struct Trial {
    pub bench: Bench,
    pub measure: Measure,
    pub wanted: Wanted,
}

impl Runner for Trial {
    fn run(&self, suite: &Suite, case: &Case) -> Tried {
        let began = began();
        let (file, name) = (suite.file.clone(), case.name.clone());
        let run = match self.bench.test(&suite.file) {
            Some(test) => test.run(&self.bench, &name, how(case).plan),
            None => case::run(&self.bench, case, how(case)).map(|run| (run, Ok(()))),
        };
        let (verdict, seen, usage, notes) = match run {
            Ok((run, Err(why))) => (Verdict::Said(why), run.seen, run.usage, vec![]),
            Ok((run, Ok(()))) => {
                let (verdict, notes) = self.tried(suite, case, &run);
                (verdict, run.seen, run.usage, notes)
            }
            Err(error) => (broken(&error), Seen::default(), Default::default(), vec![]),
        };
        Tried { file, case: name, at: case.at, verdict, seen, usage, notes, took: began.elapsed() }
    }

    fn finish(&self, exist: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
        self.measure.finish(exist)
    }
}

/// How a case is run by itself: over a disk if its host is to crash.
#[must_use]
pub fn how(case: &Case) -> How {
    let crashes = |fault: &Fault| matches!(fault.strike, Strike::CrashBefore | Strike::CrashAfter);
    let storage = case.given.faults.iter().any(crashes).then(|| storage::simulated(case.given.seed));
    How { plan: Plan::new(&case.given.faults, None), storage, ..How::default() }
}

impl Trial {
    /// What became of a case that ran, and what else is to be said of it.
    fn tried(&self, suite: &Suite, case: &Case, run: &Run) -> (Verdict, Vec<String>) {
        // A component that has passed has judged itself.
        let verdict = match self.bench.test(&suite.file) {
            Some(_) => Verdict::Passed,
            None => self.judge(case, run),
        };
        if !matches!(verdict, Verdict::Passed) {
            return (verdict, vec![]);
        }
        if self.wanted.is_some() {
            return match self.wanted.search(&self.bench, case) {
                Ok(Searched { findings, notes }) if findings.is_empty() => (Verdict::Passed, notes),
                Ok(Searched { findings, notes }) => (Verdict::Found(findings), notes),
                Err(error) => (broken(&error), vec![]),
            };
        }
        match self.measure.look(&self.bench, suite, case, run) {
            Ok(Said { wrong: Some(why), .. }) => (Verdict::Fuel(why), vec![]),
            Ok(Said { note, .. }) => (Verdict::Passed, note.into_iter().collect()),
            Err(error) => (broken(&error), vec![]),
        }
    }

    fn judge(&self, case: &Case, run: &Run) -> Verdict {
        if !run.unanswered.is_empty() {
            return Verdict::Broken(run.unanswered.join("\n"));
        }
        let mut mismatches = vec![];
        for (glance, expected) in run.glances.iter().zip(case::expectations(case)) {
            let Glance { seen, replies, .. } = glance;
            mismatches.extend(expect::compare(expected, seen, &run.replies[..*replies]));
        }
        mismatches.extend(expect::compare(&case.then, &run.seen, &run.replies));
        let expected = case::expectations(case).chain([&case.then]);
        if !expected.into_iter().any(says_faults) {
            if let Some((index, _)) = case::failures(&run.seen).find(|(_, call)| is_limit(call)) {
                return Verdict::Limit(self.limit(case, &run.seen, index));
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
    fn limit(&self, case: &Case, seen: &Seen, index: usize) -> Limit {
        let call = &seen.calls[index];
        let (kind, detail) = match &call.end {
            End::Failed(kind, detail) => (kind, &**detail),
            End::Answered | End::Running => (&Kind::Host, ""),
        };
        let limits = self.bench.loaded.app.components.iter().find(|meta| meta.name == call.component);
        let limit = limits.map(|meta| limited(*kind, &meta.limits)).unwrap_or_default();
        let frames = stack::telling(stack::frames(call.component.as_str(), detail));
        let stack = frames.into_iter().map(|frame| frame.function).collect();
        let top = match kind {
            Kind::Fuel => self.top(case, seen, index),
            _ => vec![],
        };
        Limit { component: call.component.clone(), kind: *kind, limit, stack, top }
    }

    /// The functions that used most of a call's fuel, as far as it is looked at.
    fn top(&self, case: &Case, seen: &Seen, index: usize) -> Vec<(String, u64)> {
        let call = std::slice::from_ref(&seen.calls[index]);
        let stretch = Stretch::new(&self.bench, case, call).beginning_at(index).up_to(LOOKED_AT);
        let functions = profile(&stretch, SAMPLES).by_function().functions;
        let mut own: Vec<_> = functions.into_values().flatten().collect();
        own.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        own.truncate(NAMED);
        own
    }
}

/// Fuel of a call that is looked at for the functions that used most: enough to see a loop.
const LOOKED_AT: u64 = 50_000_000;
const SAMPLES: usize = 60;
/// Functions that are named.
const NAMED: usize = 5;

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

fn broken(error: &anyhow::Error) -> Verdict {
    Verdict::Broken(format!("{error:#}"))
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
