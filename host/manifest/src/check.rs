//! The manifest as a whole, and what only shows when its parts are compared.

use std::collections::{HashMap, hash_map::Entry};

use mecha_primitives::name;

use crate::{
    app::{App, Route, Storage},
    component,
    limits::size,
    read::{Item, Reader},
    store::{self, Granted},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["name", "components", "stores", "storage"];
pub(crate) const STORAGE_KEYS: &[&str] = &["cache"];

const DEFAULT_CACHE: u64 = 32 << 20;

/// What the readers of components note for the comparison, with the path of keys to it.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) routes: Vec<(Route, String)>,
    pub(crate) granted: Vec<Granted>,
}

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
    let name = name.and_then(|item| reader.parse(&item, app_name));

    let components = reader.require(&fields, root.at(), "components", COMPONENTS).and_then(|item| {
        let entries = reader.entries(&item)?;
        if entries.is_empty() {
            reader.error(item.at(), item.key, Wrong::new("the app has no component").help(COMPONENTS));
            return None;
        }
        let all = entries.iter().map(|(key, item)| component::read(reader, key, item, &mut facts));
        all.collect::<Vec<_>>().into_iter().collect()
    });
    check_routes(reader, &facts.routes);

    let mut declared = Vec::new();
    let stores = fields.or("stores", Vec::new(), |item| {
        let entries = reader.entries(item)?;
        declared.extend(entries.iter().map(|(key, _)| (*key).clone()));
        let all = entries.iter().map(|(key, item)| store::read(reader, key, item));
        all.collect::<Vec<_>>().into_iter().collect()
    });
    store::check(reader, &declared, &facts.granted);

    let storage = fields.or("storage", Storage { cache: DEFAULT_CACHE }, |item| {
        let fields = reader.fields(item, STORAGE_KEYS)?;
        Some(Storage { cache: fields.or("cache", DEFAULT_CACHE, |item| size(reader, item))? })
    });
    Some(App { name: name?, components: components?, stores: stores?, storage: storage? })
}

fn app_name(text: &str) -> Result<name::App, Wrong> {
    let wrong = |invalid: name::Invalid| {
        Wrong::new(format!("{} is no name of an app", shown(text))).help(invalid.to_string())
    };
    name::App::new(text).map_err(wrong)
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
