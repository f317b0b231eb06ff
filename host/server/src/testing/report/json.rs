//! A run as a program reads it: a JSON object a line for each case, then one for the whole. Documented in `docs/cli.md`.

use std::{collections::BTreeSet, io, time::Duration};

use mecha_manifest::{
    Span,
    suite::{Case, Suite},
};
use serde_json::{Value, json};

use super::Report;
use crate::testing::{
    run::Summary,
    seen::Seen,
    verdict::{Finding, Limit, Mismatch, Tried, Verdict},
};

/// Tells programs.
#[derive(Debug)]
pub struct Json<W> {
    to: W,
    /// Whether the host calls of every case are told.
    trace: bool,
}

impl<W: io::Write> Json<W> {
    pub fn new(to: W, trace: bool) -> Self {
        Self { to, trace }
    }

    /// Nobody has to read to the end: what can no longer be written is left out.
    fn say(&mut self, value: &Value) {
        _ = self.to.write_all(format!("{value}\n").as_bytes());
    }
}

/// A case that is there, as `--list` tells of it.
#[must_use]
pub fn listed(suite: &Suite, case: &Case) -> Value {
    place(&suite.file, &case.name, case.at)
}

impl<W: io::Write> Report for Json<W> {
    fn tried(&mut self, tried: &Tried) {
        let mut value = place(&tried.file, &tried.case, tried.at);
        value["verdict"] = verdict(&tried.verdict).into();
        value["took-ms"] = millis(tried.took);
        value["fuel"] = tried.usage.fuel.into();
        value["memory"] = tried.usage.memory.into();
        value["host-calls"] = tried.usage.host_calls.into();
        value["output"] = tried.usage.output.into();
        match &tried.verdict {
            Verdict::Passed => {}
            Verdict::Failed(mismatches) => {
                value["mismatches"] = mismatches.iter().map(mismatch).collect();
            }
            Verdict::Limit(limit) => value["limit"] = self::limit(limit),
            Verdict::Found(findings) => value["found"] = findings.iter().map(finding).collect(),
            Verdict::Said(why) | Verdict::Fuel(why) | Verdict::Broken(why) => {
                value["why"] = why.as_str().into();
            }
        }
        if !tried.notes.is_empty() {
            value["notes"] = tried.notes.clone().into();
        }
        if !tried.has_passed() {
            value["printed"] = tried.seen.lines.iter().rev().take(LINES).rev().map(printed).collect();
        }
        let steps = match &tried.verdict {
            _ if self.trace => (0..tried.seen.steps.len()).collect(),
            Verdict::Failed(mismatches) => {
                mismatches.iter().flat_map(|one| one.steps.iter().copied()).collect()
            }
            _ => BTreeSet::new(),
        };
        if !steps.is_empty() {
            value["steps"] = steps.into_iter().filter_map(|i| step(&tried.seen, i)).collect();
        }
        self.say(&value);
    }

    fn not_run(&mut self, suite: &Suite, case: &Case) {
        let mut value = listed(suite, case);
        value["verdict"] = "not-run".into();
        self.say(&value);
    }

    fn end(&mut self, summary: &Summary) {
        let Summary { passed, failed, limits, broken, not_run, took, fuel } = *summary;
        self.say(&json!({
            "summary": {
                "passed": passed,
                "failed": failed,
                "limit": limits,
                "broken": broken,
                "not-run": not_run,
                "took-ms": millis(took),
                "fuel": fuel,
            }
        }));
        _ = self.to.flush();
    }
}

/// Lines that components printed, of one case.
const LINES: usize = 100;

fn place(file: &str, case: &str, at: Span) -> Value {
    json!({ "case": case, "file": file, "line": at.line })
}

fn finding(finding: &Finding) -> Value {
    json!({ "finder": finding.finder, "text": finding.text, "replay": finding.replay })
}

fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) | Verdict::Said(_) => "failed",
        Verdict::Fuel(_) => "fuel",
        Verdict::Found(_) => "found",
        Verdict::Limit(_) => "limit",
        Verdict::Broken(_) => "broken",
    }
}

/// With three digits: a case takes less than a millisecond.
fn millis(took: Duration) -> Value {
    (took.as_micros() as f64 / 1000.0).into()
}

fn mismatch(mismatch: &Mismatch) -> Value {
    let Mismatch { at, what, expected, found, steps } = mismatch;
    json!({ "what": what, "line": at.line, "expected": expected, "found": found, "steps": steps })
}

fn limit(limit: &Limit) -> Value {
    let top = limit.top.iter().map(|(function, fuel)| json!({ "function": function, "fuel": fuel }));
    json!({
        "component": limit.component.as_str(),
        "kind": limit.kind.as_str(),
        "limited-to": limit.limit,
        "stack": limit.stack,
        "top": top.collect::<Vec<_>>(),
    })
}

fn printed(line: &crate::testing::seen::Line) -> Value {
    json!({ "component": line.component.as_str(), "stream": line.stream, "text": line.text })
}

fn step(seen: &Seen, index: usize) -> Option<Value> {
    let step = seen.steps.get(index)?;
    let component = seen.calls.get(step.call).map(|call| call.component.as_str());
    Some(json!({
        "index": index,
        "component": component,
        "operation": format!("{}.{}", step.primitive, step.verb),
        "about": step.about,
        "changes": step.changes,
        "outcome": step.outcome,
        "gave": step.gave,
        "got": step.got,
        "answer": step.answer,
        "at-ms": step.at.0,
    }))
}
