//! Whether a case uses more than it may.
//!
//! What cannot differ must not: the same components on the same engine. Anything else may grow by the tolerance.

use std::{collections::BTreeSet, fmt};

use super::{
    growth,
    recording::{BLESS, Basis, Measured, Recording},
    words,
};
use crate::summary;

/// By how much a case of changed components may grow unless somebody says otherwise, in percent.
pub const TOLERANCE: f64 = 5.0;
/// How many functions a message names.
const NAMED: usize = 3;

/// How a case is other than it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regression {
    pub kind: Kind,
    /// For people.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is not what the same components used on the same engine.
    Differs,
    /// It uses more than the tolerance allows.
    Grew,
    /// It uses so much less that growth from here would not be noticed.
    Shrank,
    /// It is not in the recording.
    New,
    /// It is only in the recording.
    Stale,
}

impl Regression {
    /// Whether the run has failed. If not, it is a note.
    #[must_use]
    pub fn fails(&self) -> bool {
        matches!(self.kind, Kind::Differs | Kind::Grew)
    }
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A percentage as the command line takes it.
///
/// # Errors
/// If it is no number, or none from 0 on.
pub fn percentage(text: &str) -> Result<f64, String> {
    match text.trim().trim_end_matches('%').trim_end().parse() {
        Ok(percent) if (0.0..=1e9).contains(&percent) => Ok(percent),
        _ => Err("a percentage is expected, such as `5` or `0.5`".to_owned()),
    }
}

/// Whether a number is larger by more than so many percent.
#[must_use]
pub fn is_beyond(before: u64, after: u64, percent: f64) -> bool {
    after > before && (after - before) as f64 * 100.0 > percent * before as f64
}

/// What is to be said of a case that was recorded. The tolerance is in percent.
#[must_use]
pub fn judge(
    recorded: &Measured,
    now: &Measured,
    same_bytes: bool,
    same_engine: bool,
    tolerance: f64,
) -> Option<Regression> {
    if same_bytes && same_engine {
        let used = |case: &Measured| (case.fuel, case.memory, case.host_calls);
        return (used(recorded) != used(now)).then(|| differs(recorded, now));
    }
    let (before, after) = (recorded.fuel, now.fuel);
    if is_beyond(before, after, tolerance) {
        let mut text = format!(
            "fuel grew {}, beyond the tolerance of {tolerance} %",
            by_more_than(before, after, tolerance)
        );
        add(&mut text, &growth::shown(recorded, now, NAMED));
        add(&mut text, &beside_fuel(recorded, now).join(", "));
        return Some(Regression { kind: Kind::Grew, text });
    }
    // As much less as would be too much more.
    let is_less = after < before && (before - after) as f64 * 100.0 > tolerance * before as f64;
    is_less.then(|| {
        let by = by_more_than(before, after, tolerance);
        let text = format!("fuel shrank {by}; record it with `{BLESS}`, so that it stays so");
        Regression { kind: Kind::Shrank, text }
    })
}

impl Recording {
    /// What is to be said of a case, recorded or not.
    #[must_use]
    pub fn judge(&self, basis: &Basis, key: &str, now: &Measured, tolerance: f64) -> Option<Regression> {
        let Some(recorded) = self.cases.get(key) else {
            let text = format!("its fuel is not recorded; record it with `{BLESS}`");
            return Some(Regression { kind: Kind::New, text });
        };
        judge(recorded, now, self.basis.same_bytes(basis), self.basis.same_engine(basis), tolerance)
    }

    /// What is to be said of cases that are recorded, and are no more.
    #[must_use]
    pub fn stale(&self, exist: &BTreeSet<String>) -> Vec<(String, Regression)> {
        let text = || format!("it is recorded, but there is no such case; `{BLESS}` forgets it");
        let gone = self.cases.keys().filter(|key| !exist.contains(*key));
        gone.map(|key| (key.clone(), Regression { kind: Kind::Stale, text: text() })).collect()
    }
}

fn differs(recorded: &Measured, now: &Measured) -> Regression {
    let mut changes = Vec::new();
    if recorded.fuel != now.fuel {
        let by = words::change(recorded.fuel, now.fuel);
        changes.push(format!("fuel {} ({by})", from_to(recorded.fuel, now.fuel)));
    }
    changes.extend(beside_fuel(recorded, now));
    let mut text = format!(
        "{}, though the components and the engine are those of the recording: the case is another, or what it is given; \
         if that is meant, record it with `{BLESS}`",
        changes.join(", ")
    );
    add(&mut text, &growth::shown(recorded, now, NAMED));
    Regression { kind: Kind::Differs, text }
}

fn beside_fuel(recorded: &Measured, now: &Measured) -> Vec<String> {
    let mut changes = Vec::new();
    if recorded.host_calls != now.host_calls {
        changes.push(format!("host calls {}", from_to(recorded.host_calls, now.host_calls)));
    }
    if recorded.memory != now.memory {
        let (before, after) = (summary::size(recorded.memory), summary::size(now.memory));
        changes.push(format!("memory {before} → {after}"));
    }
    changes
}

/// `by 6.3 % (120,400 → 128,000)`, with as many decimals as it takes to see that it is more.
#[must_use]
pub fn by_more_than(before: u64, after: u64, percent: f64) -> String {
    let shown = (1..=6).filter_map(|decimals| words::proportion(after.abs_diff(before), before, decimals));
    let is_more = |text: &String| text.replace(',', "").parse::<f64>().is_ok_and(|shown| shown > percent);
    let by = shown.into_iter().find(is_more).map(|shown| format!("by {shown} % ")).unwrap_or_default();
    format!("{by}({})", from_to(before, after))
}

fn from_to(before: u64, after: u64) -> String {
    format!("{} → {}", words::grouped(before), words::grouped(after))
}

fn add(text: &mut String, more: &str) {
    if !more.is_empty() {
        *text += "; ";
        *text += more;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::recording::tests::{recording, used},
        *,
    };

    fn said(before: u64, after: u64, same_bytes: bool, same_engine: bool, tolerance: f64) -> (bool, String) {
        match judge(&used(before, &[]), &used(after, &[]), same_bytes, same_engine, tolerance) {
            Some(regression) => (regression.fails(), regression.text),
            None => (false, String::new()),
        }
    }

    #[test]
    fn the_same_bytes_on_the_same_engine_are_equal_to_the_unit() {
        assert_eq!(said(120_400, 120_400, true, true, 5.0), (false, String::new()));
        let why = ", though the components and the engine are those of the recording: the case is another, or what it is \
                   given; if that is meant, record it with `mecha-host test --bless`";
        assert_eq!(
            said(120_400, 120_401, true, true, 5.0),
            (true, format!("fuel 120,400 → 120,401 (+1){why}"))
        );
        assert_eq!(
            said(120_400, 120_399, true, true, 5.0),
            (true, format!("fuel 120,400 → 120,399 (-1){why}"))
        );

        let (before, mut after) = (used(10, &[]), used(10, &[]));
        (after.host_calls, after.memory) = (5, 2 << 20);
        let regression = judge(&before, &after, true, true, 5.0).unwrap();
        assert_eq!(regression.kind, Kind::Differs);
        assert_eq!(regression.text, format!("host calls 4 → 5, memory 1152.0 KiB → 2 MiB{why}"));
    }

    #[test]
    fn anything_else_may_grow_by_the_tolerance() {
        for (same_bytes, same_engine) in [(false, true), (true, false), (false, false)] {
            let said = |before, after, tolerance| said(before, after, same_bytes, same_engine, tolerance);
            for (before, after, tolerance) in
                [(100, 105, 5.0), (100, 95, 5.0), (0, 0, 0.0), (7, 7, 0.0), (1000, 2000, 100.0)]
            {
                assert_eq!(said(before, after, tolerance), (false, String::new()));
            }
            for (before, after, tolerance, fails, text) in [
                (
                    120_400,
                    128_000,
                    5.0,
                    true,
                    "fuel grew by 6.3 % (120,400 → 128,000), beyond the tolerance of 5 %",
                ),
                (
                    100_000,
                    105_001,
                    5.0,
                    true,
                    "fuel grew by 5.001 % (100,000 → 105,001), beyond the tolerance of 5 %",
                ),
                (1000, 1001, 0.0, true, "fuel grew by 0.1 % (1,000 → 1,001), beyond the tolerance of 0 %"),
                (1000, 1006, 0.5, true, "fuel grew by 0.6 % (1,000 → 1,006), beyond the tolerance of 0.5 %"),
                (0, 128, 5.0, true, "fuel grew (0 → 128), beyond the tolerance of 5 %"),
                (
                    1000,
                    900,
                    5.0,
                    false,
                    "fuel shrank by 10.0 % (1,000 → 900); record it with `mecha-host test --bless`, so that it stays so",
                ),
            ] {
                assert_eq!(said(before, after, tolerance), (fails, text.to_owned()));
            }
        }
    }

    #[test]
    fn a_message_says_which_functions_grew_and_what_else_changed() {
        let before = used(120_400, &[("serde_json::de::from_slice", 16_400), ("handle", 80_000)]);
        let mut after = used(128_000, &[("serde_json::de::from_slice", 20_500), ("handle", 83_000)]);
        after.host_calls = 6;
        assert_eq!(
            judge(&before, &after, false, true, 5.0).unwrap().text,
            "fuel grew by 6.3 % (120,400 → 128,000), beyond the tolerance of 5 %; serde_json::de::from_slice +4,100 \
             (+25.0 %), handle +3,000 (+3.8 %); host calls 4 → 6"
        );
    }

    #[test]
    fn cases_without_a_record_and_records_without_a_case_are_notes() {
        let recorded = recording("aa", &[("a / 1", used(10, &[])), ("a / 2", used(20, &[]))]);
        let new = recorded.judge(&recorded.basis, "a / 3", &used(1, &[]), 5.0).unwrap();
        assert_eq!((new.kind, new.fails()), (Kind::New, false));
        assert_eq!(new.to_string(), "its fuel is not recorded; record it with `mecha-host test --bless`");
        let same = recorded.judge(&recorded.basis, "a / 1", &used(11, &[]), 5.0).unwrap();
        assert_eq!((same.kind, same.fails()), (Kind::Differs, true));
        let rebuilt = recording("bb", &[]).basis;
        let grown = recorded.judge(&rebuilt, "a / 1", &used(11, &[]), 5.0).unwrap();
        assert_eq!((grown.kind, grown.fails()), (Kind::Grew, true));
        assert_eq!(recorded.judge(&rebuilt, "a / 2", &used(21, &[]), 5.0), None);

        let stale = recorded.stale(&["a / 1".to_owned()].into());
        let [(key, regression)] = &stale[..] else { panic!("{stale:?}") };
        assert_eq!((key.as_str(), regression.kind, regression.fails()), ("a / 2", Kind::Stale, false));
        assert_eq!(
            regression.text,
            "it is recorded, but there is no such case; `mecha-host test --bless` forgets it"
        );
    }

    #[test]
    fn percentages_are_numbers_from_0_on() {
        for (text, read) in [("5", Some(5.0)), ("0.5 %", Some(0.5)), ("5%", Some(5.0)), ("0", Some(0.0))] {
            assert_eq!(percentage(text).ok(), read);
        }
        for wrong in ["-1", "NaN", "inf", "", "five", "1e30"] {
            assert!(percentage(wrong).is_err(), "{wrong}");
        }
    }
}
