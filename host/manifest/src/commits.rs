//! Compares what is atomic with what one commit can hold.
//!
//! A commit covers one engine, and undoes nothing that was done beyond it. Which operations of outputs can wait for it
//! is known by who carries them out, and is not checked here.

use mecha_primitives::name;

use crate::{
    app::{Allowed, Component, DirAccess, Outside, Span, Store, Topic, Triggers},
    invoke,
    read::Reader,
    wrong::{Wrong, nearest, shown},
};

mod engines;

/// What of an app is compared.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) components: &'a [Component],
    pub(crate) stores: &'a [Store],
    /// With the implicit one.
    pub(crate) topics: &'a [Topic],
    pub(crate) triggers: Triggers<'a>,
}

/// Whether what a component keeps is in memory. All of it is where the first is, as was checked.
pub(crate) fn is_in_memory(parts: Parts<'_>, component: &Component) -> bool {
    engines::is_in_memory(parts, component)
}

/// Errors: what is said to be atomic and cannot be.
pub(crate) fn check(reader: &mut Reader<'_>, parts: Parts<'_>) {
    for component in parts.components {
        meaningless(reader, component);
        if parts.triggers.any_atomic(component) {
            beyond(reader, component);
            calls(reader, parts, component);
        }
    }
    engines::check(reader, parts);
}

/// What `atomic` says of nothing that is there.
fn meaningless(reader: &mut Reader<'_>, component: &Component) {
    let name = &component.name;
    if component.atomic.jobs.is_some() && !component.jobs {
        let wrong = Wrong::new(format!("`atomic` has `jobs`, but `{name}` may schedule none"));
        let help =
            "add `jobs: true` to the component, or leave it out; a schedule has an `atomic` of its own";
        reader.error(component.at, format!("components.{name}.atomic.jobs"), wrong.help(help));
    }
    for (method, _) in &component.atomic.methods {
        let callable = || component.callers.iter().map(|grant| &grant.methods);
        if callable().any(|allowed| lets(allowed, &method.value)) {
            continue;
        }
        let names = callable().filter_map(|allowed| match allowed {
            Allowed::All => None,
            Allowed::Only(names) => Some(names.iter().map(|name| name.value.as_str())),
        });
        let help = match nearest(&method.value, names.flatten()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "let somebody call it in `callers`, or leave it out".to_owned(),
        };
        let wrong = Wrong::new(format!("nobody is let call {} of `{name}`", shown(&method.value)));
        reader.error(method.at, format!("components.{name}.atomic.methods"), wrong.help(help));
    }
}

/// Whether a name is let, with or without a version on either side.
fn lets(allowed: &Allowed, name: &str) -> bool {
    match allowed {
        Allowed::All => true,
        Allowed::Only(names) => names.iter().any(|allowed| {
            let allowed = allowed.value.as_str();
            allowed == name || unversioned(allowed) == name || unversioned(name) == allowed
        }),
    }
}

fn unversioned(name: &str) -> &str {
    name.split('@').next().unwrap_or_default()
}

/// Grants of what cannot be undone.
fn beyond(reader: &mut Reader<'_>, component: &Component) {
    let name = &component.name;
    for (index, grant) in component.outbound.iter().enumerate() {
        if grant.outside == Outside::Forbidden {
            let pattern = shown(&grant.to_string());
            let wrong =
                Wrong::new(format!("`{name}` is atomic, but what it sends to {pattern} cannot be undone"));
            let help = format!(
                "add `outside: safe`, as in `{{ host: \"{grant}\", outside: safe }}`, to let GET, HEAD, OPTIONS and TRACE \
                 through, or `outside: allow` for any method"
            );
            reader.error(grant.at, format!("components.{name}.outbound[{index}]"), wrong.help(help));
        }
    }
    for (index, directory) in component.directories.iter().enumerate() {
        if directory.access == DirAccess::ReadWrite && directory.outside == Outside::Forbidden {
            let folder = shown(&directory.guest);
            let wrong =
                Wrong::new(format!("`{name}` is atomic, but what it writes to {folder} cannot be undone"));
            let help = "add `outside: allow`, and it is written at once and stays, or grant `access: read`";
            reader.error(directory.at, format!("components.{name}.directories[{index}]"), wrong.help(help));
        }
    }
}

/// Calls that cannot be a part of the caller's commit.
fn calls(reader: &mut Reader<'_>, parts: Parts<'_>, caller: &Component) {
    let callee = |name: &name::Component| {
        parts.components.iter().find(|one| one.name == *name && one.name != caller.name)
    };
    for grant in caller.invoke.iter().filter(|grant| grant.outside == Outside::Forbidden) {
        let Some(callee) = callee(&grant.component) else { continue };
        // Who is not let call at all has been told so.
        let Some(allowed) = invoke::allowed_by(callee, &caller.name) else { continue };
        let key = format!("components.{}.invoke.{}", caller.name, callee.name);
        let plain = |name: &&str| !callee.atomic.method(name);
        match (&grant.methods, allowed) {
            (Allowed::Only(methods), _) => {
                for method in methods.iter().filter(|method| plain(&method.value.as_str())) {
                    not_atomic(reader, caller, callee, Some(&method.value), method.at, &key);
                }
            }
            (Allowed::All, Allowed::Only(methods)) => {
                for method in methods.iter().map(|method| method.value.as_str()).filter(plain) {
                    not_atomic(reader, caller, callee, Some(method), grant.at, &key);
                }
            }
            (Allowed::All, Allowed::All) if !callee.atomic.default => {
                not_atomic(reader, caller, callee, None, grant.at, &key);
            }
            (Allowed::All, Allowed::All) => {
                for method in
                    callee.atomic.methods.iter().map(|(method, _)| method.value.as_str()).filter(plain)
                {
                    not_atomic(reader, caller, callee, Some(method), grant.at, &key);
                }
            }
        }
    }
    for link in caller.links.iter().filter(|link| link.outside == Outside::Forbidden) {
        let Some(callee) = callee(&link.component.value) else { continue };
        if !callee.atomic.method(&link.interface) {
            let key = format!("components.{}.link.{}", caller.name, link.interface);
            not_atomic(reader, caller, callee, Some(&link.interface), link.component.at, &key);
        }
    }
}

/// `method`: `None` stands for all that are not named.
fn not_atomic(
    reader: &mut Reader<'_>,
    caller: &Component,
    callee: &Component,
    method: Option<&str>,
    at: Span,
    key: &str,
) {
    let what = match method {
        Some(method) => format!("{} of `{}` is not", shown(method), callee.name),
        None => format!("the methods of `{}` are not", callee.name),
    };
    let wrong = Wrong::new(format!("`{}` is atomic, but {what}", caller.name));
    let help = format!(
        "make it so in `components.{}.atomic`, or add `outside: allow` to the grant: the call is not undone then",
        callee.name
    );
    reader.error(at, key, wrong.help(help));
}

/// What is said of atomic calls, and there is none.
pub(crate) fn warn(reader: &mut Reader<'_>, parts: Parts<'_>) {
    for component in parts.components {
        for (index, route) in component.routes.iter().enumerate() {
            if route.idempotency.is_some() && !route.atomic {
                let path = shown(&route.path.to_string());
                let wrong = Wrong::new(format!(
                    "the route {path} has `idempotency` and is not atomic: its effects happen at least once"
                ));
                let help = "add `atomic: true`, and they and the answer are kept together or not at all";
                let key = format!("components.{}.http[{index}].idempotency", component.name);
                reader.warn(route.at, key, wrong.help(help));
            }
        }
        for (index, folder) in component.directories.iter().enumerate() {
            if folder.access == DirAccess::Read && folder.outside != Outside::Forbidden {
                let guest = shown(&folder.guest);
                let wrong = Wrong::new(format!("`outside`, but the folder {guest} is only read"));
                let help = "leave it out, or grant `access: read-write`";
                let key = format!("components.{}.directories[{index}]", component.name);
                reader.warn(folder.at, key, wrong.help(help));
            }
        }
        if !parts.triggers.any_atomic(component) {
            for (at, key) in outsides(component) {
                let wrong = Wrong::new(format!("`outside`, but nothing of `{}` is atomic", component.name));
                let help = "leave it out, or make the component atomic: `atomic: true`";
                reader.warn(at, format!("components.{}.{key}", component.name), wrong.help(help));
            }
        }
    }
}

/// The place of each grant with `outside`, and how its key ends.
fn outsides(component: &Component) -> impl Iterator<Item = (Span, String)> {
    let is = |outside: Outside| outside != Outside::Forbidden;
    let outbound = component.outbound.iter().enumerate().filter(move |(_, grant)| is(grant.outside));
    let outbound = outbound.map(|(index, grant)| (grant.at, format!("outbound[{index}]")));
    let folders = component.directories.iter().enumerate().filter(move |(_, folder)| is(folder.outside));
    let folders = folders.map(|(index, folder)| (folder.at, format!("directories[{index}]")));
    let invoke = component.invoke.iter().filter(move |grant| is(grant.outside));
    let invoke = invoke.map(|grant| (grant.at, format!("invoke.{}", grant.component)));
    let links = component.links.iter().filter(move |link| is(link.outside));
    let links = links.map(|link| (link.at, format!("link.{}", link.interface)));
    let outputs = component.outputs.iter().filter(move |grant| is(grant.outside));
    let outputs = outputs.map(|grant| (grant.at, format!("outputs.{}", grant.output)));
    outbound.chain(folders).chain(invoke).chain(links).chain(outputs)
}
