//! From a component's source to compiled code.

use mecha_manifest::{self as manifest, Problem};
use mecha_runtime::{
    component::{self, Component},
    engine::{Engines, Metering},
};

use super::{Options, checker::Checker};
use crate::{files, summary};

pub(super) fn compile(
    checker: &mut Checker<'_>,
    meta: &manifest::Component,
    engines: &Engines,
    options: &Options<'_>,
) -> Option<Component> {
    let path = checker.folder.join(&meta.source.value);
    let (key, at) = (format!("components.{}.source", meta.name), checker.at(meta.source.at));
    let bytes = match files::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            let problem = Problem::error(checker.file, at, key, message);
            checker.problems.push(match &meta.build {
                Some(_) => problem.help("`mecha-host build` makes it"),
                None => problem.help("name a component (.wasm or .wat), relative to the manifest"),
            });
            return None;
        }
    };
    let needed = if meta.limits_fuel() { Metering::Fuel } else { Metering::None };
    let metering = needed.max(options.metering);
    let progress = options.progress.begin(format!("compiling {}", meta.name));
    let compiled = Component::compile(engines, &bytes, metering, options.cache);
    drop(progress);
    match compiled {
        Ok(component) => {
            tracing::debug!(component = %meta.name, cached = component.cached, "compiled");
            Some(component)
        }
        Err(error) => {
            let message = match error.of_file(&path) {
                component::Error::Host(error) => format!("{error:#}"),
                error => format!("{} is no component: {error}", path.display()),
            };
            checker.problems.push(Problem::error(checker.file, at, key, message));
            None
        }
    }
}

/// Whether an instance fits its limit when it begins.
pub(super) fn memory(checker: &mut Checker<'_>, meta: &manifest::Component, component: &Component) {
    let (limit, needed) = (meta.limits.memory, component.initial_memory);
    if needed > limit {
        let key = format!("components.{}.limits.memory", meta.name);
        let (limit, needed) = (summary::size(limit), summary::size(needed));
        let message = format!("the component begins with {needed} of memory, and may have {limit}");
        checker.error(meta.at, key, message, "raise the limit");
    }
}
