//! What a test file names, found in the app that it tests.

use crate::{
    app::{App, Component, Input, Output, Schedule, Span, Spanned, Topic},
    read::{Fields, Item, Reader, each},
    suite::StoreRef,
    wrong::{Wrong, nearest, shown},
};

/// As many names as anybody wants to read in a message.
const MAX_SHOWN: usize = 20;

pub(super) fn component<'a>(app: &'a App, text: &str) -> Result<&'a Component, Wrong> {
    find(text, "component", app.components.iter().map(|found| (found.name.as_str(), found)))
}

pub(super) fn topic<'a>(app: &'a App, text: &str) -> Result<&'a Topic, Wrong> {
    find(text, "topic", app.topics.iter().map(|found| (found.name.as_str(), found)))
}

pub(super) fn output<'a>(app: &'a App, text: &str) -> Result<&'a Output, Wrong> {
    find(text, "output", app.outputs.iter().map(|found| (found.name.as_str(), found)))
}

pub(super) fn input<'a>(app: &'a App, text: &str) -> Result<&'a Input, Wrong> {
    find(text, "input", app.inputs.iter().map(|found| (found.name.as_str(), found)))
}

pub(super) fn schedule<'a>(app: &'a App, text: &str) -> Result<&'a Schedule, Wrong> {
    find(text, "schedule", app.schedules.iter().map(|found| (found.name.as_str(), found)))
}

/// `STORE`, or `STORE@COMPONENT` where components have keys of their own in it.
pub(super) fn store(app: &App, text: &str) -> Result<StoreRef, Wrong> {
    let (name, of) = match text.split_once('@') {
        Some((name, of)) => (name, Some(of)),
        None => (text, None),
    };
    let store = find(name, "store", app.stores.iter().map(|found| (found.name.as_str(), found)))?;
    let has = |component: &&Component| component.stores.iter().any(|grant| grant.store == store.name);
    let having: Vec<&Component> = app.components.iter().filter(has).collect();
    let found = |component: Option<&Component>| StoreRef {
        store: store.name.clone(),
        component: component.map(|component| component.name.clone()),
    };
    match (of, store.shared) {
        (None, true) => Ok(found(None)),
        (Some(_), true) => Err(Wrong::new(format!("{} names a component of a shared store", shown(text)))
            .help(format!("all components have the same keys in it: write `{name}`"))),
        (Some(of), false) => {
            let component = component(app, of)?;
            let all = having.iter().map(|component| (component.name.as_str(), *component));
            let missing =
                || Wrong::new(format!("the component `{}` does not have the store `{name}`", component.name));
            match having.iter().any(|having| having.name == component.name) {
                true => Ok(found(Some(component))),
                false => Err(missing().help(format!("who has it: {}", listed(all.map(|(name, _)| name))))),
            }
        }
        (None, false) => match having.as_slice() {
            [] => Err(Wrong::new(format!("no component has the store `{name}`")).help(format!(
                "grant it in a component's `stores`, as in `stores: {{ {name}: read-write }}`"
            ))),
            [only] => Ok(found(Some(only))),
            several => {
                let names: Vec<String> =
                    several.iter().map(|component| format!("{name}@{}", component.name)).collect();
                let wrong =
                    Wrong::new(format!("several components have a store `{name}`, each with its own keys"));
                Err(wrong.help(format!("say whose, as one of: {}", listed(names.iter().map(String::as_str)))))
            }
        },
    }
}

/// `noun` is what has such a name; several of them have an `s`.
pub(super) fn find<'a, T>(
    text: &str,
    noun: &str,
    all: impl Iterator<Item = (&'a str, T)> + Clone,
) -> Result<T, Wrong> {
    if let Some((_, found)) = all.clone().find(|(name, _)| *name == text) {
        return Ok(found);
    }
    let names = all.map(|(name, _)| name);
    let help = match (nearest(text, names.clone()), names.clone().next()) {
        (_, None) => format!("the app has no {noun}s"),
        (Some(near), _) => format!("did you mean `{near}`? there are: {}", listed(names)),
        (None, _) => format!("there are: {}", listed(names)),
    };
    Err(Wrong::new(format!("there is no {noun} {}", shown(text))).help(help))
}

/// Some names, to be read; more than a few are cut short.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.take(MAX_SHOWN + 1).collect();
    let more = names.len() > MAX_SHOWN;
    names.truncate(MAX_SHOWN);
    names.join(", ") + if more { ", …" } else { "" }
}

/// A field that is a map of things that the app has, by name.
pub(super) fn by_name<T>(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    field: &str,
    mut read: impl FnMut(&mut Reader<'_>, &Spanned<String>, &Item<'_>) -> Option<T>,
) -> Vec<T> {
    let entries = fields.get(field).and_then(|item| reader.entries(&item)).unwrap_or_default();
    each(&entries, |(name, item)| read(reader, name, item))
}

/// Reports what is wrong with a key, if anything is.
pub(super) fn at_key<T>(reader: &mut Reader<'_>, at: Span, key: &str, result: Result<T, Wrong>) -> Option<T> {
    result.map_err(|wrong| reader.error(at, key, wrong)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::tests::app;

    #[test]
    fn stores_are_found_by_name_and_by_component() {
        let app = app();
        let cases = [
            ("prices", Ok("prices of all")),
            ("notes", Ok("notes of shop")),
            ("notes@shop", Ok("notes of shop")),
            ("cart@basket", Ok("cart of basket")),
            ("cart@shop", Ok("cart of shop")),
            ("cart", Err("say whose, as one of: cart@shop, cart@basket")),
            ("prices@shop", Err("all components have the same keys in it: write `prices`")),
            ("notes@basket", Err("who has it: shop")),
            ("notes@baskt", Err("did you mean `basket`? there are: shop, basket, pricing")),
            ("crat", Err("did you mean `cart`? there are: orders, prices, notes, cart, unused")),
            ("unused", Err("grant it in a component's `stores`, as in `stores: { unused: read-write }`")),
            ("", Err("there are: orders, prices, notes, cart, unused")),
        ];
        for (text, expected) in cases {
            let found = store(&app, text).map(|found| {
                let whose = found.component.map_or("all".to_owned(), |component| component.to_string());
                format!("{} of {whose}", found.store)
            });
            let found = found.map_err(|wrong| wrong.help.unwrap());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn what_there_is_is_told_in_few_words() {
        let names: Vec<String> = (0..30).map(|i| format!("name-{i}")).collect();
        let wrong = find("x", "thing", names.iter().map(|name| (name.as_str(), ()))).unwrap_err();
        assert_eq!(wrong.message, "there is no thing `x`");
        let help = wrong.help.unwrap();
        assert!(help.contains("name-19, …") && !help.contains("name-20"), "{help}");
        let none = find("x", "thing", std::iter::empty::<(&str, ())>()).unwrap_err();
        assert_eq!(none.help.unwrap(), "the app has no things");
    }
}
