//! Recordings and differences for people and programs: what `mecha-host fuel report` prints.

use serde_json::{Value, json};

use super::{
    difference::{Difference, Row},
    growth::{self, Growth, Title},
    recording::{ByFunction, Measured, Recording},
    table::{Kind, Table},
    words,
};
use crate::summary;

/// The longest name in a table.
const NAME: usize = 60;
/// The most rows in Markdown: what takes comments limits their size.
const ROWS: usize = 100;

/// Something to show.
#[derive(Debug)]
pub struct Report {
    /// One line.
    pub head: String,
    pub table: Table,
    pub notes: Vec<String>,
    /// The same for programs.
    pub value: Value,
}

impl Report {
    #[must_use]
    pub fn text(&self) -> String {
        let rows = if self.table.rows.is_empty() { String::new() } else { self.table.text() + "\n" };
        let mut text = format!("{rows}{}\n", self.head);
        text.extend(self.notes.iter().map(|note| format!("{note}\n")));
        text
    }

    /// As a comment of a pull request.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("### Fuel: {}\n", self.head);
        if !self.table.rows.is_empty() {
            let mut table = self.table.clone();
            let left = table.rows.split_off(ROWS.min(table.rows.len()));
            text += &format!("\n{}", table.markdown());
            if !left.is_empty() {
                text += &format!("\nand {} more\n", words::count(left.len(), "case"));
            }
        }
        if !self.notes.is_empty() {
            text += "\n";
            text.extend(self.notes.iter().map(|note| format!("- {}\n", escaped(note))));
        }
        text
    }
}

/// All cases of a recording.
#[must_use]
pub fn recording(recording: &Recording) -> Report {
    let mut table = Table::new(&[
        ("case", Kind::Name),
        ("fuel", Kind::Number),
        ("memory", Kind::Number),
        ("host calls", Kind::Number),
        ("most in", Kind::Name),
        ("", Kind::Number),
    ]);
    let title = Title::of(recording.cases.values());
    for (case, used) in &recording.cases {
        let (function, fuel) = match used.profile.as_ref().and_then(ByFunction::largest) {
            Some((component, function, fuel)) => {
                (title.of_function(component, function), words::grouped(fuel))
            }
            None => Default::default(),
        };
        table.rows.push(vec![
            words::short(case, NAME),
            words::grouped(used.fuel),
            summary::size(used.memory),
            words::grouped(used.host_calls),
            function,
            fuel,
        ]);
    }
    let total = recording.cases.values().fold(0, |sum: u64, used| sum.saturating_add(used.fuel));
    let head = format!("{} in {}", words::grouped(total), words::count(recording.cases.len(), "case"));
    let notes = vec![format!("recorded with wasmtime {}", words::short(&recording.basis.wasmtime, 40))];
    Report { head, table, notes, value: json!(recording) }
}

/// What changed from one recording to another.
#[must_use]
pub fn difference(difference: &Difference) -> Report {
    let mut table = Table::new(&[
        ("case", Kind::Name),
        ("before", Kind::Number),
        ("after", Kind::Number),
        ("change", Kind::Number),
        ("", Kind::Number),
        ("grows most", Kind::Name),
        ("by", Kind::Number),
    ]);
    let changed = &difference.changed;
    let title = Title::of(changed.iter().flat_map(|row| [row.before, row.after]));
    for row in changed {
        let (function, by) = match row.top() {
            Some(top) => {
                (title.of_function(top.component, top.function), words::change(top.before, top.after))
            }
            None => Default::default(),
        };
        let (before, after) = (row.before.fuel, row.after.fuel);
        table.rows.push(vec![
            words::short(row.case, NAME),
            words::grouped(before),
            words::grouped(after),
            words::change(before, after),
            words::percent(before, after).unwrap_or_default(),
            function,
            by,
        ]);
    }
    let only_one = |(case, fuel, what): (&str, [String; 2], &str)| {
        let [before, after] = fuel;
        vec![
            words::short(case, NAME),
            before,
            after,
            what.to_owned(),
            String::new(),
            String::new(),
            String::new(),
        ]
    };
    let added = difference
        .added
        .iter()
        .map(|(case, used)| (*case, [String::new(), words::grouped(used.fuel)], "new"));
    let gone = difference
        .removed
        .iter()
        .map(|(case, used)| (*case, [words::grouped(used.fuel), String::new()], "removed"));
    table.rows.extend(added.chain(gone).map(only_one));

    let (before, after) = difference.totals();
    let mut notes = Vec::new();
    if before != after {
        let percent = words::percent(before, after).map(|percent| format!(", {percent}")).unwrap_or_default();
        notes.push(format!(
            "together {} → {} ({}{percent}), of {}",
            words::grouped(before),
            words::grouped(after),
            words::change(before, after),
            words::count(changed.len() + difference.unchanged.len(), "case")
        ));
    }
    notes.extend(difference.basis());
    Report { head: counts(difference), table, notes, value: value(difference) }
}

/// Where one case's fuel goes.
#[must_use]
pub fn case(case: &str, used: &Measured) -> Report {
    let mut table = Table::new(&[("function", Kind::Name), ("fuel", Kind::Number), ("", Kind::Number)]);
    let mut notes = Vec::new();
    match &used.profile {
        Some(profile) => {
            let title = Title::of([used]);
            let nothing = ByFunction::default();
            let share =
                |fuel| words::proportion(fuel, used.fuel, 1).map(|share| share + " %").unwrap_or_default();
            let mut row = |name, fuel| table.rows.push(vec![name, words::grouped(fuel), share(fuel)]);
            for Growth { component, function, after, .. } in growth::functions(&nothing, profile) {
                row(title.of_function(component, function), after);
            }
            if profile.others > 0 {
                row("(others)".to_owned(), profile.others);
            }
            notes.push(precision(profile));
        }
        None => notes.push(UNKNOWN.to_owned()),
    }
    let head = format!("{} in {}", words::grouped(used.fuel), quoted(case));
    Report { head, table, notes, value: json!({ "case": case, "after": used }) }
}

/// Where one case's fuel goes, then and now.
#[must_use]
pub fn case_difference(case: &str, before: &Measured, after: &Measured) -> Report {
    let mut table = Table::new(&[
        ("function", Kind::Name),
        ("before", Kind::Number),
        ("after", Kind::Number),
        ("change", Kind::Number),
        ("", Kind::Number),
    ]);
    let mut notes = Vec::new();
    let mut functions = Vec::new();
    if let (Some(old), Some(new)) = (&before.profile, &after.profile) {
        let title = Title::of([before, after]);
        let mut row = |name, before, after| {
            let percent = words::percent(before, after).unwrap_or_default();
            let (from, to) = (words::grouped(before), words::grouped(after));
            table.rows.push(vec![name, from, to, words::change(before, after), percent]);
        };
        for growth in growth::functions(old, new) {
            let Growth { component, function, before, after } = growth;
            functions.push(function_value(&growth));
            row(title.of_function(component, function), before, after);
        }
        if (old.others, new.others) != (0, 0) {
            row("(others)".to_owned(), old.others, new.others);
        }
        notes.push(precision(if old.step() > new.step() { old } else { new }));
    } else {
        notes.push(UNKNOWN.to_owned());
    }
    let percent = words::percent(before.fuel, after.fuel).map(|it| format!(" ({it})")).unwrap_or_default();
    let (from, to) = (words::grouped(before.fuel), words::grouped(after.fuel));
    let head = format!("{from} → {to}{percent} in {}", quoted(case));
    let mut value = row_value(case, Some(before), Some(after));
    value["functions"] = functions.into();
    Report { head, table, notes, value }
}

const UNKNOWN: &str = "where the fuel went is not recorded";

fn precision(profile: &ByFunction) -> String {
    let (step, samples) = (words::grouped(profile.step()), words::grouped(profile.samples));
    format!("a function's fuel is known to about {step} (from {samples} samples)")
}

/// `2 cases grew, 1 shrank, 37 are unchanged`.
fn counts(difference: &Difference) -> String {
    let grew = difference.changed.iter().filter(|row| row.after.fuel > row.before.fuel).count();
    let parts = [
        (grew, "grew", "grew"),
        (difference.changed.len() - grew, "shrank", "shrank"),
        (difference.added.len(), "is new", "are new"),
        (difference.removed.len(), "is removed", "are removed"),
        (difference.unchanged.len(), "is unchanged", "are unchanged"),
    ];
    let mut said = Vec::new();
    for (count, one, many) in parts.into_iter().filter(|(count, ..)| *count > 0) {
        let verb = if count == 1 { one } else { many };
        match said.is_empty() {
            true => said.push(format!("{} {verb}", words::count(count, "case"))),
            false => said.push(format!("{} {verb}", words::grouped(count as u64))),
        }
    }
    if said.is_empty() { "no cases".to_owned() } else { said.join(", ") }
}

fn value(difference: &Difference) -> Value {
    let both = |row: &Row| {
        let mut value = row_value(row.case, Some(row.before), Some(row.after));
        value["grew-most"] = row.top().as_ref().map(function_value).into();
        value
    };
    let both = difference.changed.iter().chain(&difference.unchanged).map(both);
    let added = difference.added.iter().map(|(case, used)| row_value(case, None, Some(used)));
    let removed = difference.removed.iter().map(|(case, used)| row_value(case, Some(used), None));
    json!({
        "before": difference.before.basis,
        "after": difference.after.basis,
        "cases": both.chain(added).chain(removed).collect::<Vec<_>>(),
    })
}

fn row_value(case: &str, before: Option<&Measured>, after: Option<&Measured>) -> Value {
    let used =
        |used: &Measured| json!({ "fuel": used.fuel, "memory": used.memory, "host-calls": used.host_calls });
    json!({ "case": case, "before": before.map(used), "after": after.map(used) })
}

fn function_value(growth: &Growth) -> Value {
    let Growth { component, function, before, after } = growth;
    json!({ "component": component, "function": function, "before": before, "after": after })
}

fn quoted(case: &str) -> String {
    format!("`{}`", words::short(case, NAME).replace('`', "'"))
}

/// A note is our own text, with names of others in it.
fn escaped(note: &str) -> String {
    note.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('*', "\\*")
        .replace('_', "\\_")
        .replace('[', "\\[")
}

#[cfg(test)]
mod tests;
