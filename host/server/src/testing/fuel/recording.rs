//! `tests/fuel.json`: what each case used, when it was last accepted.
//!
//! It is made for git: sorted, a line for each number, the same bytes for the same content.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use super::words;
use crate::testing::verdict::Usage;

/// How recordings are written since this version of them.
const FORMAT: u32 = 1;
/// What makes one anew.
pub const BLESS: &str = "mecha-host test --bless";

/// What a run of an app's cases used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recording {
    format: u32,
    pub basis: Basis,
    /// By [`key`](super::key).
    pub cases: BTreeMap<String, Measured>,
}

/// What the fuel depends on, beside the case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Basis {
    /// Its version.
    pub wasmtime: String,
    /// A digest of the engine's settings.
    pub engine: String,
    /// BLAKE3 of each component's bytes, in hexadecimal.
    pub components: BTreeMap<String, String>,
}

/// What a case used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Measured {
    pub fuel: u64,
    /// The most that any call had, in bytes.
    pub memory: u64,
    pub host_calls: u64,
    /// Where the fuel went, if somebody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ByFunction>,
}

/// The fuel of functions without those that they call: of the largest by name, and of the rest together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByFunction {
    /// From how many samples this is known.
    pub samples: u64,
    /// By component and function.
    pub functions: BTreeMap<String, BTreeMap<String, u64>>,
    pub others: u64,
}

impl Measured {
    #[must_use]
    pub fn new(usage: &Usage, profile: Option<ByFunction>) -> Self {
        let &Usage { fuel, memory, host_calls, .. } = usage;
        Self { fuel, memory, host_calls, profile }
    }
}

impl Basis {
    #[must_use]
    pub fn same_bytes(&self, other: &Self) -> bool {
        self.components == other.components
    }

    #[must_use]
    pub fn same_engine(&self, other: &Self) -> bool {
        (&self.wasmtime, &self.engine) == (&other.wasmtime, &other.engine)
    }
}

impl ByFunction {
    /// What one sample stands for: a function's fuel is not known better than this.
    #[must_use]
    pub fn step(&self) -> u64 {
        let named = self.functions.values().flat_map(BTreeMap::values);
        let total = named.chain([&self.others]).fold(0, |sum: u64, fuel| sum.saturating_add(*fuel));
        total.div_ceil(self.samples.max(1))
    }

    /// The function that uses the most: its component, its name, its fuel.
    #[must_use]
    pub fn largest(&self) -> Option<(&str, &str, u64)> {
        let named = self.functions.iter().flat_map(|(component, functions)| {
            functions.iter().map(move |(function, fuel)| (component.as_str(), function.as_str(), *fuel))
        });
        // The first of those that are equal.
        named.rev().max_by_key(|(.., fuel)| *fuel)
    }
}

impl Recording {
    #[must_use]
    pub fn new(basis: Basis, cases: BTreeMap<String, Measured>) -> Self {
        Self { format: FORMAT, basis, cases }
    }

    /// Reads what [`text`](Self::text) wrote.
    ///
    /// # Errors
    /// If it is damaged, with the place, or of another format. `file` is how messages name it.
    pub fn read(file: &str, text: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        if let Some(line) = text.lines().position(|line| line.starts_with("<<<<<<< ")) {
            bail!(
                "{file}:{}: it holds a merge that was left undone; record it anew with `{BLESS}`",
                line + 1
            );
        }
        let wrong = |error: &serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let what = error.to_string();
            let what = what.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&what);
            anyhow!(
                "{file}:{line}:{column}: this is no recording of fuel: {what}; record it anew with `{BLESS}`"
            )
        };
        let head: Head = serde_json::from_str(text).map_err(|error| wrong(&error))?;
        ensure!(
            head.format == FORMAT,
            "{file} has format {}, and this mecha-host reads format {FORMAT}; record it anew with `{BLESS}`",
            head.format
        );
        serde_json::from_str(text).map_err(|error| wrong(&error))
    }

    /// # Errors
    /// None that is known of.
    pub fn text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The recording after `--bless`: what was measured now, and of cases that were not run what was known.
    ///
    /// # Errors
    /// If what is known of those is of other components or of another engine: then all are to be run.
    pub fn blessed(before: Option<&Self>, now: Self, exist: &BTreeSet<String>) -> anyhow::Result<Self> {
        let Some(before) = before else { return Ok(now) };
        let mut left = before.cases.clone();
        left.retain(|key, _| exist.contains(key) && !now.cases.contains_key(key));
        if let (Some(first), false) = (left.keys().next(), before.basis == now.basis) {
            let changed = if before.basis.same_bytes(&now.basis) { "the engine" } else { "a component" };
            bail!(
                "{changed} is not what the recording is of, so all cases are to be recorded together: {} did not run or \
                 did not pass, such as `{}`",
                words::count(left.len(), "case"),
                words::short(first, 80)
            );
        }
        left.extend(now.cases);
        Ok(Self::new(now.basis, left))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A recording of one component, `shop`, with a version for it.
    pub fn recording(version: &str, cases: &[(&str, Measured)]) -> Recording {
        let components = BTreeMap::from([("shop".to_owned(), version.to_owned())]);
        let basis = Basis { wasmtime: "48.0.8".into(), engine: "e1".into(), components };
        Recording::new(basis, cases.iter().map(|(key, used)| ((*key).to_owned(), used.clone())).collect())
    }

    /// A case with 100 samples.
    pub fn used(fuel: u64, functions: &[(&str, u64)]) -> Measured {
        let own: BTreeMap<_, _> = functions.iter().map(|(name, fuel)| ((*name).to_owned(), *fuel)).collect();
        let others = fuel - own.values().sum::<u64>();
        let profile = (!own.is_empty()).then(|| ByFunction {
            samples: 100,
            functions: [("shop".to_owned(), own)].into(),
            others,
        });
        Measured { fuel, memory: 1_179_648, host_calls: 4, profile }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const TEXT: &str = r#"{
  "format": 1,
  "basis": {
    "wasmtime": "48.0.8",
    "engine": "e1",
    "components": {
      "shop": "aa"
    }
  },
  "cases": {
    "orders / an order is taken": {
      "fuel": 120400,
      "memory": 1179648,
      "host-calls": 4,
      "profile": {
        "samples": 100,
        "functions": {
          "shop": {
            "a": 70000,
            "b": 50000
          }
        },
        "others": 400
      }
    },
    "orders / none": {
      "fuel": 7,
      "memory": 1179648,
      "host-calls": 4
    }
  }
}
"#;

    #[test]
    fn a_recording_is_written_sorted_and_read_again() {
        let cases = [
            ("orders / none", used(7, &[])),
            ("orders / an order is taken", used(120_400, &[("b", 50_000), ("a", 70_000)])),
        ];
        let made = recording("aa", &cases);
        assert_eq!(made.text().unwrap(), TEXT);
        assert_eq!(Recording::read("fuel.json", TEXT).unwrap(), made);
    }

    #[test]
    fn a_damaged_one_is_refused_with_its_place() {
        let anew = "record it anew with `mecha-host test --bless`";
        for (from, to, message) in [
            (
                "120400",
                "-1",
                "fuel.json:12:16: this is no recording of fuel: invalid value: integer `-1`, expected u64",
            ),
            (
                "\"memory\"",
                "\"memry\"",
                "fuel.json:13:13: this is no recording of fuel: unknown field `memry`, expected one of `fuel`, `memory`, `host-calls`, `profile`",
            ),
            ("\"fuel\": 7,\n", "\n", "fuel.json:30:5: this is no recording of fuel: missing field `fuel`"),
            (
                "  \"format\": 1,\n",
                "",
                "fuel.json:31:1: this is no recording of fuel: missing field `format`",
            ),
            ("\"format\": 1", "\"format\": 2", "fuel.json has format 2, and this mecha-host reads format 1"),
            (
                "    \"orders / none\"",
                "<<<<<<< ours\n    \"orders / none\"",
                "fuel.json:26: it holds a merge that was left undone",
            ),
            ("  }\n}\n", "", "fuel.json:31:0: this is no recording of fuel: EOF while parsing an object"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let error = Recording::read("fuel.json", &TEXT.replacen(from, to, 1)).unwrap_err().to_string();
            assert_eq!(error, format!("{message}; {anew}"));
        }
        let deep = "[".repeat(100_000);
        assert!(Recording::read("fuel.json", &deep).is_err());
    }

    #[test]
    fn blessing_some_cases_keeps_the_others_while_they_are_comparable() {
        let before = recording(
            "aa",
            &[("a / 1", used(10, &[])), ("a / 2", used(20, &[])), ("a / gone", used(30, &[]))],
        );
        let exist = names(&["a / 1", "a / 2", "a / 3"]);
        let blessed = |now| Recording::blessed(Some(&before), now, &exist);

        let some = blessed(recording("aa", &[("a / 1", used(11, &[]))])).unwrap();
        assert_eq!(some, recording("aa", &[("a / 1", used(11, &[])), ("a / 2", used(20, &[]))]));

        let error = blessed(recording("bb", &[("a / 1", used(11, &[]))])).unwrap_err().to_string();
        assert_eq!(
            error,
            "a component is not what the recording is of, so all cases are to be recorded together: 1 case did not run or \
             did not pass, such as `a / 2`"
        );

        let all = recording("bb", &[("a / 1", used(11, &[])), ("a / 2", used(20, &[]))]);
        assert_eq!(blessed(all.clone()).unwrap(), all);
        assert_eq!(Recording::blessed(None, all.clone(), &exist).unwrap(), all);
    }

    #[test]
    fn a_step_is_what_a_sample_stands_for() {
        let profile = used(120_410, &[("a", 70_000), ("b", 50_000)]).profile.unwrap();
        assert_eq!(profile.step(), 1205);
        assert_eq!(profile.largest(), Some(("shop", "a", 70_000)));
        assert_eq!(ByFunction::default().step(), 0);
        assert_eq!(ByFunction::default().largest(), None);
    }
}
