//! What is imported and not granted, and what is granted and not imported.

use mecha_manifest::{self as manifest, Span};
use mecha_runtime::component::Component;

use super::checker::Checker;

/// What a component may be granted: the interface by which it uses it, and what it is granted of it.
struct Primitive {
    interface: &'static str,
    /// The key in the manifest.
    key: &'static str,
    /// How somebody is told that nothing is granted, and what to do. `None`: it is nothing unusual.
    ungranted: Option<(&'static str, &'static str, &'static str)>,
    /// The place of each grant, and how its key ends.
    grants: fn(&manifest::Component) -> Vec<(Span, String)>,
}

const PRIMITIVES: &[Primitive] = &[
    Primitive {
        interface: "mecha:state/stores",
        key: "stores",
        ungranted: Some(("mecha:state", "is granted no store", "grant one: `stores: { main: read-write }`")),
        grants: |meta| meta.stores.iter().map(|grant| (grant.at, format!(".{}", grant.store))).collect(),
    },
    Primitive {
        interface: "mecha:pubsub/topics",
        key: "publish",
        ungranted: Some(("mecha:pubsub/topics", "is granted no topic", "grant one: `publish: [orders]`")),
        grants: |meta| numbered(meta.publish.iter().map(|grant| grant.at)),
    },
    Primitive {
        interface: "mecha:invoke/targets",
        key: "invoke",
        ungranted: Some((
            "mecha:invoke/targets",
            "is granted no component that it may call",
            "grant one: `invoke: [pricing]`",
        )),
        grants: |meta| meta.invoke.iter().map(|grant| (grant.at, format!(".{}", grant.component))).collect(),
    },
    Primitive {
        interface: "mecha:bindings/outputs",
        key: "outputs",
        ungranted: Some((
            "mecha:bindings/outputs",
            "is granted no output",
            "grant one: `outputs: { mail: all }`",
        )),
        grants: |meta| meta.outputs.iter().map(|grant| (grant.at, format!(".{}", grant.output))).collect(),
    },
    Primitive {
        interface: "mecha:jobs/scheduler",
        key: "jobs",
        ungranted: Some(("mecha:jobs/scheduler", "may schedule no jobs", "let it: `jobs: true`")),
        grants: |meta| meta.jobs.then(|| (meta.at, String::new())).into_iter().collect(),
    },
    Primitive {
        interface: "wasi:http/outgoing-handler",
        key: "outbound",
        ungranted: Some((
            "wasi:http/outgoing-handler",
            "is granted no host",
            "grant some: `outbound: [https://api.example.com]`",
        )),
        grants: |meta| numbered(meta.outbound.iter().map(|grant| grant.at)),
    },
    Primitive {
        interface: "wasi:filesystem/preopens",
        key: "directories",
        ungranted: None,
        grants: |meta| numbered(meta.directories.iter().map(|grant| grant.at)),
    },
    Primitive {
        interface: "wasi:cli/environment",
        key: "env",
        ungranted: None,
        grants: |meta| (!meta.env.is_empty()).then(|| (meta.at, String::new())).into_iter().collect(),
    },
];

fn numbered(places: impl Iterator<Item = Span>) -> Vec<(Span, String)> {
    places.enumerate().map(|(index, at)| (at, format!(".{index}"))).collect()
}

pub(super) fn check(checker: &mut Checker<'_>, meta: &manifest::Component, component: &Component) {
    if checker.bare {
        return;
    }
    for primitive in PRIMITIVES {
        let (interface, grants) = (primitive.interface, (primitive.grants)(meta));
        let key = format!("components.{}.{}", meta.name, primitive.key);
        match component.imports_interface(interface) {
            true if grants.is_empty() => {
                let Some((what, without, help)) = primitive.ungranted else { continue };
                checker.warn(meta.at, key, format!("the component imports `{what}`, but {without}"), help);
            }
            true => {}
            false => {
                let unused = format!("nothing uses this grant: the component does not import `{interface}`");
                let help = if primitive.key == "env" { "remove the variables" } else { "remove the grant" };
                for (at, end) in grants {
                    checker.warn(at, format!("{key}{end}"), unused.as_str(), help);
                }
            }
        }
    }
}
