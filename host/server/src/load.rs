//! From a source to an app with compiled components, every name in it checked; or *all* that is wrong with it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use mecha_manifest::{
    self as manifest, App, PathPattern, Problem, Route, Severity, Span, Spanned, Storage, Tail,
};
use mecha_primitives::name;
use mecha_runtime::{
    cache::Cache,
    component::{self, Component},
    engine::{Engines, Settings},
    imports,
    micrologic::Micrologic,
};

use crate::{
    files::{self, HostSecrets, Kind, Source},
    progress::Progress,
    summary,
};

/// An app that can be served.
#[derive(Debug)]
pub struct Loaded {
    pub app: App,
    pub folder: PathBuf,
    /// Compiled, in the order of the app's components.
    pub components: Vec<Component>,
    /// Whether there was no manifest: the component is given a private store, whatever it calls it.
    pub bare: bool,
    pub warnings: Report,
}

/// Problems, and the text that they are about.
#[derive(Debug, Default)]
pub struct Report {
    pub problems: Vec<Problem>,
    pub text: String,
}

impl Report {
    /// As people read it.
    #[must_use]
    pub fn rendered(&self) -> String {
        self.problems.iter().map(|problem| manifest::render(problem, &self.text) + "\n").collect()
    }

    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

/// How to load.
#[derive(Debug)]
pub struct Options<'a> {
    pub cache: Option<&'a Cache>,
    /// Warnings are errors.
    pub strict: bool,
    pub progress: &'a Progress,
}

/// Loads and checks an app.
///
/// # Errors
/// A report with everything that is wrong.
pub fn load(source: &Source, options: &Options<'_>) -> Result<Loaded, Report> {
    let (file, text, app, mut problems) = match &source.kind {
        Kind::Manifest { file, text } => {
            let secrets = HostSecrets { folder: &source.folder };
            match manifest::load(file, text, &secrets) {
                Ok((app, warnings)) => (file.clone(), text.clone(), app, warnings),
                Err(problems) => return Err(Report { problems, text: text.clone() }),
            }
        }
        Kind::Component { path } => {
            let file = path.display().to_string();
            (file, String::new(), bare(path), vec![])
        }
    };
    let bare = matches!(source.kind, Kind::Component { .. });
    let mut checker = Checker { file: &file, bare, folder: &source.folder, problems: &mut problems };
    let components = checker.components(&app, options);
    if options.strict {
        for problem in &mut problems {
            problem.severity = Severity::Error;
        }
    }
    let report = Report { problems, text };
    match components {
        Some(components) if report.errors() == 0 => {
            Ok(Loaded { app, folder: source.folder.clone(), components, bare, warnings: report })
        }
        _ => Err(report),
    }
}

/// The app that a component is by itself: it gets every path.
fn bare(path: &Path) -> App {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let text = &name_of(stem);
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let at = Span { line: 1, column: 1 };
    // The text was made to follow the rules for names.
    let name = name::App::new(text).unwrap_or_else(|_| name::App::fallback());
    let everything = PathPattern { segments: vec![], tail: Tail::Prefix };
    let component = manifest::Component {
        name: name::Component::new(text).unwrap_or_else(|_| name::Component::fallback()),
        source: Spanned { value: file.to_owned(), at },
        build: None,
        routes: vec![Route { host: None, path: everything, at }],
        stores: vec![],
        outbound: vec![],
        env: vec![],
        directories: vec![],
        limits: manifest::Limits::default(),
        at,
    };
    let storage = Storage { cache: DEFAULT_CACHE };
    App { name, components: vec![component], stores: vec![], storage }
}

/// A name for what a file holds: the file's own, if it is one. What is no name as it stands is told apart by its
/// hash: `a_b` is not `a-b`, and their data must not meet.
#[must_use]
pub fn name_of(stem: &str) -> String {
    const HASH: usize = 8;
    if name::App::new(stem).is_ok() {
        return stem.to_owned();
    }
    let valid = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = stem.chars().map(valid).take(name::MAX_LEN - HASH - 1).collect();
    let text = match text.trim_matches('-') {
        "" => "app",
        text => text,
    };
    format!("{text}-{}", &blake3::hash(stem.as_bytes()).to_hex()[..HASH])
}

/// Page cache of a database, in bytes.
const DEFAULT_CACHE: u64 = 32 << 20;

/// Looks at components, and notes what is wrong with them.
struct Checker<'a> {
    file: &'a str,
    bare: bool,
    folder: &'a Path,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn components(&mut self, app: &App, options: &Options<'_>) -> Option<Vec<Component>> {
        let engines = match Engines::new(settings(app)) {
            Ok(engines) => engines,
            Err(error) => {
                self.problems.push(Problem::error(self.file, None, "components", error.to_string()));
                return None;
            }
        };
        let mut compiled = vec![];
        for meta in &app.components {
            self.directories(meta);
            if let Some(component) = self.compile(meta, &engines, options) {
                self.memory(meta, &component);
                self.imports(meta, &component);
                self.exports(meta, &component);
                self.grants(meta, &component);
                self.link(meta, &component);
                compiled.push(component);
            }
        }
        (compiled.len() == app.components.len()).then_some(compiled)
    }

    fn compile(
        &mut self,
        meta: &manifest::Component,
        engines: &Engines,
        options: &Options<'_>,
    ) -> Option<Component> {
        let path = self.folder.join(&meta.source.value);
        let key = format!("components.{}.source", meta.name);
        let at = (!self.bare).then_some(meta.source.at);
        let bytes = match files::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let problem =
                    Problem::error(self.file, at, key, format!("cannot read {}: {error}", path.display()));
                self.problems.push(match &meta.build {
                    Some(_) => problem.help("`mecha-host build` makes it"),
                    None => problem.help("name a component (.wasm or .wat), relative to the manifest"),
                });
                return None;
            }
        };
        let progress = options.progress.begin(format!("compiling {}", meta.name));
        let compiled = Component::compile(engines, &bytes, meta.limits.fuel.is_some(), options.cache);
        drop(progress);
        if let Ok(component) = &compiled {
            tracing::debug!(component = %meta.name, cached = component.cached, "compiled");
        }
        compiled
            .map_err(|error| {
                let message = match error {
                    component::Error::Host(error) => format!("{error:#}"),
                    error => format!("{} is no component: {error}", path.display()),
                };
                self.problems.push(Problem::error(self.file, at, key, message));
            })
            .ok()
    }

    fn memory(&mut self, meta: &manifest::Component, component: &Component) {
        let (limit, needed) = (meta.limits.memory, component.initial_memory().unwrap_or_default());
        if needed > limit {
            let (key, at) =
                (format!("components.{}.limits.memory", meta.name), (!self.bare).then_some(meta.at));
            let (limit, needed) = (summary::size(limit), summary::size(needed));
            let message = format!("the component begins with {needed} of memory, and may have {limit}");
            self.problems.push(Problem::error(self.file, at, key, message).help("raise the limit"));
        }
    }

    fn imports(&mut self, meta: &manifest::Component, component: &Component) {
        let at = (!self.bare).then_some(meta.source.at);
        for import in &component.imports {
            if let Some(instead) = imports::lacking(&import.name) {
                let key = format!("components.{}.source", meta.name);
                let message = format!("the component imports `{import}`, which this host does not have");
                self.problems.push(Problem::error(self.file, at, key, message).help(instead));
            }
        }
    }

    fn exports(&mut self, meta: &manifest::Component, component: &Component) {
        const HANDLER: &str = mecha_runtime::exports::http::INTERFACE;
        if component.exports_interface(HANDLER) {
            return;
        }
        let exports: Vec<_> = component.exports.iter().map(|item| format!("`{item}`")).collect();
        let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        for (index, route) in meta.routes.iter().enumerate() {
            let at = (!self.bare).then_some(route.at);
            let key = format!("components.{}.http.{index}", meta.name);
            let message = format!("the component cannot answer HTTP: it exports {found}");
            let problem = Problem::error(self.file, at, key, message);
            self.problems.push(problem.help(format!("export `{HANDLER}@0.2`, or remove the route")));
        }
    }

    /// What names alone do not show: functions that are missing or of other types.
    fn link(&mut self, meta: &manifest::Component, component: &Component) {
        let key = format!("components.{}.source", meta.name);
        // Whatever was said of the component already is the reason, and said better.
        if self.problems.iter().any(|problem| problem.severity == Severity::Error && problem.key == key) {
            return;
        }
        if let Err(error) = Micrologic::check(component) {
            let at = (!self.bare).then_some(meta.source.at);
            let message = format!("the component cannot be linked: {error:#}");
            self.problems.push(Problem::error(self.file, at, key, message));
        }
    }

    /// What is imported and not granted, and what is granted and not imported.
    fn grants(&mut self, meta: &manifest::Component, component: &Component) {
        if self.bare {
            return;
        }
        let has = |interface| component.imports_interface(interface);
        let key = |part: &str| format!("components.{}.{part}", meta.name);
        let mut warn = |at, key, message: String, help: String| {
            self.problems.push(Problem::warning(self.file, at, key, message).help(help));
        };
        let uses_state = has("mecha:state/stores");
        if uses_state && meta.stores.is_empty() {
            let message = "the component imports `mecha:state`, but is granted no store".into();
            warn(meta.at, key("stores"), message, "grant one: `stores: { main: read-write }`".into());
        }
        if has("wasi:http/outgoing-handler") && meta.outbound.is_empty() {
            let message = "the component imports `wasi:http/outgoing-handler`, but is granted no host".into();
            warn(
                meta.at,
                key("outbound"),
                message,
                "grant some: `outbound: [https://api.example.com]`".into(),
            );
        }
        let unused =
            |interface| format!("nothing uses this grant: the component does not import `{interface}`");
        if !uses_state {
            for grant in &meta.stores {
                let key = key(&format!("stores.{}", grant.store));
                warn(grant.at, key, unused("mecha:state/stores"), "remove the grant".into());
            }
        }
        if !has("wasi:http/outgoing-handler") {
            for (index, grant) in meta.outbound.iter().enumerate() {
                let key = key(&format!("outbound.{index}"));
                warn(grant.at, key, unused("wasi:http/outgoing-handler"), "remove the grant".into());
            }
        }
        if !has("wasi:filesystem/preopens") {
            for (index, grant) in meta.directories.iter().enumerate() {
                let key = key(&format!("directories.{index}"));
                warn(grant.at, key, unused("wasi:filesystem/preopens"), "remove the grant".into());
            }
        }
        if !has("wasi:cli/environment") && !meta.env.is_empty() {
            warn(meta.at, key("env"), unused("wasi:cli/environment"), "remove the variables".into());
        }
    }

    fn directories(&mut self, meta: &manifest::Component) {
        for (index, directory) in meta.directories.iter().enumerate() {
            let path = self.folder.join(&directory.host.value);
            if !path.is_dir() {
                let key = format!("components.{}.directories.{index}.host", meta.name);
                let message = format!("there is no folder {}", path.display());
                let problem = Problem::error(self.file, directory.host.at, key, message);
                self.problems.push(problem.help("make it, or name another, relative to the manifest"));
            }
        }
    }
}

/// What the app's components need of an engine together.
fn settings(app: &App) -> Settings {
    let limits = || app.components.iter().map(|component| &component.limits);
    let slots = limits().map(|limits| limits.concurrency).fold(0, u32::saturating_add);
    Settings { slots, memory: limits().map(|limits| limits.memory).max().unwrap_or_default() }
}

/// What a call of this component may use.
#[must_use]
pub fn limits(of: &manifest::Limits) -> mecha_runtime::limits::Limits {
    let manifest::Limits {
        memory,
        wall_time,
        concurrency,
        fuel,
        request_body,
        request_headers,
        handles,
        stdio,
        random,
    } = *of;
    let wall_time: Duration = wall_time;
    mecha_runtime::limits::Limits {
        memory,
        wall_time,
        concurrency,
        fuel,
        request_body,
        headers: request_headers,
        handles,
        stdio,
        random,
    }
}
