//! `mecha-host inspect`: what a component is, and the smallest manifest that would run it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mecha_runtime::{
    component::{Component, Item},
    engine::{Engines, Metering, Settings},
    exports, imports,
};
use serde_json::json;

use super::{CacheArgs, exit};
use crate::{files, load, print::out, progress::Progress, summary};

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
            summary::refused(&error, args.json);
            exit::APP
        }
    }
}

fn inspect(args: &Args) -> anyhow::Result<()> {
    let path = &args.path;
    let bytes = files::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let engines = Engines::new(Settings { slots: 1, memory: 4 << 30 })?;
    let step = Progress.begin(format!("compiling {}", path.display()));
    let component = Component::compile(&engines, &bytes, Metering::None, args.cache.open().as_ref())
        .map_err(|error| error.of_file(path))
        .with_context(|| format!("{} is no component", path.display()))?;
    drop(step);
    let manifest = smallest(path, &component);
    if args.json {
        let names = |items: &[Item]| items.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
        let lacking = |item: &Item| lacking(item).map(|instead| (item.name.clone(), instead));
        let lacking: std::collections::BTreeMap<_, _> =
            component.imports.iter().filter_map(lacking).collect();
        let value = json!({
            "size": component.size,
            "imports": names(&component.imports),
            "exports": names(&component.exports),
            "lacking": lacking,
            "manifest": manifest,
        });
        out(value);
        return Ok(());
    }
    out(format_args!("{}: {}", path.display(), summary::size(component.size as u64)));
    items("imports", &component.imports);
    items("exports", &component.exports);
    out(format_args!("\nthe smallest manifest that runs it:\n\n{manifest}"));
    Ok(())
}

fn items(what: &str, items: &[Item]) {
    out(format_args!("\n{what}{}", if items.is_empty() { ": none" } else { "" }));
    for item in items {
        let lacking = match lacking(item) {
            Some(instead) if what == "imports" => format!("   MISSING: {instead}"),
            _ => String::new(),
        };
        out(format_args!("  {item}{lacking}"));
    }
}

/// What the host lacks of an import, unless it is only the names of types.
fn lacking(import: &Item) -> Option<String> {
    if import.is_types_only { None } else { imports::lacking(&import.name) }
}

/// What a component needs for a key of its own, and what the app has to declare for it.
struct Part {
    needed: fn(&Component) -> bool,
    of_component: &'static str,
    of_app: &'static str,
}

const PARTS: &[Part] = &[
    Part {
        needed: |component| component.exports_interface(exports::http::INTERFACE),
        of_component: "http: [/]",
        of_app: "",
    },
    Part {
        needed: |component| component.exports_interface(exports::invoke::INTERFACE),
        of_component: "callers: { outside: all }         # who may call it",
        of_app: "",
    },
    Part {
        needed: |component| component.imports_interface("wasi:http/outgoing-handler"),
        of_component: "outbound: [https://example.com]   # the hosts that it may reach",
        of_app: "",
    },
    Part {
        needed: |component| component.imports_interface("mecha:state/stores"),
        of_component: "stores: { main: read-write }      # the names that it opens",
        of_app: "stores:\n  main: embedded\n",
    },
    Part {
        needed: |component| component.imports_interface("mecha:pubsub/topics"),
        of_component: "publish: [events]                 # the topics that it opens",
        of_app: "",
    },
    Part {
        needed: |component| component.imports_interface("mecha:bindings/outputs"),
        of_component: "outputs: { out: all }             # the names that it opens",
        of_app: "outputs:\n  out: log\n",
    },
    Part {
        needed: |component| {
            component.imports_interface("mecha:jobs/scheduler")
                && component.exports_interface(exports::jobs::INTERFACE)
        },
        of_component: "jobs: true",
        of_app: "",
    },
];

fn smallest(path: &Path, component: &Component) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("app");
    let name = load::name_of(stem);
    // JSON's strings are YAML's too.
    let source = serde_json::Value::from(path.display().to_string());
    let mut text = format!("name: {name}\ncomponents:\n  {name}:\n    source: {source}\n");
    let parts: Vec<_> = PARTS.iter().filter(|part| (part.needed)(component)).collect();
    text.extend(parts.iter().map(|part| format!("    {}\n", part.of_component)));
    text.extend(parts.iter().map(|part| part.of_app));
    text += &triggers(&name, component);
    text
}

/// Topics, subscriptions, schedules and inputs.
fn triggers(name: &str, component: &Component) -> String {
    let (publishes, takes, batches) = (
        component.imports_interface("mecha:pubsub/topics"),
        component.exports_interface(exports::events::INTERFACE),
        component.exports_interface(exports::events::BATCH_INTERFACE),
    );
    let mut text = String::new();
    if publishes || takes || batches {
        // A topic that nobody publishes to, or takes from, would be of no use.
        let keep = if takes || batches { "" } else { ", keep: 7d" };
        let ingress = if publishes { "" } else { ", http: /events" };
        text += &format!("topics:\n  events: {{ embedded: {{}}{keep}{ingress} }}\n");
    }
    if takes || batches {
        let batch = if takes { "" } else { ", batch: { size: 100 }" };
        text += &format!("subscriptions:\n  events: {{ topic: events, to: {name}{batch} }}\n");
    }
    if component.exports_interface(exports::jobs::INTERFACE) {
        text += &format!("schedules:\n  hourly: {{ every: 1h, to: {name} }}\n");
    }
    if component.exports_interface(exports::inputs::INTERFACE) {
        text += &format!(
            "inputs:\n  hook: {{ http: {{ path: /hooks, signature: {{ secret: \"${{env:HOOK_SECRET}}\" }} }}, to: {name} }}\n"
        );
    }
    text
}
