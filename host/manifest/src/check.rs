//! The manifest as a whole, and what only shows when its parts are compared.

//!
//! An app with errors is thrown away: what could not be read is left out of it or stands for its default, so that the
//! comparison sees the rest.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    app::{App, Route, Spanned, Storage, Topic, Triggers},
    commits, component, dead_letters,
    facts::Facts,
    flow, inputs, invoke,
    limits::size,
    outputs,
    read::{Fields, Item, Reader, each},
    schedules, store, subscriptions, topics,
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] =
    &["name", "components", "stores", "storage", "topics", "subscriptions", "schedules", "inputs", "outputs"];
pub(crate) const STORAGE_KEYS: &[&str] = &["cache"];

pub(crate) fn read(reader: &mut Reader<'_>, root: &Item<'_>) -> Option<App> {
    const COMPONENTS: &str =
        "write at least one, as in `components: { web: { source: web.wasm, http: [/] } }`";
    if root.is_null() {
        let help = "it needs at least `name` and `components`";
        reader.error(None, "", Wrong::new("the manifest is empty").help(help));
        return None;
    }
    let fields = reader.fields(root, KEYS)?;
    let mut facts = Facts::default();
    let name = reader.require(&fields, root.at(), "name", "write the app's name, as in `name: guestbook`");
    let name = name.and_then(|item| reader.name(&item, "an app"));
    let components = reader.require(&fields, root.at(), "components", COMPONENTS);
    if let Some(item) = components.filter(Item::is_empty_map) {
        reader.error(item.at(), item.key, Wrong::new("the app has no component").help(COMPONENTS));
    }
    let components = section(reader, &fields, "components", |reader, key, item| {
        component::read(reader, key, item, &mut facts)
    });
    let stores = section(reader, &fields, "stores", store::read);
    let storage = fields.or("storage", Storage::default(), |item| storage(reader, item));
    let topics =
        section(reader, &fields, "topics", |reader, key, item| topics::read(reader, key, item, &mut facts));
    let subscriptions = section(reader, &fields, "subscriptions", |reader, key, item| {
        subscriptions::read(reader, key, item, &mut facts)
    });
    let schedules = section(reader, &fields, "schedules", |reader, key, item| {
        schedules::read(reader, key, item, &mut facts)
    });
    let inputs =
        section(reader, &fields, "inputs", |reader, key, item| inputs::read(reader, key, item, &mut facts));
    let outputs = section(reader, &fields, "outputs", outputs::read);

    check_routes(reader, &facts.routes);
    facts.check(reader, &components.declared);
    store::check(reader, &stores.declared, &facts.granted);
    let implicit = dead_letters::implicit(&topics.read, &subscriptions.read);
    let topics: Vec<Topic> = topics.read.into_iter().chain(implicit).collect();
    let (components, subscriptions) = (components.read, subscriptions.read);
    flow::check(reader, &topics, &subscriptions, &components);
    dead_letters::check(reader, &topics, &subscriptions);
    invoke::check(reader, &components);
    outputs::check(reader, &outputs.declared, &outputs.read, &components);
    let parts = commits::Parts {
        components: &components,
        stores: &stores.read,
        topics: &topics,
        triggers: Triggers {
            subscriptions: &subscriptions,
            schedules: &schedules.read,
            inputs: &inputs.read,
        },
    };
    commits::check(reader, parts);
    // What is missing may be what could not be read.
    if !reader.has_errors() {
        flow::warn(reader, &topics, &subscriptions, &components);
        invoke::warn(reader, &components);
        outputs::warn(reader, &outputs.read, &components);
        commits::warn(reader, parts);
    }
    Some(App {
        name: name?,
        components,
        stores: stores.read,
        storage: storage?,
        topics,
        subscriptions,
        schedules: schedules.read,
        inputs: inputs.read,
        outputs: outputs.read,
    })
}

fn storage(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Storage> {
    let fields = reader.fields(item, STORAGE_KEYS)?;
    Some(Storage { cache: fields.or("cache", Storage::default().cache, |item| size(reader, item))? })
}

/// A map of things that have names.
struct Section<T> {
    read: Vec<T>,
    /// The names of all, read or not.
    declared: Vec<Spanned<String>>,
}

fn section<T>(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &str,
    mut read: impl FnMut(&mut Reader<'_>, &Spanned<String>, &Item<'_>) -> Option<T>,
) -> Section<T> {
    let entries = fields.get(name).and_then(|item| reader.entries(&item)).unwrap_or_default();
    let declared = entries.iter().map(|(key, _)| (*key).clone()).collect();
    Section { read: each(&entries, |(key, item)| read(reader, key, item)), declared }
}

/// Two routes that match the same requests: which component would answer?
fn check_routes(reader: &mut Reader<'_>, routes: &[(Route, String)]) {
    let mut first: HashMap<_, &(Route, String)> = HashMap::new();
    for found in routes {
        let (route, key) = found;
        match first.entry((&route.host, route.path.shape())) {
            Entry::Vacant(vacant) => {
                vacant.insert(found);
            }
            Entry::Occupied(before) => {
                let (other, other_key) = before.get();
                let wrong = Wrong::new(format!("the route {} is given twice", written(route)));
                let help = format!(
                    "{} at line {} ({other_key}) matches the same requests",
                    written(other),
                    other.at.line
                );
                reader.error(route.at, key.as_str(), wrong.help(help));
            }
        }
    }
}

fn written(route: &Route) -> String {
    let host = route.host.as_ref().map(ToString::to_string).unwrap_or_default();
    shown(&format!("{host}{}", route.path))
}
