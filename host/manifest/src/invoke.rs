//! What a component may call (`invoke`, `link`), and who may call it (`callers`).

use mecha_primitives::name;

use crate::{
    allowed,
    app::{Allowed, Caller, CallerGrant, Component, InvokeGrant, Link, Outside, Span, Spanned},
    atomic,
    facts::Facts,
    read::{Item, Reader, each},
    wrong::{Wrong, shown},
};

pub(crate) const LINK_KEYS: &[&str] = &["component", "outside"];

/// People and scripts, among `callers`.
const OUTSIDE: &str = "outside";

/// A list of components, or a map from components to methods.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>, facts: &mut Facts) -> Vec<InvokeGrant> {
    if !item.is_list() {
        let entries = reader.entries_or(item, "a list of components, or a map from them to methods");
        return each(&entries.unwrap_or_default(), |(key, item)| {
            let component = facts.key(reader, key, item)?;
            let (methods, outside) = atomic::grant(reader, item, "methods")?;
            Some(InvokeGrant { component, methods, outside, at: key.at })
        });
    }
    let mut grants: Vec<InvokeGrant> = Vec::new();
    for item in reader.list(item).unwrap_or_default() {
        let Some(Spanned { value: component, at }) = facts.named(reader, &item) else { continue };
        if grants.iter().any(|grant| grant.component == component) {
            let wrong = Wrong::new(format!("{} is given twice", shown(component.as_str())));
            reader.error(at, item.key.as_str(), wrong);
        }
        grants.push(InvokeGrant { component, methods: Allowed::All, outside: Outside::default(), at });
    }
    grants
}

/// A map from WIT interfaces to components.
pub(crate) fn read_links(reader: &mut Reader<'_>, item: &Item<'_>, facts: &mut Facts) -> Vec<Link> {
    let entries = reader.entries(item).unwrap_or_default();
    each(&entries, |(key, item)| {
        let interface = interface(&key.value);
        let interface = interface.map_err(|wrong| reader.error(key.at, item.key.as_str(), wrong));
        let linked = linked(reader, item, facts);
        let (component, outside) = linked?;
        Some(Link { interface: interface.ok()?, component, outside, at: key.at })
    })
}

/// A component, or a map.
fn linked(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<(Spanned<name::Component>, Outside)> {
    if !item.is_map() {
        return Some((facts.trigger(reader, item)?, Outside::default()));
    }
    let fields = reader.fields(item, LINK_KEYS)?;
    let component =
        reader.require(&fields, item.at(), "component", "write who exports it, as in `component: pricing`");
    let component = component.and_then(|item| facts.trigger(reader, &item));
    let outside = fields.or("outside", Outside::default(), |item| atomic::outside(reader, item));
    Some((component?, outside?))
}

/// A map from callers to methods.
pub(crate) fn read_callers(reader: &mut Reader<'_>, item: &Item<'_>, facts: &mut Facts) -> Vec<CallerGrant> {
    let entries = reader.entries(item).unwrap_or_default();
    each(&entries, |(key, item)| {
        let caller = if key.value == OUTSIDE {
            Some(Caller::Outside)
        } else {
            facts.key(reader, key, item).map(Caller::Component)
        };
        let methods = allowed::read(reader, item, "methods");
        Some(CallerGrant { caller: caller?, methods: methods?, at: key.at })
    })
}

/// `namespace:package/interface`, with or without `@version`.
fn interface(text: &str) -> Result<String, Wrong> {
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let (path, version) = match text.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    let is_version = |version: &str| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b))
    };
    let parts = path.split_once(':').and_then(|(namespace, rest)| Some((namespace, rest.split_once('/')?)));
    match parts {
        Some((namespace, (package, name)))
            if [namespace, package, name].into_iter().all(word) && version.is_none_or(is_version) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Wrong::new(format!("{} is no WIT interface", shown(text))).help(
            "write it as in `acme:pricing/quotes`, with or without a version: `acme:pricing/quotes@1.0.0`",
        )),
    }
}

/// Compares who calls with who lets itself be called.
pub(crate) fn check(reader: &mut Reader<'_>, components: &[Component]) {
    for caller in components {
        ambiguous(reader, components, caller);
        for grant in &caller.invoke {
            let key = format!("components.{}.invoke.{}", caller.name, grant.component);
            let Some(callee) = callee(reader, components, caller, &grant.component, grant.at, &key) else {
                continue;
            };
            let Some(allowed) = allowed_by(callee, &caller.name) else {
                let wrong = refusal(callee, caller);
                let help = format!("add `callers: {{ {}: all }}` to `{}`", caller.name, callee.name);
                reader.error(grant.at, key, wrong.help(help));
                continue;
            };
            let Allowed::Only(methods) = &grant.methods else { continue };
            for method in methods.iter().filter(|method| !allowed.allows(&method.value)) {
                let name = shown(&method.value);
                let wrong =
                    Wrong::new(format!("`{}` does not let `{}` call {name}", callee.name, caller.name));
                let help = format!("add it to `components.{}.callers.{}`", callee.name, caller.name);
                reader.error(method.at, key.as_str(), wrong.help(help));
            }
        }
        for link in &caller.links {
            let key = format!("components.{}.link.{}", caller.name, link.interface);
            let at = link.component.at;
            let Some(callee) = callee(reader, components, caller, &link.component.value, at, &key) else {
                continue;
            };
            let allowed = allowed_by(callee, &caller.name);
            if allowed
                .is_some_and(|allowed| allowed.allows(&link.interface) || allowed.allows(link.unversioned()))
            {
                continue;
            }
            let wrong = Wrong::new(format!(
                "`{}` does not let `{}` call {}",
                callee.name,
                caller.name,
                shown(&link.interface)
            ));
            let help = format!(
                "allow it in `components.{}.callers.{}`, by its name or with `all`",
                callee.name, caller.name
            );
            reader.error(at, key, wrong.help(help));
        }
    }
}

/// `outside` among the callers, where a component has that name too.
fn ambiguous(reader: &mut Reader<'_>, components: &[Component], callee: &Component) {
    let outside = callee.callers.iter().find(|grant| grant.caller == Caller::Outside);
    let Some(grant) = outside.filter(|_| components.iter().any(|one| one.name.as_str() == OUTSIDE)) else {
        return;
    };
    let wrong = Wrong::new("`outside` is people and scripts, and here a component too");
    let key = format!("components.{}.callers.{OUTSIDE}", callee.name);
    reader.error(grant.at, key, wrong.help("give the component another name"));
}

fn refusal(callee: &Component, caller: &Component) -> Wrong {
    Wrong::new(format!("the component `{}` does not let `{}` call it", callee.name, caller.name))
}

/// One that is not there has been reported with all that are named and not there.
fn callee<'c>(
    reader: &mut Reader<'_>,
    components: &'c [Component],
    caller: &Component,
    name: &name::Component,
    at: Span,
    key: &str,
) -> Option<&'c Component> {
    if *name == caller.name {
        let wrong = Wrong::new(format!("the component `{name}` calls itself"));
        reader.error(at, key, wrong.help("calls that go round in a circle are refused"));
        return None;
    }
    components.iter().find(|component| component.name == *name)
}

/// What the callee lets this caller call.
pub(crate) fn allowed_by<'c>(callee: &'c Component, caller: &name::Component) -> Option<&'c Allowed> {
    let is = |grant: &&CallerGrant| matches!(&grant.caller, Caller::Component(name) if name == caller);
    callee.callers.iter().find(is).map(|grant| &grant.methods)
}

/// What is allowed, and nobody makes use of.
pub(crate) fn warn(reader: &mut Reader<'_>, components: &[Component]) {
    for callee in components {
        for grant in &callee.callers {
            let Caller::Component(name) = &grant.caller else { continue };
            let Some(caller) = components.iter().find(|component| component.name == *name) else { continue };
            let invokes = caller.invoke.iter().any(|grant| grant.component == callee.name);
            let links = caller.links.iter().any(|link| link.component.value == callee.name);
            if !invokes && !links {
                let wrong = Wrong::new(format!("the component `{name}` does not call `{}`", callee.name));
                let help = format!("let it, as in `invoke: [{}]` in `{name}`", callee.name);
                reader.warn(grant.at, format!("components.{}.callers.{name}", callee.name), wrong.help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces() {
        for good in ["acme:pricing/quotes", "a:b/c@1.0.0", "a:b/c@0.2.0-rc.1+x", "my-org:a-b/c-d2"] {
            assert_eq!(interface(good).unwrap(), good);
        }
        for wrong in [
            "",
            "quotes",
            "a:b",
            "a/b",
            "a:b/c@",
            "a:b/c@v1",
            "a:b/c/d",
            ":b/c",
            "a:/c",
            "a b:c/d",
            "a:b/c@1@2",
        ] {
            assert!(interface(wrong).is_err(), "{wrong:?}");
        }
    }
}
