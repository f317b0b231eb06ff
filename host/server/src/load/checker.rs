//! The order in which an app is looked at, and the notes that are made of what is wrong.

use std::path::Path;

use mecha_manifest::{self as manifest, App, Problem, Severity, Span};
use mecha_primitives::{clock::Timestamp, name};
use mecha_runtime::{
    component::Component,
    engine::{Engines, Settings},
};

use super::{Options, folders, grants, handlers, imports, links, outside, soon, source};

/// Notes what is wrong with an app.
pub(super) struct Checker<'a> {
    /// How problems name the manifest.
    pub(super) file: &'a str,
    /// There is no manifest: no problem has a place in it.
    pub(super) bare: bool,
    /// The folder that relative paths begin in.
    pub(super) folder: &'a Path,
    pub(super) now: Timestamp,
    pub(super) problems: &'a mut Vec<Problem>,
}

/// An app's components, as far as they could be compiled.
pub(super) struct Compiled<'a>(Vec<(&'a manifest::Component, Option<Component>)>);

impl Compiled<'_> {
    pub(super) fn get(&self, name: &name::Component) -> Option<&Component> {
        let found = self.0.iter().find(|(meta, _)| meta.name == *name);
        found.and_then(|(_, component)| component.as_ref())
    }
}

impl Checker<'_> {
    /// The components in the order of the app, unless one of them is none.
    pub(super) fn app(&mut self, app: &App, options: &Options<'_>) -> Option<Vec<Component>> {
        let engines = match Engines::new(settings(app)) {
            Ok(engines) => engines,
            Err(error) => {
                self.problems.push(Problem::error(self.file, None, "components", error.to_string()));
                return None;
            }
        };
        // All first: a link is about two of them.
        let mut compiled = Compiled(vec![]);
        for meta in &app.components {
            compiled.0.push((meta, source::compile(self, meta, &engines, options)));
        }
        let needs = handlers::needs(app);
        for (meta, component) in &compiled.0 {
            folders::of_component(self, meta);
            let Some(component) = component else { continue };
            source::memory(self, meta, component);
            imports::check(self, meta, component);
            handlers::check(self, meta, component, &needs);
            grants::check(self, meta, component);
            links::check(self, meta, component, &compiled);
        }
        links::circles(self, app);
        handlers::sinks(self, app);
        folders::of_bindings(self, app);
        outside::check(self, app);
        soon::check(self, app);
        compiled.0.into_iter().map(|(_, component)| component).collect()
    }

    pub(super) fn error(
        &mut self,
        at: Span,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::error(self.file, self.at(at), key, message).help(help));
    }

    pub(super) fn warn(
        &mut self,
        at: Span,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::warning(self.file, self.at(at), key, message).help(help));
    }

    /// A place, if there is a manifest for it to be in.
    pub(super) fn at(&self, at: Span) -> Option<Span> {
        (!self.bare).then_some(at)
    }

    /// Whether an error has been noted at a key, or below it.
    pub(super) fn has_error(&self, key: &str) -> bool {
        let is_in = |found: &str| {
            found.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.problems.iter().any(|problem| problem.severity == Severity::Error && is_in(&problem.key))
    }
}

/// What the app's components need of an engine together.
fn settings(app: &App) -> Settings {
    let limits = || app.components.iter().map(|component| &component.limits);
    let slots = limits().map(|limits| limits.concurrency).fold(0, u32::saturating_add);
    Settings { slots, memory: limits().map(|limits| limits.memory).max().unwrap_or_default() }
}
