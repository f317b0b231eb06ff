//! What a test component names, found in the app that it tests.

use mecha_manifest::{App, suite::StoreRef};
use mecha_primitives::name;

type Found<T> = Result<T, String>;

pub fn component(app: &App, text: &str) -> Found<name::Component> {
    find(text, "component", app.components.iter().map(|found| &found.name))
}

pub fn topic(app: &App, text: &str) -> Found<name::Topic> {
    find(text, "topic", app.topics.iter().map(|found| &found.name))
}

pub fn output(app: &App, text: &str) -> Found<name::Binding> {
    find(text, "output", app.outputs.iter().map(|found| &found.name))
}

pub fn input(app: &App, text: &str) -> Found<name::Binding> {
    find(text, "input", app.inputs.iter().map(|found| &found.name))
}

pub fn schedule(app: &App, text: &str) -> Found<name::Schedule> {
    find(text, "schedule", app.schedules.iter().map(|found| &found.name))
}

/// `STORE`, or `STORE@COMPONENT` where components have keys of their own in it.
pub fn store(app: &App, text: &str) -> Found<StoreRef> {
    let (name, of) = text.split_once('@').map_or((text, None), |(name, of)| (name, Some(of)));
    let store = find(name, "store", app.stores.iter().map(|found| &found.name))?;
    let of = of.map(|of| component(app, of)).transpose()?;
    let shared = app.stores.iter().any(|found| found.name == store && found.shared);
    let having = || {
        let having =
            app.components.iter().filter(|meta| meta.stores.iter().any(|grant| grant.store == store));
        having.map(|meta| meta.name.clone())
    };
    match (of, shared) {
        (None, true) => Ok(StoreRef { store, component: None }),
        (Some(_), true) => {
            Err(format!("all components have the same keys in the store `{store}`: name it so"))
        }
        (Some(of), false) if having().any(|name| name == of) => Ok(StoreRef { store, component: Some(of) }),
        (Some(of), false) => Err(format!("the component `{of}` does not have the store `{store}`")),
        (None, false) => match having().collect::<Vec<_>>().as_slice() {
            [] => Err(format!("no component has the store `{store}`")),
            [only] => Ok(StoreRef { store, component: Some(only.clone()) }),
            several => {
                let names: Vec<_> = several.iter().map(|of| format!("`{store}@{of}`")).collect();
                Err(format!(
                    "several components have a store `{store}` each: name it as one of {}",
                    names.join(", ")
                ))
            }
        },
    }
}

fn find<'a, T: Clone + ToString + 'a>(
    text: &str,
    noun: &str,
    all: impl Iterator<Item = &'a T> + Clone,
) -> Found<T> {
    if let Some(found) = all.clone().find(|name| name.to_string() == text) {
        return Ok(found.clone());
    }
    let names: Vec<_> = all.take(SHOWN).map(|name| format!("`{}`", name.to_string())).collect();
    let text: String = text.chars().take(name::MAX_LEN).collect();
    Err(match names.is_empty() {
        true => format!("there is no {noun} `{text}`: the app has no {noun}s"),
        false => format!("there is no {noun} `{text}`; there are {}", names.join(", ")),
    })
}

/// As many names as anybody wants to read in a message.
const SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    struct NoSecrets;

    impl mecha_manifest::Secrets for NoSecrets {
        fn env(&self, _: &str) -> Option<String> {
            None
        }
        fn file(&self, _: &str) -> Result<String, String> {
            Err("there is none".to_owned())
        }
    }

    const APP: &str = "
name: shop
stores:
  prices: { embedded: {}, shared: true }
  cart: embedded
  notes: embedded
  unused: embedded
components:
  web: { source: w.wasm, http: [/], stores: { prices: read, cart: read-write, notes: read-write } }
  basket: { source: b.wasm, http: [/b], stores: { cart: read-write } }
";

    #[test]
    fn a_store_is_found_by_its_name_and_by_whose_it_is() {
        let (app, _) = mecha_manifest::load("mecha.yaml", APP, &NoSecrets).unwrap();
        let cases = [
            ("prices", Ok("prices")),
            ("notes", Ok("notes@web")),
            ("notes@web", Ok("notes@web")),
            ("cart@basket", Ok("cart@basket")),
            (
                "cart",
                Err(
                    "several components have a store `cart` each: name it as one of `cart@web`, `cart@basket`",
                ),
            ),
            ("prices@web", Err("all components have the same keys in the store `prices`: name it so")),
            ("notes@basket", Err("the component `basket` does not have the store `notes`")),
            ("notes@x", Err("there is no component `x`; there are `web`, `basket`")),
            ("unused", Err("no component has the store `unused`")),
            ("x", Err("there is no store `x`; there are `prices`, `cart`, `notes`, `unused`")),
        ];
        for (text, expected) in cases {
            let found = store(&app, text).map(|found| match found.component {
                Some(of) => format!("{}@{of}", found.store),
                None => found.store.to_string(),
            });
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert_eq!(topic(&app, "x").unwrap_err(), "there is no topic `x`: the app has no topics");
    }
}
