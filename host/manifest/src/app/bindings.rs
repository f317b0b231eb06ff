//! What the app reaches outside of the host, and what from there triggers it.

use std::time::Duration;

use mecha_primitives::{delivery::Retry, name};

use super::{Allowed, EnvValue, Outside, Route, Secret, Span, Spanned};
use crate::{pattern::FilePattern, url::Url};

/// Something outside of the host that components may be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub name: name::Binding,
    pub kind: OutputKind,
    pub at: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputKind {
    File {
        /// Relative to the manifest's folder, as written.
        directory: Spanned<String>,
    },
    Http(Box<Upstream>),
    Log {
        level: LogLevel,
    },
}

impl OutputKind {
    /// As it is written in a manifest.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Http(_) => "http",
            Self::Log { .. } => "log",
        }
    }

    /// All that it offers.
    #[must_use]
    pub fn operations(&self) -> &'static [&'static str] {
        match self {
            Self::File { .. } => &["create", "get", "list", "delete"],
            Self::Http(_) => &["get", "head", "post", "put", "patch", "delete"],
            Self::Log { .. } => &["write"],
        }
    }
}

/// An HTTP server that requests are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// What all requests begin with; it has no query.
    pub url: Url,
    /// Put into every request, unseen by components. Names are in lowercase and unique; none is the
    /// transport's own.
    pub headers: Vec<(String, EnvValue)>,
    /// Of one attempt.
    pub timeout: Duration,
    pub retry: Retry,
    /// The name may resolve to loopback, private and link-local addresses.
    pub private: bool,
    /// The largest accepted response body, in bytes; at most 4 MiB.
    pub max_response: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// That a component may use an output, which the app declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputGrant {
    pub output: name::Binding,
    /// Of those that the output offers.
    pub operations: Allowed,
    /// Never `Safe`.
    pub outside: Outside,
    pub at: Span,
}

/// Something outside of the host that triggers a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub name: name::Binding,
    pub kind: InputKind,
    /// A component of the app.
    pub to: Spanned<name::Component>,
    /// `None`: as the component says.
    pub atomic: Option<bool>,
    pub at: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    File(Box<FileInput>),
    Http(Box<Webhook>),
}

/// New files in a folder. All folders are relative to the manifest's, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInput {
    pub directory: Spanned<String>,
    /// Names of the files that are meant.
    pub pattern: FilePattern,
    pub settled: SettledFile,
    /// Where a file goes that is given up. `None`: it is renamed to `NAME.failed` where it is.
    pub failed: Option<Spanned<String>>,
    /// The largest file, in bytes; at most 4 MiB.
    pub max_size: u64,
    pub retry: Retry,
    /// Files in work at once, from 1 to 1,000.
    pub concurrency: u32,
}

/// What becomes of a file when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettledFile {
    Delete,
    /// To this folder.
    Move(Spanned<String>),
}

/// HTTP requests, each handled while its sender waits, who repeats what failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The path is exact, without captures.
    pub route: Route,
    /// `None`: anybody can send.
    pub signature: Option<Signature>,
    /// The header, in lowercase, that has the delivery's stable id. `None`: it is a hash of the body.
    pub id: Option<String>,
}

/// How a request proves where it comes from: HMAC-SHA256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Not empty.
    pub secret: Secret,
    /// The header with the signature, in lowercase.
    pub header: String,
    /// What comes before the signature in that header. May be empty.
    pub prefix: String,
    pub encoding: Encoding,
    /// If given, `{timestamp}.{body}` is signed, otherwise the body.
    pub timestamp: Option<SignedTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
}

/// When a request was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTime {
    /// The header that says it, in lowercase.
    pub header: String,
    /// How far it may be from now.
    pub tolerance: Duration,
}
