//! What was expected against what is there: each mismatch with its place in the test file, what a person needs to see
//! of both, and the host calls that led there.
//!
//! | module | idea |
//! |---|---|
//! | [`found`], [`judge`] | values against patterns: whether, and how far |
//! | [`differences`], [`changes`] | where exactly |
//! | [`align`], [`lists`], [`records`] | lists of what happened |
//! | [`replies`], [`stores`] | answers, state |
//! | [`ends`] | calls without an answer |
//! | [`led`] | which host calls led there |
//! | [`within`] | what may be used |
//! | [`texts`], [`words`], [`shown`](mod@shown) | for people |
//!
//! It is pure: it runs nothing and looks at nothing but what it is given.

use mecha_manifest::{
    Span, Spanned,
    suite::{Expected, Listed},
};
use mecha_primitives::identity::Trigger;

use self::{
    differences::Difference,
    found::Found,
    judge::Judge,
    records::{Item, Want},
};
use super::{
    seen::{Reply, Seen},
    verdict::Mismatch,
};

mod align;
mod changes;
mod differences;
mod ends;
mod found;
mod judge;
mod led;
mod lists;
mod records;
mod replies;
#[cfg(test)]
mod samples;
mod shown;
mod stores;
#[cfg(test)]
mod tests;
mod texts;
mod within;
mod words;

pub use self::{
    ends::unexpected_faults,
    shown::{shown, steps},
    within::bounds,
};

/// All that is not as expected, in the order of a test file's keys. `replies` are those of the steps until now.
#[must_use]
pub fn compare(expected: &Expected, seen: &Seen, replies: &[Reply]) -> Vec<Mismatch> {
    let Expected { response, answer, state, events, jobs, outputs, requests, callees, logs, faults } =
        expected;
    let judge = Judge::default();
    let mut all = Mismatches(Vec::new());
    if let Some(wanted) = response {
        all.add(judge.in_response(wanted, replies), || seen.led_to_reply(&Trigger::Http));
    }
    if let Some(wanted) = answer {
        all.add(judge.in_answer(wanted, replies), || seen.led_to_reply(&Trigger::Invoke));
    }
    for wanted in state {
        for found in judge.in_store(wanted, &seen.state) {
            let steps = || seen.led_to_key(&wanted.store, found.key.as_deref());
            all.add(vec![(found.at, found.difference)], steps);
        }
    }
    for (topic, wanted) in events {
        let of_topic = seen.events.iter().filter(|(name, _)| *name == topic.value);
        let items = of_topic.map(|(_, event)| Item::from(event));
        all.list(&judge, wanted, items, &under("events", &topic.value), || seen.led_to_event(&topic.value));
    }
    for (component, wanted) in jobs {
        let items = seen.jobs.iter().filter(|job| job.component == component.value).map(Item::from);
        all.list(&judge, wanted, items, &under("jobs", &component.value), || {
            seen.led_to_job(&component.value)
        });
    }
    for (output, wanted) in outputs {
        let items = seen.outputs.iter().filter(|call| call.output == output.value).map(Item::from);
        all.list(&judge, wanted, items, &under("outputs", &output.value), || {
            seen.led_to_output(&output.value)
        });
    }
    if let Some(wanted) = requests {
        all.list(&judge, wanted, seen.requests.iter().map(Item::from), "requests", || seen.led_to_request());
    }
    for (component, wanted) in callees {
        let items = seen.callees.iter().filter(|call| call.component == component.value).map(Item::from);
        let what = under("callees", &component.value);
        all.list(&judge, wanted, items, &what, || seen.led_to_callee(&component.value));
    }
    if let Some(wanted) = logs {
        let lines = seen.lines.iter().map(|line| Item::of(Found::text(line.text.trim_end_matches('\n'))));
        all.list(&judge, wanted, lines, "logs", Vec::new);
    }
    if let Some(wanted) = faults {
        let last = ends::of(seen).last().map(|ended| ended.index);
        let kinds = ends::of(seen).map(|ended| Item::of(Found::text(ended.kind.as_str())));
        all.list(&judge, wanted, kinds, "faults", || {
            last.map(|call| seen.led_to_end(call)).unwrap_or_default()
        });
    }
    all.0
}

#[derive(Debug)]
struct Mismatches(Vec<Mismatch>);

impl Mismatches {
    fn add(&mut self, differences: Vec<(Span, Difference)>, led: impl Fn() -> Vec<usize>) {
        if differences.is_empty() {
            return;
        }
        let steps = led();
        self.0.extend(differences.into_iter().map(|(at, Difference { what, expected, found })| Mismatch {
            at,
            what,
            expected,
            found,
            steps: steps.clone(),
        }));
    }

    fn list<'a, 'i, T>(
        &mut self,
        judge: &Judge,
        wanted: &'a Listed<T>,
        items: impl Iterator<Item = Item<'i>>,
        what: &str,
        led: impl Fn() -> Vec<usize>,
    ) where
        Want<'a>: From<&'a Spanned<T>>,
    {
        let items: Vec<Item<'i>> = items.collect();
        self.add(judge.in_order(wanted, &items, what), led);
    }
}

fn under(group: &str, name: &impl ToString) -> String {
    texts::under(group, &name.to_string())
}
