//! One component of the manifest.

use mecha_primitives::name;

use crate::{
    app::{Component, EnvValue, Limits, Spanned},
    check::Facts,
    directory, limits, outbound,
    read::{Item, Reader},
    route,
    secrets::interpolate,
    store::{self, Granted},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] =
    &["source", "build", "http", "stores", "outbound", "env", "directories", "limits"];

/// Also notes in `facts` what has to be compared with other components.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<Component> {
    let name = name::Component::new(&key.value).map_err(|invalid| {
        let wrong = Wrong::new(format!("{} is no name of a component", shown(&key.value)));
        reader.error(key.at, item.key.as_str(), wrong.help(invalid.to_string()));
    });
    let fields = reader.fields(item, KEYS)?;
    let help = "write the component's file, as in `source: app.wasm`";
    let source = reader.require(&fields, key.at, "source", help).and_then(|item| read_source(reader, &item));
    let build = fields.or("build", None, |item| {
        reader.words(item, "write a command, or leave `build` out").map(|text| Some(text.to_owned()))
    });
    let routes = fields.or("http", Vec::new(), |item| {
        let items = reader.list(item)?;
        every(&items, |item| {
            let route = route::read(reader, item)?;
            facts.routes.push((route.clone(), item.key.clone()));
            Some(route)
        })
    });
    if fields.get("http").is_none() || routes.as_ref().is_some_and(Vec::is_empty) {
        let wrong = Wrong::new(format!("nothing triggers the component {}", shown(&key.value)));
        reader.warn(key.at, item.key.as_str(), wrong.help("give it a route, as in `http: [/]`"));
    }
    let stores = fields.or("stores", Vec::new(), |item| {
        let entries = reader.entries(item)?;
        every(&entries, |(key, item)| {
            facts.granted.push(Granted { store: key.value.clone(), at: key.at, key: item.key.clone() });
            store::read_grant(reader, key, item)
        })
    });
    let outbound = fields.or("outbound", Vec::new(), |item| {
        let items = reader.list(item)?;
        every(&items, |item| outbound::read(reader, item))
    });
    let env = fields.or("env", Vec::new(), |item| {
        let entries = reader.entries(item)?;
        every(&entries, |(key, item)| variable(reader, key, item))
    });
    let directories = fields.or("directories", Vec::new(), |item| directory::read(reader, item));
    let limits = fields.or("limits", Limits::default(), |item| limits::read(reader, item));
    Some(Component {
        name: name.ok()?,
        source: source?,
        build: build?,
        routes: routes?,
        stores: stores?,
        outbound: outbound?,
        env: env?,
        directories: directories?,
        limits: limits?,
        at: key.at,
    })
}

/// Reads all before the first failure counts: an iterator that stopped there would hide later problems.
fn every<I, T>(items: &[I], read: impl FnMut(&I) -> Option<T>) -> Option<Vec<T>> {
    items.iter().map(read).collect::<Vec<_>>().into_iter().collect()
}

fn read_source(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Spanned<String>> {
    let text = reader.words(item, "write the component's file, as in `source: app.wasm`")?;
    let source = if text.contains("://") {
        Err(Wrong::new(format!("{} is no file", shown(text))).help("a source is a path on this machine"))
    } else if !(text.ends_with(".wasm") || text.ends_with(".wat")) {
        let wrong = Wrong::new(format!("{} is no WebAssembly file", shown(text)));
        Err(wrong.help("a source ends with `.wasm` or `.wat`"))
    } else {
        Ok(Spanned { value: text.to_owned(), at: item.at() })
    };
    reader.accept(item, source)
}

fn variable(reader: &mut Reader<'_>, key: &Spanned<String>, item: &Item<'_>) -> Option<(String, EnvValue)> {
    let name = &key.value;
    let valid = !name.is_empty() && !name.contains(['=', '\0']);
    if !valid {
        let wrong = Wrong::new(format!("{} is no name of an environment variable", shown(name)));
        reader.error(key.at, item.key.as_str(), wrong.help("a name is not empty and has no `=` and no NUL"));
    }
    if item.is_null() {
        let wrong = Wrong::new("expected a text, found nothing");
        reader.error(item.at(), item.key.as_str(), wrong.help("for an empty value, write `\"\"`"));
        return None;
    }
    let text = reader.text(item)?;
    match interpolate(text, reader.secrets) {
        Ok(value) => valid.then(|| (name.clone(), value)),
        Err(wrongs) => {
            for wrong in wrongs {
                reader.error(item.at(), item.key.as_str(), wrong);
            }
            None
        }
    }
}
