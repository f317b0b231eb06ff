//! What would mend a case that breaks: remedies are tried, and if none helps, there is something to think about.

use mecha_manifest::suite::{Action, Case, Request, Step};
use mecha_primitives::name;

use super::{
    Attempt, Finder,
    picture::{Difference, Kind, Sort},
    search,
    usual::Usual,
};
use crate::testing::bench::Remedy;

const HEADER: &str = "idempotency-key";

pub(super) fn advice(finder: &Finder, usual: &Usual<'_>, attempt: &Attempt, what: &[Difference]) -> String {
    let app = &usual.bench.loaded.app;
    let struck = usual.points.get(attempt.at).map(|point| point.component.clone());
    let mut sets: Vec<Vec<name::Component>> = struck.into_iter().map(|name| vec![name]).collect();
    if app.components.len() > 1 {
        sets.push(app.components.iter().map(|meta| meta.name.clone()).collect());
    }
    let with =
        |idempotency: bool| sets.iter().map(move |atomic| Remedy { atomic: atomic.clone(), idempotency });
    let keys = Remedy { atomic: vec![], idempotency: true };
    let remedies = with(false).chain([keys]).chain(with(true));
    for remedy in remedies.filter(|remedy| !remedy.idempotency || has_request(&usual.case)) {
        if let Some(tried) = mends(finder, usual, &remedy) {
            return helps(finder, &remedy, tried);
        }
    }
    suggested(what).to_owned()
}

/// How much was tried, if nothing of it goes wrong any more and the case still does what it did.
fn mends(finder: &Finder, usual: &Usual<'_>, remedy: &Remedy) -> Option<usize> {
    let bench = usual.bench.with(remedy.clone());
    let mut case = usual.case.clone();
    if remedy.idempotency {
        with_keys(&mut case.when);
    }
    let other = Usual::of(&bench, &case, finder.medium).ok()?.ok()?;
    if !other.picture.differs_from(&usual.picture, &usual.masks).is_empty() {
        return None;
    }
    let searched = search(finder, &other).ok()?;
    (searched.wrong == 0 && searched.left == 0).then_some(searched.tried)
}

fn helps(finder: &Finder, remedy: &Remedy, tried: usize) -> String {
    let names: Vec<_> = remedy.atomic.iter().map(|name| format!("`{name}`")).collect();
    let atomic = match &names[..] {
        [] => None,
        [name] => Some(format!("`atomic: true` on component {name}")),
        names => Some(format!("`atomic: true` on components {}", names.join(", "))),
    };
    let keys = "`idempotency: true` on the route and an Idempotency-Key in the request".to_owned();
    let with: Vec<_> = atomic.into_iter().chain(remedy.idempotency.then_some(keys)).collect();
    let (one, many) = finder.name;
    let made = if tried == 1 { one } else { many };
    let with = with.join(", ");
    format!("with {with} this cannot happen (tried: {tried} {made}, none lost or doubled anything)")
}

fn suggested(what: &[Difference]) -> &'static str {
    let is = |kinds: &[Kind], sort| {
        what.iter().any(|difference| kinds.contains(&difference.kind) && difference.sort == sort)
    };
    let outside = &[Kind::Output, Kind::Request, Kind::Callee];
    if is(outside, Sort::Double) {
        "give what is done outside an idempotency key that is the same at each try, made of what was asked for and not drawn"
    } else if is(&[Kind::Event], Sort::Double) {
        "give the event an id that is the same at each try, so that who takes it can recognize it"
    } else if is(outside, Sort::Missing) || is(&[Kind::Event, Kind::Job], Sort::Missing) {
        "note that it is done only after it is done, and end with an error if it fails, so that it is tried again"
    } else if is(&[Kind::State], Sort::Changed) || is(&[Kind::State], Sort::Double) {
        "write what the request says rather than a change of what is there, or guard the write: note in the same transaction that it is done"
    } else {
        "end with an error if a host call fails, so that whoever asked tries again"
    }
}

fn has_request(case: &Case) -> bool {
    fn any(steps: &[Step]) -> bool {
        steps.iter().any(|step| match &step.action {
            Action::Request(_) => true,
            Action::AtOnce(steps) => any(steps),
            _ => false,
        })
    }
    any(&case.when)
}

/// Requests that have no key get one each.
fn with_keys(steps: &mut [Step]) {
    fn give(request: &mut Request, key: String) {
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(HEADER)) {
            request.headers.push((HEADER.to_owned(), key));
        }
    }
    for (index, step) in steps.iter_mut().enumerate() {
        match &mut step.action {
            Action::Request(request) => give(request, format!("step-{index}")),
            Action::AtOnce(steps) => {
                for (inner, step) in steps.iter_mut().enumerate() {
                    if let Action::Request(request) = &mut step.action {
                        give(request, format!("step-{index}-{inner}"));
                    }
                }
            }
            _ => {}
        }
    }
}
