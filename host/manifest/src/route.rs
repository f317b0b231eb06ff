//! The `http` list of a component: which requests it answers.

use crate::{
    app::{Route, Span},
    atomic, host, limits,
    path::{self, Segment, Tail},
    read::{Fields, Item, Reader},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["path", "host", "atomic", "idempotency", "limits"];
/// Of a route of the host's own.
pub(crate) const EXACT_KEYS: &[&str] = &["path", "host"];

/// One route: a path, or a map. `atomic` is what it is if it does not say so itself.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>, atomic: bool) -> Option<Route> {
    if item.is_scalar() {
        return Some(Route { atomic, ..short(reader, item)? });
    }
    let fields = reader.fields_or(item, "a path or a map", KEYS)?;
    let route = of(reader, item.at(), &fields, "write `path: /` for every path");
    let atomic = fields.or("atomic", atomic, |item| reader.flag(item));
    let idempotency = fields.or("idempotency", None, |item| atomic::idempotency(reader, item));
    let fuel = fields.or("limits", None, |item| limits::of_route(reader, item));
    Some(Route { atomic: atomic?, idempotency: idempotency?, fuel: fuel?, ..route? })
}

/// A path alone.
fn short(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Route> {
    let path = reader.parse(item, path::parse)?;
    Some(Route { host: None, path, atomic: false, idempotency: None, fuel: None, at: item.at() })
}

/// The route that is `path` and `host` of these fields.
fn of(reader: &mut Reader<'_>, at: Span, fields: &Fields<'_>, help: &str) -> Option<Route> {
    let path = reader.require(fields, at, "path", help);
    let path = path.and_then(|item| reader.parse(&item, path::parse));
    let host = fields.or("host", None, |item| reader.parse(item, host).map(Some));
    Some(Route { host: host?, path: path?, atomic: false, idempotency: None, fuel: None, at })
}

/// A route of the host's own: one path of which nothing is captured, as there is no component to tell it to.
pub(crate) fn read_exact(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Route> {
    let route = if item.is_scalar() {
        short(reader, item)?
    } else {
        let fields = reader.fields_or(item, "a path or a map", EXACT_KEYS)?;
        of(reader, item.at(), &fields, "write one path, as in `path: /events`")?
    };
    exact(reader, &item.key, route)
}

/// As `read_exact`, where the route is `path` and `host` of these fields.
pub(crate) fn exact_of(reader: &mut Reader<'_>, item: &Item<'_>, fields: &Fields<'_>) -> Option<Route> {
    let route = of(reader, item.at(), fields, "write one path, as in `path: /hooks/github`")?;
    let at = fields.get("path").map_or(item.at(), |path| path.at());
    exact(reader, &item.key, Route { at, ..route })
}

fn exact(reader: &mut Reader<'_>, key: &str, route: Route) -> Option<Route> {
    let literal = |segment: &Segment| matches!(segment, Segment::Literal(_));
    if route.path.tail == Tail::Exact && route.path.segments.iter().all(literal) {
        return Some(route);
    }
    let wrong = Wrong::new(format!("the path {} is not exact", shown(&route.path.to_string())));
    reader.error(route.at, key, wrong.help("this is for one path: no captures, and no `/` at the end"));
    None
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
