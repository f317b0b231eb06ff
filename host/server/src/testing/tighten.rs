//! The smallest manifest that would have allowed all that receipts show, as changes of the one there is.
//!
//! A change is made in the text, one after the other. After each the text is read again: if anything else has become of the
//! app, the change is not made, but told of, to be made by hand.

use mecha_manifest::{self as manifest, App, Problem, Secrets};
use regex::Regex;

mod edit;
mod layout;
mod propose;
#[cfg(test)]
mod tests;
pub mod used;

pub use propose::Proposal;
use propose::propose;
use used::Used;

/// What became of a manifest.
#[derive(Debug)]
pub struct Tightened {
    pub text: String,
    /// What has been changed.
    pub done: Vec<Proposal>,
    /// What is to be changed, and cannot be in place.
    pub by_hand: Vec<Proposal>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Fewer calls than these tell little.
const FEW: usize = 20;

/// Tightens a manifest.
///
/// # Errors
/// What is wrong with it.
pub fn tighten(
    file: &str,
    text: &str,
    secrets: &dyn Secrets,
    used: &Used,
) -> Result<Tightened, Vec<Problem>> {
    let (mut app, _) = manifest::load(file, text, secrets)?;
    let mut result =
        Tightened { text: text.to_owned(), done: vec![], by_hand: vec![], notes: notes(&app, used) };
    loop {
        let mut proposals = propose(&app, used);
        let is_new =
            |proposal: &Proposal| !result.by_hand.iter().any(|other| other.is_about_the_same(proposal));
        let Some(next) = proposals.iter().position(is_new) else { break };
        let next = proposals.remove(next);
        let changed = edit::apply(&result.text, &next.path, &next.change).and_then(|text| {
            let (changed, _) = manifest::load(file, &text, secrets).ok()?;
            let is_meant = differs_in(&app, &changed, &next)? && same(&propose(&changed, used), &proposals);
            is_meant.then_some((text, changed))
        });
        match changed {
            Some(changed) => {
                (result.text, app) = changed;
                result.done.push(next);
            }
            None => result.by_hand.push(next),
        }
    }
    Ok(result)
}

/// What receipts do not tell, of this app.
fn notes(app: &App, used: &Used) -> Vec<String> {
    let mut notes = vec![];
    for component in &app.components {
        let name = component.name.as_str();
        match used.components.get(name).map_or(0, |component| component.calls) {
            0 => notes.push(format!("no receipt is of a call of `{name}`: it is left as it is")),
            calls if calls < FEW => {
                let calls = super::report::words::plural(calls, "call");
                notes.push(format!(
                    "the receipts have only {calls} of `{name}`: it may need more than they show"
                ));
            }
            _ => {}
        }
    }
    let any = |has: fn(&manifest::Component) -> bool| app.components.iter().any(has);
    let outside = |component: &manifest::Component| {
        component.callers.iter().any(|grant| grant.caller == manifest::Caller::Outside)
    };
    let untold = [
        (any(|component| !component.env.is_empty()), "env"),
        (any(|component| !component.directories.is_empty()), "directories"),
        (any(|component| !component.links.is_empty()), "link"),
        (any(outside), "callers.outside"),
    ];
    let untold: Vec<_> =
        untold.into_iter().filter_map(|(is_there, key)| is_there.then_some(format!("`{key}`"))).collect();
    if !untold.is_empty() {
        notes
            .push(format!("receipts do not tell what is used of {}: look at it yourself", untold.join(", ")));
    }
    notes
}

/// Whether two apps differ in nothing but the grant that was to be changed.
fn differs_in(before: &App, after: &App, proposal: &Proposal) -> Option<bool> {
    let index =
        before.components.iter().position(|component| component.name.as_str() == proposal.component)?;
    let counts = |app: &App| {
        let component = app.components.get(index)?;
        let lists = [
            component.stores.len(),
            component.outbound.len(),
            component.publish.len(),
            component.invoke.len(),
            component.callers.len(),
            component.outputs.len(),
            usize::from(component.jobs),
        ];
        Some(lists.iter().sum::<usize>())
    };
    let removed = usize::from(proposal.change == edit::Change::Remove);
    let is_one = counts(before)? == counts(after)? + removed;
    Some(is_one && rest(before, index, proposal)? == rest(after, index, proposal)?)
}

/// An app without its places, and without what is to be changed.
fn rest(app: &App, index: usize, proposal: &Proposal) -> Option<String> {
    let mut app = app.clone();
    let component = app.components.get_mut(index)?;
    match proposal.key() {
        "stores" => component.stores.clear(),
        "outbound" => component.outbound.clear(),
        "publish" => component.publish.clear(),
        "invoke" => component.invoke.clear(),
        "callers" => component.callers.clear(),
        "outputs" => component.outputs.clear(),
        "jobs" => component.jobs = false,
        "memory" => component.limits.memory = 0,
        "fuel" => component.limits.fuel = None,
        _ => return None,
    }
    let places = Regex::new(r"Span \{ line: \d+, column: \d+ \}").ok()?;
    Some(places.replace_all(&format!("{app:?}"), "").into_owned())
}

fn same(some: &[Proposal], others: &[Proposal]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| one.is_about_the_same(other))
}
