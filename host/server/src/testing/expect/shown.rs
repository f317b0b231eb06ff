//! A mismatch as a block of text, for a terminal.

use std::fmt::Write as _;

use super::texts;
use crate::{
    summary::size,
    testing::{
        seen::{HostCall, Seen},
        verdict::Mismatch,
    },
};

/// Characters of what a host call was about, and of what it answered.
const ABOUT: usize = 60;
const ANSWER: usize = 80;

/// Host calls that are shown of one mismatch.
const STEPS: usize = 20;

/// What was expected, what was found, and which host calls led there, unless those are said elsewhere. `file` is how
/// messages name the test file.
#[must_use]
pub fn shown(mismatch: &Mismatch, seen: &Seen, file: &str, with_steps: bool) -> String {
    let Mismatch { at, what, expected, found, steps } = mismatch;
    let mut text = format!("  {}  at {}:{at}\n", texts::visible(what), texts::visible(file));
    value(&mut text, "expected", expected);
    value(&mut text, "found", found);
    match steps.is_empty() {
        _ if !with_steps => {}
        true if led_by_host_calls(what) => text.push_str("    no host call led there\n"),
        true => {}
        false => {
            text.push_str("    host calls that led there\n");
            self::steps(&mut text, "      ", seen, steps, STEPS);
        }
    }
    text
}

/// Host calls, a line each, with the numbers that they have in the case.
pub fn steps(text: &mut String, indent: &str, seen: &Seen, indices: &[usize], most: usize) {
    let steps = indices.iter().filter_map(|&index| Some((index, seen.steps.get(index)?)));
    let steps: Vec<(usize, &HostCall)> = steps.take(most).collect();
    // Whose they are is said if they are of several.
    let component = |step: &HostCall| seen.calls.get(step.call).map_or("", |call| call.component.as_str());
    let longest = steps.iter().map(|(_, step)| component(step).len()).max().unwrap_or_default();
    let is_of_one = steps.iter().all(|(_, step)| component(step) == component(steps[0].1));
    let whose = |step: &HostCall| match is_of_one {
        true => String::new(),
        false => format!("{:longest$}  ", component(step)),
    };
    let rows = steps.iter().map(|(index, step)| {
        ((index + 1).to_string(), format!("{}{}", whose(step), asked(step)), answered(step))
    });
    let rows: Vec<(String, String, String)> = rows.collect();
    let number_width = rows.iter().map(|(number, ..)| number.len()).max().unwrap_or_default();
    let width = rows.iter().map(|(_, asked, _)| asked.chars().count()).max().unwrap_or_default();
    for (number, asked, answered) in &rows {
        // A string takes whatever is written to it.
        _ = writeln!(text, "{indent}{number:>number_width$}  {asked:width$} → {answered}");
    }
    if let Some(more) = indices.len().checked_sub(most).filter(|more| *more > 0) {
        _ = writeln!(text, "{indent}and {} more", texts::number(more as u64));
    }
}

/// On the line of its label, or below it if it has several.
fn value(text: &mut String, label: &str, value: &str) {
    let value = texts::visible(value);
    if !value.contains('\n') {
        _ = writeln!(text, "    {label:8}  {value}");
        return;
    }
    _ = writeln!(text, "    {label}");
    for line in value.lines() {
        text.push_str(format!("      {line}").trim_end());
        text.push('\n');
    }
}

/// `state.set carts/7  (34 B)`
fn asked(step: &HostCall) -> String {
    let mut text = format!("{}.{}", step.primitive, step.verb);
    if !step.about.is_empty() {
        text.push(' ');
        text.push_str(&texts::line(&step.about, ABOUT));
    }
    if step.gave > 0 {
        _ = write!(text, "  ({})", size(step.gave));
    }
    text
}

fn answered(step: &HostCall) -> String {
    match step.outcome {
        None => "not over".to_owned(),
        Some("ok") if !step.answer.is_empty() => texts::line(&step.answer, ANSWER),
        Some(outcome) => outcome.to_owned(),
    }
}

/// Whether it says something that there was none.
fn led_by_host_calls(what: &str) -> bool {
    let first = what.split('.').next().unwrap_or_default();
    ["state", "events", "jobs", "outputs", "requests", "callees"].contains(&first)
}
