//! Many filters over one event: those that cannot match cost nothing.

use std::collections::{BTreeMap, HashMap};

use super::{Facts, Filter, Requirement, Verdict};
use crate::pubsub::event::Event;

/// Filters with what they are for, in their order. No filter wants every event.
#[derive(Debug)]
pub struct FilterIndex<T> {
    entries: Vec<(Option<Filter>, T)>,
    /// By attribute and value: the entries that ask for it. Each is listed under one attribute at the most.
    wanted: BTreeMap<String, HashMap<String, Vec<usize>>>,
    /// The entries that ask for no certain value.
    open: Vec<usize>,
}

impl<T> FilterIndex<T> {
    #[must_use]
    pub fn new(entries: Vec<(Option<Filter>, T)>) -> Self {
        let mut index = Self { entries, wanted: BTreeMap::new(), open: Vec::new() };
        for (at, (filter, _)) in index.entries.iter().enumerate() {
            let Some(best) = filter.as_ref().and_then(|filter| best(filter.requires())) else {
                index.open.push(at);
                continue;
            };
            let values = index.wanted.entry(best.attribute.clone()).or_default();
            for value in &best.values {
                let entries = values.entry(value.clone()).or_default();
                if entries.last() != Some(&at) {
                    entries.push(at);
                }
            }
        }
        index
    }

    /// The entries that may match, in their order.
    pub fn candidates(&self, event: &Event) -> impl Iterator<Item = (Option<&Filter>, &T)> {
        let asked =
            self.wanted.iter().filter_map(|(attribute, values)| values.get(event.attribute(attribute)?));
        let mut found: Vec<usize> = asked.flatten().chain(&self.open).copied().collect();
        found.sort_unstable();
        found.into_iter().filter_map(|at| self.entries.get(at)).map(|(filter, what)| (filter.as_ref(), what))
    }

    /// The entries that match, and with [`Verdict::Failed`] those that could not tell, in their order.
    pub fn matching<'a>(&'a self, facts: &'a Facts<'_>) -> impl Iterator<Item = (&'a T, Verdict)> {
        self.candidates(facts.event())
            .map(|(filter, what)| (what, filter.map_or(Verdict::Yes, |filter| filter.matches(facts))))
            .filter(|(_, verdict)| *verdict != Verdict::No)
    }

    #[must_use]
    pub fn entries(&self) -> &[(Option<Filter>, T)] {
        &self.entries
    }
}

/// The requirement that tells most events apart.
fn best(requires: &[Requirement]) -> Option<&Requirement> {
    requires.iter().min_by_key(|requirement| match requirement.attribute.as_str() {
        "type" => 0,
        "source" => 1,
        // All events have the same.
        "specversion" => 3,
        _ => 2,
    })
}
