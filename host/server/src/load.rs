//! From a source to an app with compiled components, every name in it checked; or *all* that is wrong with it.

use std::{path::PathBuf, time::Duration};

use mecha_manifest::{self as manifest, App, Problem, Secrets, Severity};
use mecha_primitives::clock::Timestamp;
use mecha_runtime::{cache::Cache, component::Component, engine::Metering};

use crate::{
    files::{HostSecrets, Kind, Source},
    progress::Progress,
};

mod bare;
mod checker;
mod circle;
mod folders;
mod grants;
mod handlers;
mod imports;
pub mod links;
pub mod outside;
mod soon;
mod source;

pub use bare::name_of;
use checker::Checker;
pub use soon::next;

/// An app that can be served.
#[derive(Debug)]
pub struct Loaded {
    pub app: App,
    pub folder: PathBuf,
    /// Compiled, in the order of the app's components.
    pub components: Vec<Component>,
    /// Whether there was no manifest: the component is given a private store, whatever it calls it.
    pub bare: bool,
    /// When it was loaded.
    pub at: Timestamp,
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
pub struct Options<'a> {
    pub cache: Option<&'a Cache>,
    /// Warnings are errors.
    pub strict: bool,
    /// What is compiled into all code at least.
    pub metering: Metering,
    /// Where the manifest's secrets come from; `None`: from the host.
    pub secrets: Option<&'a dyn Secrets>,
    pub now: Timestamp,
    pub progress: &'a Progress,
}

/// Loads and checks an app.
///
/// # Errors
/// A report with everything that is wrong.
pub fn load(source: &Source, options: &Options<'_>) -> Result<Loaded, Report> {
    let (file, text, app, mut problems) = match &source.kind {
        Kind::Manifest { file, text } => {
            let own = HostSecrets { folder: &source.folder };
            match manifest::load(file, text, options.secrets.unwrap_or(&own)) {
                Ok((app, warnings)) => (file.clone(), text.clone(), app, warnings),
                Err(problems) => return Err(Report { problems, text: text.clone() }),
            }
        }
        Kind::Component { path } => {
            let file = path.display().to_string();
            (file, String::new(), bare::app(path), vec![])
        }
    };
    let bare = matches!(source.kind, Kind::Component { .. });
    let (folder, now) = (&source.folder, options.now);
    let mut checker = Checker { file: &file, bare, folder, now, problems: &mut problems };
    let components = checker.app(&app, options);
    // As they are read: from the top to the bottom.
    problems.sort_by_key(|problem| problem.at);
    if options.strict {
        for problem in &mut problems {
            problem.severity = Severity::Error;
        }
    }
    let report = Report { problems, text };
    match components {
        Some(components) if report.errors() == 0 => {
            Ok(Loaded { app, folder: folder.clone(), components, bare, at: now, warnings: report })
        }
        _ => Err(report),
    }
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
        held_body,
        invoke_payload,
        // They bind the transaction around a call.
        transaction_entries: _,
        transaction_size: _,
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
        held_body,
        invoke_payload,
    }
}
