//! Whether the imports that are linked to other components fit what those export; and whether all can be linked.

use mecha_manifest::{self as manifest, App, Link, Problem};
use mecha_primitives::name;
use mecha_runtime::{
    component::Component,
    exports::typed::{self, Mismatch, compare},
    imports,
    micrologic::Micrologic,
};

use super::{
    checker::{Checker, Compiled},
    circle,
    handlers::listed,
};

/// The full name of what a link is about, as the caller imports it.
#[must_use]
pub fn import<'c>(link: &Link, caller: &'c Component) -> Option<&'c str> {
    Component::full_name(&caller.imports, &link.interface)
}

/// The full name of what serves a link, as the callee exports it: in the version that is imported, if it has that.
#[must_use]
pub fn export<'c>(link: &Link, import: &str, callee: &'c Component) -> Option<&'c str> {
    let full_name = |interface| Component::full_name(&callee.exports, interface);
    full_name(import).or_else(|| full_name(&link.interface))
}

pub(super) fn check(
    checker: &mut Checker<'_>,
    meta: &manifest::Component,
    component: &Component,
    compiled: &Compiled<'_>,
) {
    let (mut links, mut is_whole) = (Vec::<typed::Link>::new(), true);
    for link in &meta.links {
        let Some(callee) = compiled.get(&link.component.value) else {
            is_whole = false;
            continue;
        };
        let Some((import, export)) = ends(checker, meta, component, link, callee) else { continue };
        let key = key(meta, link);
        if links.iter().any(|before| before.import == import) {
            checker.error(link.at, key, format!("`{import}` is linked twice"), "remove one of the two");
            continue;
        }
        for mismatch in compare(component, import, callee, export) {
            let (message, help) = differs(meta, link, import, export, &mismatch);
            checker.error(link.at, key.as_str(), message, help);
        }
        links.push(typed::Link::unserved(import, export));
    }
    // Whatever was said of the component already is the reason, and said better.
    let source = format!("components.{}.source", meta.name);
    if !is_whole || checker.has_error(&source) || checker.has_error(&format!("components.{}.link", meta.name))
    {
        return;
    }
    if let Err(error) = Micrologic::check(component, &links) {
        let message = format!("the component cannot be linked: {error:#}");
        checker.problems.push(Problem::error(checker.file, checker.at(meta.source.at), source, message));
    }
}

fn key(meta: &manifest::Component, link: &Link) -> String {
    format!("components.{}.link.{}", meta.name, link.interface)
}

/// The full names of import and export, if both are there.
fn ends<'c>(
    checker: &mut Checker<'_>,
    meta: &manifest::Component,
    component: &'c Component,
    link: &Link,
    callee: &'c Component,
) -> Option<(&'c str, &'c str)> {
    let interface = &link.interface;
    let Some(import) = import(link, component) else {
        let others = component.imports.iter();
        let others =
            listed(others.filter(|item| !item.is_types_only && imports::lacking(&item.name).is_some()));
        let message = format!("the component does not import `{interface}`");
        checker.error(
            link.at,
            key(meta, link),
            message,
            format!("beside what the host has, it imports {others}"),
        );
        return None;
    };
    if imports::lacking(import).is_none() {
        let message = format!("`{import}` is served by the host, and by nobody else");
        checker.error(link.at, key(meta, link), message, "remove the link");
        return None;
    }
    let Some(export) = export(link, import, callee) else {
        let message = format!("the component `{}` does not export `{interface}`", link.component.value);
        let help = format!("it exports {}", listed(&callee.exports));
        checker.error(link.component.at, key(meta, link), message, help);
        return None;
    };
    Some((import, export))
}

fn differs(
    meta: &manifest::Component,
    link: &Link,
    import: &str,
    export: &str,
    mismatch: &Mismatch,
) -> (String, String) {
    let Mismatch { name, imported, exported, unfit } = mismatch;
    let callee = &link.component.value;
    match unfit {
        Some(unfit) => (
            format!("`{name}` of `{import}` cannot be linked: it {unfit}\n  imported as {imported}"),
            "what passes from one component to another is copied: resources, streams and futures cannot be"
                .into(),
        ),
        None => (
            format!(
                "`{name}` is not the same in `{}` and in `{callee}`\n  imported as {imported}\n  exported as {exported}",
                meta.name
            ),
            match import == export {
                true => format!("compile both components for the same `{import}`"),
                false => {
                    format!("compile both components for the same interface: it is `{import}` and `{export}`")
                }
            },
        ),
    }
}

/// Links that come back to where they began: a call would wait for itself.
pub(super) fn circles(checker: &mut Checker<'_>, app: &App) {
    let index = |name: &name::Component| app.components.iter().position(|component| component.name == *name);
    let links = app.components.iter().map(|component| {
        component.links.iter().filter_map(|link| index(&link.component.value)).collect::<Vec<_>>()
    });
    for circle in circle::all(&links.collect::<Vec<_>>()) {
        let Some((first, second)) = circle.first().zip(circle.get(1).or(circle.first())) else { continue };
        let (caller, callee) = (&app.components[*first], &app.components[*second]);
        let Some(link) = caller.links.iter().find(|link| link.component.value == callee.name) else {
            continue;
        };
        let names = circle.iter().chain([first]).map(|index| app.components[*index].name.as_str());
        let names = names.collect::<Vec<_>>().join(" → ");
        checker.error(
            link.at,
            key(caller, link),
            format!("the links go round in a circle: {names}"),
            "take one of them out: a call would wait for itself",
        );
    }
}
