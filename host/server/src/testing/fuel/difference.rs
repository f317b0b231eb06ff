//! Two recordings, side by side.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use anyhow::bail;

use super::{
    growth::{self, Growth},
    judge,
    recording::{Measured, Recording},
    words,
};

/// What changed from one recording to another.
#[derive(Debug)]
pub struct Difference<'a> {
    pub before: &'a Recording,
    pub after: &'a Recording,
    /// Cases that are in both and use another amount of fuel, those that grew most (in proportion) first.
    pub changed: Vec<Row<'a>>,
    /// Cases that are in both and use the same.
    pub unchanged: Vec<Row<'a>>,
    /// Cases that are in one of them, by name.
    pub added: Vec<(&'a str, &'a Measured)>,
    pub removed: Vec<(&'a str, &'a Measured)>,
}

/// A case that is in both.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub case: &'a str,
    pub before: &'a Measured,
    pub after: &'a Measured,
}

impl<'a> Difference<'a> {
    #[must_use]
    pub fn new(before: &'a Recording, after: &'a Recording) -> Self {
        let row = |(case, after): (&'a String, &'a Measured)| {
            before.cases.get(case).map(|before| Row { case: case.as_str(), before, after })
        };
        let both = after.cases.iter().filter_map(row);
        let (mut changed, unchanged): (Vec<_>, Vec<_>) =
            both.partition(|row| row.before.fuel != row.after.fuel);
        changed.sort_by(|left, right| compare(*right, *left));
        let added = only_in(&after.cases, &before.cases);
        let removed = only_in(&before.cases, &after.cases);
        Self { before, after, changed, unchanged, added, removed }
    }

    /// Cases that grew by more than so many percent.
    pub fn above(&self, percent: f64) -> impl Iterator<Item = &Row<'a>> {
        self.changed.iter().filter(move |row| judge::is_beyond(row.before.fuel, row.after.fuel, percent))
    }

    /// The fuel of the cases that are in both, before and after.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let both = self.changed.iter().chain(&self.unchanged);
        both.fold((0, 0), |(before, after): (u64, u64), row| {
            (before.saturating_add(row.before.fuel), after.saturating_add(row.after.fuel))
        })
    }

    /// Why all of it may have changed: what the recordings are of.
    #[must_use]
    pub fn basis(&self) -> Vec<String> {
        let (before, after) = (&self.before.basis, &self.after.basis);
        let mut said = Vec::new();
        if !before.same_engine(after) {
            said.push(match before.wasmtime == after.wasmtime {
                true => "the engine's settings differ: fuel may differ for that alone".to_owned(),
                false => format!(
                    "wasmtime {} → {}: fuel may differ for that alone",
                    words::short(&before.wasmtime, 40),
                    words::short(&after.wasmtime, 40)
                ),
            });
        }
        let names: BTreeSet<_> = before.components.keys().chain(after.components.keys()).collect();
        let other =
            names.into_iter().filter(|name| before.components.get(*name) != after.components.get(*name));
        let other: Vec<_> = other.map(|name| words::short(name, 40)).collect();
        said.push(match other.len() {
            0 => "no component changed".to_owned(),
            count => format!("{} changed: {}", words::count(count, "component"), other.join(", ")),
        });
        said
    }
}

impl<'a> Row<'a> {
    /// The function that grew most.
    #[must_use]
    pub fn top(&self) -> Option<Growth<'a>> {
        growth::grown(self.before, self.after).first().copied()
    }
}

/// The one case that is meant: by its whole name, or by a part that no other has.
///
/// # Errors
/// If there is none, or several.
pub fn find<'a>(cases: impl IntoIterator<Item = &'a String>, name: &str) -> anyhow::Result<&'a str> {
    let all: BTreeSet<_> = cases.into_iter().collect();
    if let Some(exact) = all.iter().find(|case| case.as_str() == name) {
        return Ok(exact);
    }
    let fit: Vec<_> = all.iter().filter(|case| case.contains(name)).collect();
    match fit[..] {
        [one] => Ok(one),
        [] => bail!("no case in the recording has `{name}` in its name; `mecha-host fuel report` lists them"),
        [first, second, ..] => bail!(
            "{} have `{name}` in their name, such as `{}` and `{}`; name one",
            words::count(fit.len(), "case"),
            words::short(first, 80),
            words::short(second, 80)
        ),
    }
}

fn only_in<'a>(
    one: &'a BTreeMap<String, Measured>,
    other: &BTreeMap<String, Measured>,
) -> Vec<(&'a str, &'a Measured)> {
    one.iter()
        .filter(|(case, _)| !other.contains_key(*case))
        .map(|(case, used)| (case.as_str(), used))
        .collect()
}

/// By the proportion of after to before, and then by name, the first name as the largest.
fn compare(left: Row, right: Row) -> Ordering {
    // What grew from nothing grew most. Both are never nothing: they would not have changed.
    let product = |row: Row, other: Row| u128::from(row.after.fuel) * u128::from(other.before.fuel);
    let by_growth = product(left, right).cmp(&product(right, left));
    by_growth.then_with(|| right.case.cmp(left.case))
}

#[cfg(test)]
mod tests {
    use super::{
        super::recording::tests::{recording, used},
        *,
    };

    #[test]
    fn what_grew_most_in_proportion_comes_first() {
        let before = recording(
            "aa",
            &[
                ("a / double", used(10, &[])),
                ("a / from nothing", used(0, &[])),
                ("a / gone", used(9, &[])),
                ("a / less", used(100, &[])),
                ("a / much", used(u64::MAX - 1, &[])),
                ("a / same", used(5, &[])),
                ("a / to nothing", used(5, &[])),
                ("b / double", used(10, &[])),
                ("b / from nothing", used(0, &[])),
            ],
        );
        let after = recording(
            "bb",
            &[
                ("a / double", used(20, &[])),
                ("a / from nothing", used(1, &[])),
                ("a / less", used(50, &[])),
                ("a / much", used(u64::MAX, &[])),
                ("a / new", used(1, &[])),
                ("a / same", used(5, &[])),
                ("a / to nothing", used(0, &[])),
                ("b / double", used(20, &[])),
                ("b / from nothing", used(7, &[])),
            ],
        );
        let difference = Difference::new(&before, &after);
        let order: Vec<_> = difference.changed.iter().map(|row| row.case).collect();
        assert_eq!(
            order,
            [
                "a / from nothing",
                "b / from nothing",
                "a / double",
                "b / double",
                "a / much",
                "a / less",
                "a / to nothing"
            ]
        );
        let names = |cases: &[(&str, &Measured)]| {
            cases.iter().map(|(case, _)| (*case).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&difference.added), ["a / new"]);
        assert_eq!(names(&difference.removed), ["a / gone"]);
        assert_eq!(difference.unchanged.len(), 1);
        for (percent, count) in [(0.0, 5), (99.0, 4), (100.0, 2), (1e9, 2)] {
            assert_eq!(difference.above(percent).count(), count, "{percent}");
        }
        assert_eq!(difference.totals(), (u64::MAX, u64::MAX), "as much as can be counted");
        assert_eq!(difference.basis(), ["1 component changed: shop"]);
    }

    #[test]
    fn what_the_recordings_are_of_is_said() {
        let before = recording("aa", &[]);
        let mut after = before.clone();
        assert_eq!(Difference::new(&before, &after).basis(), ["no component changed"]);
        after.basis.engine = "e2".into();
        after.basis.components.insert("pricing".into(), "bb".into());
        let said =
            ["the engine's settings differ: fuel may differ for that alone", "1 component changed: pricing"];
        assert_eq!(Difference::new(&before, &after).basis(), said);
        after.basis.wasmtime = "49.0.0".into();
        let said = "wasmtime 48.0.8 → 49.0.0: fuel may differ for that alone";
        assert_eq!(Difference::new(&before, &after).basis()[0], said);
    }

    #[test]
    fn a_case_is_found_by_a_part_of_its_name() {
        let cases = ["a / one".to_owned(), "a / one more".to_owned(), "b / two".to_owned()];
        for (name, found) in
            [("a / one", Some("a / one")), ("more", Some("a / one more")), ("two", Some("b / two"))]
        {
            assert_eq!(find(&cases, name).ok(), found);
        }
        for (name, message) in [
            (
                "three",
                "no case in the recording has `three` in its name; `mecha-host fuel report` lists them",
            ),
            ("one", "2 cases have `one` in their name, such as `a / one` and `a / one more`; name one"),
        ] {
            assert_eq!(find(&cases, name).unwrap_err().to_string(), message);
        }
    }
}
