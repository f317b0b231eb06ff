//! Whether all that an atomic call can change is on one engine.

use std::fmt;

use mecha_primitives::name;

use super::Parts;
use crate::{
    app::{Component, Outside, Span, StoreKind, TopicKind},
    read::Reader,
    wrong::{Wrong, shown},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Embedded,
    Memory,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Memory => "in memory",
        })
    }
}

impl From<StoreKind> for Engine {
    fn from(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Embedded => Self::Embedded,
            StoreKind::Memory => Self::Memory,
        }
    }
}

impl From<TopicKind> for Engine {
    fn from(kind: TopicKind) -> Self {
        match kind {
            TopicKind::Embedded => Self::Embedded,
            TopicKind::Memory => Self::Memory,
        }
    }
}

/// Something that atomic calls of a component change, or that remembers them.
#[derive(Debug)]
struct Kept {
    what: String,
    is: &'static str,
    engine: Engine,
    at: Span,
    key: String,
}

/// What one component has on its engine, and on another.
#[derive(Default)]
struct Witnesses {
    first: Option<Kept>,
    other: Option<Kept>,
}

/// Whether the first thing that a component, or one whose calls join its own, keeps is in memory.
pub(super) fn is_in_memory(parts: Parts<'_>, component: &Component) -> bool {
    let own: Vec<Witnesses> = parts.components.iter().map(|component| witnesses(parts, component)).collect();
    let index = parts.components.iter().position(|one| one.name == component.name);
    let kept = index.and_then(|index| reached(parts, &own, index, None));
    kept.is_some_and(|(kept, _)| kept.engine == Engine::Memory)
}

/// One error for each component, at the first thing that is elsewhere.
pub(super) fn check(reader: &mut Reader<'_>, parts: Parts<'_>) {
    let own: Vec<Witnesses> = parts.components.iter().map(|component| witnesses(parts, component)).collect();
    for (index, component) in parts.components.iter().enumerate() {
        if !parts.triggers.any_atomic(component) {
            continue;
        }
        let mut first = own[index].first.as_ref().map(|kept| (kept, component));
        if let (Some((first, _)), Some(other)) = (first, &own[index].other) {
            let spread = format!(
                "{} {} {} and {} {} {}",
                first.what, first.is, first.engine, other.what, other.is, other.engine
            );
            refuse(reader, component, &spread, other.at, other.key.clone());
            continue;
        }
        for (callee, at, key) in joined(parts, component) {
            let Some((kept, owner)) = reached(parts, &own, callee, first.map(|(kept, _)| kept.engine)) else {
                continue;
            };
            let Some((before, before_owner)) = first.replace((kept, owner)) else { continue };
            let of = |owner: &Component| match owner.name == component.name {
                true => String::new(),
                false => format!(" of `{}`", owner.name),
            };
            let spread = format!(
                "{}{} {} {} and {}{} {} {}",
                before.what,
                of(before_owner),
                before.is,
                before.engine,
                kept.what,
                of(owner),
                kept.is,
                kept.engine
            );
            refuse(reader, component, &spread, at, format!("components.{}.{key}", component.name));
            break;
        }
    }
}

fn refuse(reader: &mut Reader<'_>, component: &Component, spread: &str, at: Span, key: String) {
    let wrong = Wrong::new(format!("`{}` is atomic, but {spread}", component.name));
    let help = "one commit covers one engine: keep all embedded, or all in memory. Jobs, schedules, inputs and kept \
                answers are always embedded";
    reader.error(at, key, wrong.help(help));
}

/// Components whose calls can be a part of this one's commit, with the place of the grant and how its key ends.
fn joined<'a>(
    parts: Parts<'a>,
    caller: &'a Component,
) -> impl Iterator<Item = (usize, Span, String)> + use<'a> {
    let index = move |name: &name::Component| parts.components.iter().position(|one| one.name == *name);
    let invoke = caller.invoke.iter().filter(|grant| grant.outside == Outside::Forbidden);
    let invoke = invoke.filter_map(move |grant| {
        Some((index(&grant.component)?, grant.at, format!("invoke.{}", grant.component)))
    });
    let links = caller.links.iter().filter(|link| link.outside == Outside::Forbidden);
    let links = links.filter_map(move |link| {
        Some((index(&link.component.value)?, link.component.at, format!("link.{}", link.interface)))
    });
    invoke.chain(links)
}

/// The first that a component and those that it calls have elsewhere than on this engine; or have at all. Without
/// recursion, for the number of components is anybody's.
fn reached<'a>(
    parts: Parts<'a>,
    own: &'a [Witnesses],
    from: usize,
    engine: Option<Engine>,
) -> Option<(&'a Kept, &'a Component)> {
    let mut seen = vec![false; own.len()];
    let mut waiting = vec![from];
    while let Some(index) = waiting.pop() {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        let component = &parts.components[index];
        // One that is spread itself has an error of its own.
        let Witnesses { first, other: None } = &own[index] else { continue };
        if let Some(kept) = first.as_ref().filter(|kept| engine != Some(kept.engine)) {
            return Some((kept, component));
        }
        waiting.extend(joined(parts, component).map(|(callee, ..)| callee));
    }
    None
}

fn witnesses(parts: Parts<'_>, component: &Component) -> Witnesses {
    let mut kept = stores(parts, component)
        .chain(published(parts, component))
        .chain(taken(parts, component))
        .chain(always_embedded(parts, component));
    let Some(first) = kept.next() else { return Witnesses::default() };
    let other = kept.find(|kept| kept.engine != first.engine);
    Witnesses { first: Some(first), other }
}

fn stores<'a>(parts: Parts<'a>, component: &'a Component) -> impl Iterator<Item = Kept> + use<'a> {
    component.stores.iter().filter_map(move |grant| {
        let store = parts.stores.iter().find(|store| store.name == grant.store)?;
        let key = format!("components.{}.stores.{}", component.name, store.name);
        Some(Kept {
            what: format!("store `{}`", store.name),
            is: "is",
            engine: store.kind.into(),
            at: grant.at,
            key,
        })
    })
}

fn published<'a>(parts: Parts<'a>, component: &'a Component) -> impl Iterator<Item = Kept> + use<'a> {
    component.publish.iter().enumerate().flat_map(move |(index, grant)| {
        parts.topics.iter().filter(|topic| grant.covers(topic)).map(move |topic| Kept {
            what: format!("topic `{}`", topic.name),
            is: "is",
            engine: topic.kind.into(),
            at: grant.at,
            key: format!("components.{}.publish[{index}]", component.name),
        })
    })
}

/// Topics whose deliveries are settled in the commit.
fn taken<'a>(parts: Parts<'a>, component: &'a Component) -> impl Iterator<Item = Kept> + use<'a> {
    parts.triggers.subscriptions_of(component).flat_map(move |subscription| {
        parts.topics.iter().filter(|topic| subscription.takes(topic)).map(move |topic| Kept {
            what: format!("topic `{}`", topic.name),
            is: "is",
            engine: topic.kind.into(),
            at: subscription.topics.first().map_or(subscription.at, |pattern| pattern.at),
            key: format!("subscriptions.{}.topic", subscription.name),
        })
    })
}

fn always_embedded<'a>(parts: Parts<'a>, component: &'a Component) -> impl Iterator<Item = Kept> + use<'a> {
    let embedded = |what: String, is, at, key| Kept { what, is, engine: Engine::Embedded, at, key };
    let name = &component.name;
    let jobs = component
        .jobs
        .then(|| embedded("jobs".to_owned(), "are", component.at, format!("components.{name}.jobs")));
    let schedules = parts.triggers.schedules_of(component).map(move |schedule| {
        let what = format!("schedule `{}`", schedule.name);
        embedded(what, "is", schedule.at, format!("schedules.{}", schedule.name))
    });
    let inputs = parts.triggers.inputs_of(component).map(move |input| {
        let what = format!("input `{}`", input.name);
        embedded(what, "is", input.at, format!("inputs.{}", input.name))
    });
    let routes = component.routes.iter().enumerate();
    let routes = routes.filter(|(_, route)| route.atomic && route.idempotency.is_some());
    let answers = routes.map(move |(index, route)| {
        let what = format!("kept answers of {}", shown(&route.path.to_string()));
        embedded(what, "are", route.at, format!("components.{name}.http[{index}].idempotency"))
    });
    jobs.into_iter().chain(schedules).chain(inputs).chain(answers)
}
