//! Who may call a component, whom it may call, and what it may reach through bindings.

use mecha_manifest::{App, Caller, Component as Meta, OutputKind};
use mecha_runtime::component::Component;

use super::{
    Rows, atomic,
    words::{allowed, joined},
};

pub(super) fn callers(rows: &mut Rows<'_>, meta: &Meta) {
    let shown = |grant: &mecha_manifest::CallerGrant| {
        let caller = match &grant.caller {
            Caller::Outside => "outside",
            Caller::Component(name) => name.as_str(),
        };
        format!("{caller} ({})", allowed(&grant.methods, "all methods"))
    };
    if !meta.callers.is_empty() {
        rows.row("callers", joined(meta.callers.iter().map(shown)));
    }
}

pub(super) fn describe(rows: &mut Rows<'_>, app: &App, meta: &Meta, component: &Component) {
    if component.imports_interface("mecha:invoke/targets") {
        for grant in &meta.invoke {
            let methods = allowed(&grant.methods, "all that it lets be called");
            let outside = atomic::outside(grant.outside);
            rows.row("invoke", format_args!("{} ({methods}){outside}", grant.component));
        }
        if meta.invoke.is_empty() {
            rows.row("invoke", "denied; grant with `invoke: [component]` in a manifest");
        }
    }
    for link in &meta.links {
        let outside = atomic::outside(link.outside);
        rows.row("link", format_args!("{} to {}{outside}", link.interface, link.component.value));
    }
    if component.imports_interface("mecha:bindings/outputs") {
        for grant in &meta.outputs {
            let declared = app.outputs.iter().find(|output| output.name == grant.output);
            let reached = declared.map(|output| reached(&output.kind)).unwrap_or_default();
            let operations = allowed(&grant.operations, "all operations");
            let outside = atomic::outside(grant.outside);
            rows.row("output", format_args!("{} ({reached}: {operations}){outside}", grant.output));
        }
        if meta.outputs.is_empty() {
            rows.row("output", "denied; grant with `outputs: { name: all }` in a manifest");
        }
    }
    if component.imports_interface("mecha:jobs/scheduler") {
        rows.row("jobs", if meta.jobs { "its own" } else { "denied; grant with `jobs: true` in a manifest" });
    }
}

fn reached(kind: &OutputKind) -> String {
    match kind {
        OutputKind::File { directory } => format!("file {}", directory.value),
        OutputKind::Http(upstream) => format!("http {}", upstream.url),
        OutputKind::Log { .. } => "log".to_owned(),
    }
}
