//! The manifest: text in, an app or *all* its errors out.
//!
//! A manifest goes through three stages. `tree` turns the text into nodes that know their place and
//! refuses what is not YAML. The readers (`component`, `store`, `limits`, …) turn nodes into the
//! types of `app` by way of `read`, which collects problems instead of stopping at the first. `check`
//! then compares what no single reader sees: routes of different components, grants and stores.
//!
//! This crate does no I/O. Whether a file exists is the caller's business, and secrets come in by way of
//! [`Secrets`]. What the caller finds out later (an import without a grant, a missing file) it reports as a
//! further [`Problem`], at the [`Span`] that every part of the app carries.

mod app;
mod check;
mod component;
mod directory;
mod host;
mod limits;
mod outbound;
mod path;
mod problem;
mod read;
mod route;
mod schema;
mod secrets;
mod store;
mod tree;
mod units;
mod wrong;

pub use app::{
    Access, App, Component, DirAccess, Directory, EnvValue, Limits, Outbound, OutboundScheme, Route, Span,
    Spanned, Storage, Store, StoreGrant, StoreKind,
};
pub use host::HostPattern;
pub use path::{PathPattern, Segment, Tail};
pub use problem::{Problem, Severity, render};
pub use schema::schema;
pub use secrets::{Secret, Secrets};

use crate::read::{Item, Reader};

/// The file that `mecha-host` looks for in an app's folder.
pub const FILE: &str = "mecha.yaml";

/// Reads the manifest `text`; `file` is how problems name it.
///
/// An app comes with the warnings about it.
///
/// # Errors
/// Every problem of the manifest, warnings included, in the order of the text. At least one is an error.
pub fn load(file: &str, text: &str, secrets: &dyn Secrets) -> Result<(App, Vec<Problem>), Vec<Problem>> {
    let root = tree::parse(file, text)?;
    let mut reader = Reader::new(file, secrets);
    let app = check::read(&mut reader, &Item::root(&root));
    let problems = reader.finish();
    match app {
        Some(app) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            Ok((app, problems))
        }
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests;
