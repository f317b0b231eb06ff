//! `mecha-host inspect`: what a component is, and the smallest manifest that would run it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mecha_runtime::{
    component::{Component, Item},
    engine::{Engines, Settings},
    exports, imports,
};
use serde_json::json;

use super::{CacheArgs, exit, say};
use crate::{files, load, progress::Progress, summary};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm or .wat)
    path: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

pub fn run(args: &Args) -> u8 {
    match inspect(args) {
        Ok(()) => exit::OK,
        Err(error) => {
            say(&error);
            exit::APP
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is what was asked for")]
fn inspect(args: &Args) -> anyhow::Result<()> {
    let path = &args.path;
    let bytes = files::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let engines = Engines::new(Settings { slots: 1, memory: 4 << 30 })?;
    let step = Progress.begin(format!("compiling {}", path.display()));
    let component = Component::compile(&engines, &bytes, false, args.cache.open().as_ref())
        .with_context(|| format!("{} is no component", path.display()))?;
    drop(step);
    let manifest = smallest(path, &component);
    if args.json {
        let names = |items: &[Item]| items.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
        let lacking = |item: &Item| imports::lacking(&item.name).map(|instead| (item.name.clone(), instead));
        let lacking: std::collections::BTreeMap<_, _> =
            component.imports.iter().filter_map(lacking).collect();
        let value = json!({
            "size": component.size,
            "imports": names(&component.imports),
            "exports": names(&component.exports),
            "lacking": lacking,
            "manifest": manifest,
        });
        println!("{value}");
        return Ok(());
    }
    println!("{}: {}", path.display(), summary::size(component.size as u64));
    items("imports", &component.imports);
    items("exports", &component.exports);
    println!("\nthe smallest manifest that runs it:\n\n{manifest}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is what was asked for")]
fn items(what: &str, items: &[Item]) {
    println!("\n{what}{}", if items.is_empty() { ": none" } else { "" });
    for item in items {
        let lacking = match imports::lacking(&item.name) {
            Some(instead) if what == "imports" => format!("   MISSING: {instead}"),
            _ => String::new(),
        };
        println!("  {item}{lacking}");
    }
}

fn smallest(path: &Path, component: &Component) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("app");
    let name = load::name_of(stem);
    // JSON's strings are YAML's too.
    let source = serde_json::Value::from(path.display().to_string());
    let mut text = format!("name: {name}\ncomponents:\n  {name}:\n    source: {source}\n");
    if component.exports_interface(exports::http::INTERFACE) {
        text += "    http: [/]\n";
    }
    if component.imports_interface("wasi:http/outgoing-handler") {
        text += "    outbound: [https://example.com]   # the hosts that it may reach\n";
    }
    if component.imports_interface("mecha:state/stores") {
        text +=
            "    stores: { main: read-write }      # the names that it opens\nstores:\n  main: embedded\n";
    }
    text
}
