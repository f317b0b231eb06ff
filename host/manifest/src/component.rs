//! One component of the manifest.

use mecha_primitives::name;

use crate::{
    app::{Atomic, Component, EnvValue, Spanned},
    atomic, directory,
    facts::Facts,
    invoke, limits, outbound, outputs, publish,
    read::{Item, Reader, each},
    route,
    store::{self, Granted},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &[
    "source",
    "atomic",
    "build",
    "http",
    "stores",
    "outbound",
    "env",
    "directories",
    "publish",
    "invoke",
    "callers",
    "link",
    "outputs",
    "jobs",
    "limits",
];

/// Also notes in `facts` what has to be compared with other parts.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<Component> {
    let name: Option<name::Component> = reader.key_name(key, item, "a component");
    let fields = reader.fields(item, KEYS)?;
    let help = "write the component's file, as in `source: app.wasm`";
    let source = reader.require(&fields, key.at, "source", help).and_then(|item| read_source(reader, &item));
    let build =
        fields.get("build").and_then(|item| reader.words(&item, "write a command, or leave `build` out"));
    let atomic = fields.get("atomic").and_then(|item| atomic::read(reader, &item));
    let atomic: Atomic = atomic.unwrap_or_default();
    let routes = fields.get("http").and_then(|item| {
        let items = reader.list(&item)?;
        Some(each(&items, |item| {
            let route = route::read(reader, item, atomic.default)?;
            facts.routes.push((route.clone(), item.key.clone()));
            Some(route)
        }))
    });
    let stores = fields.get("stores").and_then(|item| reader.entries(&item)).unwrap_or_default();
    let stores = each(&stores, |(key, item)| {
        facts.granted.push(Granted { store: key.value.clone(), at: key.at, key: item.key.clone() });
        store::read_grant(reader, key, item)
    });
    let outbound = fields.get("outbound").and_then(|item| reader.list(&item)).unwrap_or_default();
    let outbound = each(&outbound, |item| outbound::read(reader, item));
    let env = fields.get("env").and_then(|item| reader.entries(&item)).unwrap_or_default();
    let env = each(&env, |(key, item)| variable(reader, key, item));
    let directories = fields.get("directories").and_then(|item| directory::read(reader, &item));
    let publish = fields.get("publish").map(|item| publish::read(reader, &item));
    let invoke = fields.get("invoke").map(|item| invoke::read(reader, &item, facts));
    let callers = fields.get("callers").map(|item| invoke::read_callers(reader, &item, facts));
    let links = fields.get("link").map(|item| invoke::read_links(reader, &item, facts));
    let outputs = fields.get("outputs").map(|item| outputs::read_grants(reader, &item));
    let jobs = fields.or("jobs", false, |item| reader.flag(item));
    let limits = fields.get("limits").and_then(|item| limits::read(reader, &item));
    // A route that could not be read is one all the same.
    let no_route = fields.get("http").is_none_or(|item| item.is_empty_list());
    if !no_route || fields.get("callers").is_some() || jobs != Some(false) {
        facts.triggers(&key.value);
    }
    Some(Component {
        name: name?,
        source: source.unwrap_or(Spanned { value: String::new(), at: key.at }),
        build: build.map(str::to_owned),
        routes: routes.unwrap_or_default(),
        stores,
        outbound,
        env,
        directories: directories.unwrap_or_default(),
        publish: publish.unwrap_or_default(),
        invoke: invoke.unwrap_or_default(),
        callers: callers.unwrap_or_default(),
        links: links.unwrap_or_default(),
        outputs: outputs.unwrap_or_default(),
        jobs: jobs.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        atomic,
        at: key.at,
    })
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
    let value = reader.interpolated(item)?;
    valid.then(|| (name.clone(), value))
}
