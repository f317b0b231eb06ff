//! The `http` list of a component: which requests it answers.

use crate::{
    app::Route,
    host, path,
    read::{Item, Reader},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["path", "host"];

/// One route: a path, or a map.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Route> {
    if item.is_scalar() {
        let path = reader.parse(item, path::parse)?;
        return Some(Route { host: None, path, at: item.at() });
    }
    let fields = reader.fields_or(item, "a path or a map", KEYS)?;
    let path = reader.require(&fields, item.at(), "path", "write `path: /` for every path");
    let path = path.and_then(|item| reader.parse(&item, path::parse));
    let host = fields.or("host", None, |item| reader.parse(item, host).map(Some));
    Some(Route { host: host?, path: path?, at: item.at() })
}

fn host(text: &str) -> Result<crate::HostPattern, Wrong> {
    const HELP: &str =
        "a route's host is a name alone, as in `example.com`; schemes and ports are the server's";
    if text == "*" {
        return Err(Wrong::new("`*` is no host").help("for any host, leave `host` out"));
    }
    if text.contains("://") {
        return Err(Wrong::new(format!("the host {} has a scheme", shown(text))).help(HELP));
    }
    if text.contains('/') {
        return Err(Wrong::new(format!("the host {} has a path", shown(text))).help("write it as `path`"));
    }
    let port = text.rsplit_once(':').filter(|(before, _)| before.ends_with(']') || !before.contains(':'));
    if port.is_some() {
        return Err(Wrong::new(format!("the host {} has a port", shown(text))).help(HELP));
    }
    host::parse(text)
}
