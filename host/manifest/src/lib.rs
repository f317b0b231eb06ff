//! The manifest, and tests of what it describes: text in, an app, tests or *all* their errors out.
//!
//! A manifest goes through three stages. `tree` turns the text into nodes that know their place and
//! refuses what is not YAML. The readers (`component`, `store`, `topics`, …) turn nodes into the
//! types of `app` by way of `read`, which collects problems instead of stopping at the first. `check`
//! then compares what no single reader sees: routes of different components, grants and stores, and by way of
//! `flow`, `dead_letters`, `invoke` and `outputs` where events and calls go, and by way of `commits` what an atomic call
//! can do in one commit.
//!
//! A test file goes the same way, with the app at hand: [`suite::load`].
//!
//! This crate does no I/O. Whether a file exists is the caller's business, and secrets come in by way of
//! [`Secrets`]. What the caller finds out later (an import without a grant, a missing file) it reports as a
//! further [`Problem`], at the [`Span`] that every part of the app carries.

mod allowed;
mod app;
mod atomic;
mod check;
mod commits;
mod component;
mod crons;
mod dead_letters;
mod directory;
mod facts;
mod filters;
mod flow;
mod headers;
mod host;
mod inputs;
mod invoke;
mod limits;
mod outbound;
mod outputs;
mod path;
mod pattern;
mod problem;
mod publish;
mod read;
mod retry;
mod route;
mod schedules;
mod schema;
mod secrets;
mod store;
mod subscriptions;
pub mod suite;
mod targets;
mod topics;
mod tree;
mod units;
mod url;
mod wrong;

pub use app::{
    Access, Allowed, App, Atomic, Batch, Caller, CallerGrant, Case, Component, DirAccess, Directory, Due,
    Encoding, EnvValue, FileInput, Idempotency, Input, InputKind, InvokeGrant, Limits, Link, LogLevel,
    Missed, Outbound, OutboundScheme, Output, OutputGrant, OutputKind, Outside, Publish, Route, Schedule,
    SettledFile, Signature, SignedTime, Sink, SinkMode, Span, Spanned, Start, Storage, Store, StoreGrant,
    StoreKind, Subscription, Target, Topic, TopicKind, Upstream, Webhook, WhenFull,
};
pub use host::HostPattern;
pub use path::{PathPattern, Segment, Tail};
pub use pattern::{FilePattern, TypePattern};
pub use problem::{Problem, Severity, render};
pub use schema::{schema, suite_schema};
pub use secrets::{Secret, Secrets};
pub use url::Url;

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
    let root = tree::parse(file, text, &tree::MANIFEST)?;
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
