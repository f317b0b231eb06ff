//! Whether the host, or another component, has what a component imports.

use mecha_manifest as manifest;
use mecha_runtime::{component::Component, imports};

use super::{checker::Checker, links};

pub(super) fn check(checker: &mut Checker<'_>, meta: &manifest::Component, component: &Component) {
    for import in &component.imports {
        // Types are only names, and what is linked is not the host's to have.
        let is_linked = |link| links::import(link, component) == Some(import.name.as_str());
        if import.is_types_only || meta.links.iter().any(is_linked) {
            continue;
        }
        if let Some(instead) = imports::lacking(&import.name) {
            let key = format!("components.{}.source", meta.name);
            let message = format!("the component imports `{import}`, which this host does not have");
            checker.error(meta.source.at, key, message, instead);
        }
    }
}
