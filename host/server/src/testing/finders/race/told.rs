//! An order of host calls as a person reads it: a column for each of those that race.

use std::collections::BTreeSet;

use mecha_primitives::bindings::excerpt_of;

use super::{races::Race, turnstile::Made};
use crate::testing::{
    finders::explore::Move as _,
    seen::{HostCall, Seen},
};

/// Lines that are shown at the most, and characters of one column.
const LINES: usize = 60;
const WIDTH: usize = 44;

/// What goes wrong in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// What was read is written over, and what others wrote meanwhile is gone.
    LostUpdate,
    /// Something was done because of a value that others had changed meanwhile.
    StaleRead,
}

/// The table, and what goes wrong in it first, if that can be told.
#[must_use]
pub fn table(race: &Race, made: &[Made], seen: &Seen) -> (Vec<String>, Option<Flaw>) {
    let notes = notes(race, made, seen);
    let flaw = notes.iter().map(|(_, flaw, _)| *flaw).next();
    let mut rows = vec![];
    for (at, one) in made.iter().enumerate() {
        let note = notes.iter().find(|(noted, ..)| *noted == at).map(|(.., note)| note.clone());
        rows.push((race.column(one.cause), text(made, at, seen), note.unwrap_or_default()));
    }
    let left = rows.len().saturating_sub(LINES);
    rows.truncate(LINES);
    let width = |column: usize| {
        let texts = rows.iter().filter(|(of, ..)| *of == column).map(|(_, text, _)| text.chars().count());
        texts.chain([race.labels[column].chars().count()]).max().unwrap_or_default() + 2
    };
    let widths: Vec<_> = (0..race.labels.len()).map(width).collect();
    let line = |number: &str, texts: &dyn Fn(usize) -> String, note: &str| {
        let mut line = format!("{number:>3}   ");
        for (column, width) in widths.iter().enumerate() {
            line.push_str(&format!("{:<width$}", texts(column)));
        }
        line.push_str(note);
        line.trim_end().to_owned()
    };
    let mut lines = vec![line("", &|column| race.labels[column].clone(), "")];
    for (number, (of, text, note)) in rows.iter().enumerate() {
        let texts = |column: usize| if column == *of { text.clone() } else { String::new() };
        lines.push(line(&(number + 1).to_string(), &texts, note));
    }
    if left > 0 {
        lines.push(format!("      … and {left} more"));
    }
    (lines, flaw)
}

/// One host call. Its component is named if it is not the one that was called from outside.
fn text(made: &[Made], at: usize, seen: &Seen) -> String {
    let Made { cause, op, index, .. } = &made[at];
    let own = made.iter().find(|one| one.cause == *cause).map(|one| &one.op.component);
    let by = if own == Some(&op.component) { String::new() } else { format!("{}: ", op.component) };
    let Some(index) = index else { return format!("{by}{}", op.verb) };
    let mut text = format!("{by}{}.{} {}", op.primitive, op.verb, op.about);
    match seen.steps.get(*index) {
        Some(HostCall { outcome: Some("ok") | None, answer, .. }) if answer.is_empty() => {}
        Some(HostCall { outcome: Some("ok"), answer, .. }) => text = format!("{text} → {answer}"),
        Some(HostCall { outcome, .. }) => text = format!("{text} → {}", outcome.unwrap_or("not over")),
        None => {}
    }
    excerpt_of(text.trim_end(), WIDTH)
}

/// Where somebody does something that others have taken the ground from.
fn notes(race: &Race, made: &[Made], seen: &Seen) -> Vec<(usize, Flaw, String)> {
    let happened = |one: &Made| {
        let outcome = one.index.and_then(|index| seen.steps.get(index)).and_then(|step| step.outcome);
        one.index.is_some() && outcome.is_none_or(|outcome| outcome == "ok")
    };
    let mut notes = vec![];
    let mut told = BTreeSet::new();
    for (at, does) in made.iter().enumerate() {
        if !does.op.changes || !does.is_chosen || !happened(does) {
            continue;
        }
        // The last read of each key counts.
        for (read_at, read) in made[..at].iter().enumerate() {
            let is_ours = read.process == does.process && read.op.is_read() && read.is_chosen;
            let is_last = !made[read_at + 1..at]
                .iter()
                .any(|one| one.process == does.process && one.op.about == read.op.about);
            if !is_ours || !is_last {
                continue;
            }
            let meanwhile = &made[read_at + 1..at];
            let other = meanwhile.iter().find(|one| {
                one.cause != does.cause && one.op.changes && one.op.depends_on(&read.op) && happened(one)
            });
            let Some(other) = other else { continue };
            if !told.insert((does.process, &read.op.about)) {
                continue;
            }
            let whose = race.column(other.cause) + 1;
            let (flaw, note) = if other.op.about == does.op.about {
                (Flaw::LostUpdate, format!("the update of ({whose}) is lost"))
            } else {
                let what = &other.op.about;
                (Flaw::StaleRead, format!("({whose}) has changed {what} since it was read"))
            };
            notes.push((at, flaw, note));
            break;
        }
    }
    notes
}
