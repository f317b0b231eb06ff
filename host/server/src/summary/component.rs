//! What one component was granted and denied.

use mecha_manifest::{Access, Component as Meta, DirAccess, StoreKind};
use mecha_runtime::{component::Component, engine::Metering};

use super::{
    Rows, atomic, calls, events,
    words::{route, size},
};
use crate::load::Loaded;

pub(super) fn describe(rows: &mut Rows<'_>, loaded: &Loaded, meta: &Meta, component: &Component) {
    for found in &meta.routes {
        let fuel = found.fuel.map(|fuel| format!(", fuel {fuel}")).unwrap_or_default();
        rows.row("http", format_args!("{}{}{fuel}", route(found), atomic::of_route(found)));
    }
    events::triggers(rows, loaded, meta);
    calls::callers(rows, meta);
    atomic::methods(rows, meta);
    if component.imports_interface("mecha:state/stores") {
        stores(rows, loaded, meta);
    }
    events::publish(rows, meta, component);
    calls::describe(rows, &loaded.app, meta, component);
    if component.imports_interface("wasi:http/outgoing-handler") {
        for grant in &meta.outbound {
            let private = if grant.private { " (private addresses too)" } else { "" };
            let outside = atomic::outside(grant.outside);
            rows.row("outbound", format_args!("{grant}{private}{outside}"));
        }
        if meta.outbound.is_empty() {
            rows.row("outbound", "denied; grant with `outbound: [https://host]` in a manifest");
        }
    }
    wasi(rows, meta, component);
    let limits = &meta.limits;
    let fuel = match limits.fuel {
        Some(fuel) => format!(", fuel {fuel}"),
        None if component.kind.metering == Metering::None => String::new(),
        None => ", fuel metered".to_owned(),
    };
    let (memory, wall, calls) = (size(limits.memory), limits.wall_time, limits.concurrency);
    rows.row("limits", format_args!("memory {memory}, wall time {wall:?}, concurrency {calls}{fuel}"));
    if let Some(note) = &component.note {
        rows.row("note", format_args!("{note}; it is served from an engine that allocates on demand"));
    }
}

fn wasi(rows: &mut Rows<'_>, meta: &Meta, component: &Component) {
    for directory in &meta.directories {
        let access = if directory.access == DirAccess::Read { "read" } else { "read-write" };
        let outside = atomic::outside(directory.outside);
        let (host, guest) = (&directory.host.value, &directory.guest);
        rows.row("directory", format_args!("{host} as {guest} ({access}){outside}"));
    }
    if meta.directories.is_empty() && component.imports_interface("wasi:filesystem/preopens") {
        rows.row("files", "denied; grant with `directories` in a manifest");
    }
    for (name, _) in &meta.env {
        rows.row("env", name);
    }
    if meta.env.is_empty() && component.imports_interface("wasi:cli/environment") {
        rows.row("env", "empty; grant with `env: { NAME: value }` in a manifest");
    }
}

fn stores(rows: &mut Rows<'_>, loaded: &Loaded, meta: &Meta) {
    if loaded.bare {
        return rows.row("state", "private embedded stores, under any name");
    }
    for grant in &meta.stores {
        let declared = loaded.app.stores.iter().find(|store| store.name == grant.store);
        let kind = match declared.map(|store| store.kind) {
            Some(StoreKind::Memory) => "in memory",
            _ => "embedded",
        };
        let shared = if declared.is_some_and(|store| store.shared) { ", shared" } else { "" };
        let access = match grant.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "read-write",
        };
        let prefix =
            grant.prefix.as_ref().map(|prefix| format!(", keys under `{prefix}`")).unwrap_or_default();
        rows.row("state", format_args!("{} ({access}, {kind}{shared}{prefix})", grant.store));
    }
    if meta.stores.is_empty() {
        rows.row("state", "denied; grant with `stores: { main: read-write }`");
    }
}
