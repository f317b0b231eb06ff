//! What would mend a race.

use std::collections::BTreeSet;

use mecha_primitives::name;

use super::{Explored, Serial, explore, races::Race, told::Flaw, turnstile::Made};
use crate::testing::{
    bench::{Bench, Remedy},
    finders::picture::{Difference, Kind, Sort},
};

/// What can be tried is tried.
pub(super) fn advice(
    bench: &Bench,
    race: &Race,
    serial: &Serial,
    what: &[Difference],
    made: &[Made],
    flaw: Option<Flaw>,
) -> String {
    let mut advice = vec![];
    let components = components(made);
    if let Some(tried) = mends(bench, race, serial, &components) {
        let names: Vec<_> = components.iter().map(|component| format!("`{component}`")).collect();
        let many = if names.len() > 1 { "components" } else { "component" };
        let orders = if tried == 1 { "1 order".to_owned() } else { format!("{tried} orders") };
        advice.push(format!(
            "with `atomic: true` on {many} {} this cannot happen (tried: {orders}, each as one after the other)",
            names.join(", ")
        ));
    }
    let reaches_out = |kind| matches!(kind, Kind::Output | Kind::Request | Kind::Callee);
    if what.iter().any(|one| reaches_out(one.kind) && one.sort == Sort::Double) {
        advice.push(OUTSIDE.to_owned());
    }
    match flaw {
        Some(Flaw::LostUpdate) => advice.push(GUARD.to_owned()),
        Some(Flaw::StaleRead) if advice.is_empty() => advice.push(RELY.to_owned()),
        None if advice.is_empty() => advice.push(ONE.to_owned()),
        _ => {}
    }
    advice.join("; or ")
}

const GUARD: &str = "write only over what was read: give `set` the ETag of `get`, and begin again on `conflict`; change a \
                     number by `increment`";
const OUTSIDE: &str =
    "give what is done outside an idempotency key that is the same in both calls, made of what it is about";
const RELY: &str = "keep what a call relies on and what it writes in one value, set with the ETag of `get`";
const ONE: &str = "make what is changed, or seen, together one step: one value, or one transaction";

/// How many orders there are, if none comes to anything else than before any more when these are atomic.
fn mends(bench: &Bench, race: &Race, serial: &Serial, components: &[name::Component]) -> Option<usize> {
    let bench = bench.with(Remedy { atomic: components.to_vec(), idempotency: false });
    let other = Serial::of(&bench, race).ok()?.ok()?;
    let explored = explore(&bench, race, &other).ok()?;
    match explored {
        Explored { tried, left: 0, broken: None } if other.is_within(serial) => Some(tried),
        _ => None,
    }
}

/// Those that take part.
fn components(made: &[Made]) -> Vec<name::Component> {
    let names: BTreeSet<_> = made.iter().filter(|one| one.is_chosen).map(|one| &one.op.component).collect();
    names.into_iter().filter_map(|name| name.parse().ok()).collect()
}
