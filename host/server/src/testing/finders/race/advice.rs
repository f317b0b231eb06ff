//! What would mend a race.

use std::collections::BTreeSet;

use mecha_primitives::name;

use super::{Explored, explore, races::Race, told::Flaw, turnstile::Made};
use crate::testing::{
    bench::Bench,
    finders::{
        atomic::made_atomic,
        picture::{Difference, Kind, Sort},
    },
};

/// That it would, where it can be tried, is tried.
pub fn advice(bench: &Bench, race: &Race, what: &[Difference], made: &[Made], flaw: Option<Flaw>) -> String {
    let mut lines = vec![];
    let reaches_out = |kind| matches!(kind, Kind::Output | Kind::Request | Kind::Callee);
    let is_double = what.iter().any(|one| reaches_out(one.kind) && one.sort == Sort::Double);
    let components = components(made);
    let names: Vec<_> = components.iter().map(|component| format!("`{component}`")).collect();
    let names = names.join(" and ");
    let mended = made_atomic(bench, &components).and_then(|bench| explore(&bench, race).ok());
    if let Some(Explored { tried, broken: None, left: 0 }) = mended {
        let orders = if tried == 1 { "1 order".to_owned() } else { format!("{tried} orders") };
        lines.push(format!(
            "with `atomic: true` on component {names} this cannot happen (tried: {orders}, all as one after the other)"
        ));
    }
    if flaw == Some(Flaw::LostUpdate) {
        let or = if lines.is_empty() { "" } else { "or " };
        lines.push(format!(
            "{or}set the value only if it is still the one that was read: give `set` the ETag of `get`, and begin again on \
             `conflict`; a number is changed by `increment`"
        ));
    }
    if is_double {
        lines.push(
            "what is done outside cannot be undone: give it an idempotency key that both calls derive from what they are \
             about, or first write down in the state, with `if-absent`, that it is going to be done"
                .to_owned(),
        );
    }
    if lines.is_empty() {
        lines.push(match flaw {
            Some(_) => "what a call relies on has to be the same when it writes: make it one value, set with the ETag of \
                        `get`, or make the call atomic"
                .to_owned(),
            None => "make what has to be seen or changed together one step: one value, one `execute`, or an atomic call"
                .to_owned(),
        });
    }
    lines.join("\n")
}

/// Those that take part and are not atomic yet.
fn components(made: &[Made]) -> Vec<name::Component> {
    let names: BTreeSet<_> = made.iter().filter(|one| one.is_chosen).map(|one| &one.op.component).collect();
    names.into_iter().filter_map(|name| name.parse().ok()).collect()
}
