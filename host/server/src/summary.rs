//! What the command line tells people, and machines, about an app.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file is the command line's voice")]

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use mecha_manifest::{Access, Component as Meta, DirAccess, Problem, StoreKind};
use mecha_runtime::component::Component;
use serde_json::json;

use crate::load::{Loaded, Report};

/// All that is wrong with an app: to stderr for people, to stdout for machines.
pub fn report(report: &Report, as_json: bool) {
    if as_json {
        println!("{}", json!({ "problems": problems(&report.problems) }));
        return;
    }
    eprint!("{}", report.rendered());
    let (errors, warnings) = (report.errors(), report.problems.len() - report.errors());
    let plural = |count, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match warnings {
        0 => eprintln!("{}", plural(errors, "error")),
        _ => eprintln!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

pub fn warnings(report: &Report) {
    eprint!("{}", report.rendered());
}

fn problems(problems: &[Problem]) -> Vec<serde_json::Value> {
    let one = |problem: &Problem| {
        json!({
            "severity": problem.severity.to_string(),
            "file": problem.file,
            "line": problem.at.map(|at| at.line),
            "column": problem.at.map(|at| at.column),
            "key": problem.key,
            "message": problem.message,
            "help": problem.help,
        })
    };
    problems.iter().map(one).collect()
}

/// What is served, and what each component was granted and denied.
pub fn serving(loaded: &Loaded, data: Option<&Path>, as_json: bool) {
    if as_json {
        return;
    }
    let mut text = format!("app {}\n", loaded.app.name);
    for (meta, component) in loaded.app.components.iter().zip(&loaded.components) {
        describe(&mut text, loaded, meta, component);
    }
    if let Some(data) = data {
        line(&mut text, "", "data", &data.display().to_string());
    }
    eprint!("{text}");
}

fn line(text: &mut String, indent: &str, what: &str, value: &str) {
    // A string takes whatever is written to it.
    _ = writeln!(text, "{indent}  {what:<12} {value}");
}

fn describe(text: &mut String, loaded: &Loaded, meta: &Meta, component: &Component) {
    _ = writeln!(text, "  component {}", meta.name);
    let mut row = |what: &str, value: String| line(text, "  ", what, &value);
    for route in &meta.routes {
        let host = route.host.as_ref().map(ToString::to_string).unwrap_or_default();
        row("http", format!("{host}{}", route.path));
    }
    if component.imports_interface("mecha:state/stores") {
        stores(&mut row, loaded, meta);
    }
    if component.imports_interface("wasi:http/outgoing-handler") {
        for grant in &meta.outbound {
            let private = if grant.private { " (private addresses too)" } else { "" };
            row("outbound", format!("{grant}{private}"));
        }
        if meta.outbound.is_empty() {
            row("outbound", "denied; grant with `outbound: [https://host]` in a manifest".into());
        }
    }
    for directory in &meta.directories {
        let access = if directory.access == DirAccess::Read { "read" } else { "read-write" };
        row("directory", format!("{} as {} ({access})", directory.host.value, directory.guest));
    }
    if meta.directories.is_empty() && component.imports_interface("wasi:filesystem/preopens") {
        row("files", "denied; grant with `directories` in a manifest".into());
    }
    for (name, _) in &meta.env {
        row("env", name.clone());
    }
    if meta.env.is_empty() && component.imports_interface("wasi:cli/environment") {
        row("env", "empty; grant with `env: { NAME: value }` in a manifest".into());
    }
    let limits = &meta.limits;
    let fuel = limits.fuel.map(|fuel| format!(", fuel {fuel}")).unwrap_or_default();
    let (memory, wall, calls) = (size(limits.memory), limits.wall_time, limits.concurrency);
    row("limits", format!("memory {memory}, wall time {wall:?}, concurrency {calls}{fuel}"));
    if let Some(note) = &component.note {
        row("note", format!("{note}; it is served from an engine that allocates on demand"));
    }
}

fn stores(row: &mut impl FnMut(&str, String), loaded: &Loaded, meta: &Meta) {
    if loaded.bare {
        return row("state", "private embedded stores, under any name".into());
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
        row("state", format!("{} ({access}, {kind}{shared}{prefix})", grant.store));
    }
    if meta.stores.is_empty() {
        row("state", "denied; grant with `stores: { main: read-write }`".into());
    }
}

/// Bytes as people read them.
pub fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 10 << 20 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        _ if bytes >= 1 << 10 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{bytes} B"),
    }
}

/// The one line on stdout that says that the host is ready.
pub fn listening(address: SocketAddr, as_json: bool) {
    match as_json {
        true => println!("{}", json!({ "listening": format!("http://{address}") })),
        false => println!("listening on http://{address}"),
    }
}

pub fn admin(address: SocketAddr) {
    eprintln!("admin on http://{address} (/healthz, /readyz, /metrics)");
}

/// That an app can be served.
pub fn good(loaded: &Loaded, as_json: bool) {
    if as_json {
        println!("{}", json!({ "problems": problems(&loaded.warnings.problems) }));
        return;
    }
    warnings(&loaded.warnings);
    let count = loaded.app.components.len();
    println!("ok: app {}, {count} component{}", loaded.app.name, if count == 1 { "" } else { "s" });
}

pub fn built(built: usize, of: usize) {
    println!("built {built} of {of} component{}", if of == 1 { "" } else { "s" });
}
