//! Bindings: reaching systems outside of the host.
//!
//! [`Output`] is the seam. Its operations are data, so that a manifest is checked against them and a command prints
//! them as the reference. [`Limited`] is put around an output when an app is loaded; [`signature`] tells whether a
//! webhook comes from who it says; [`conformance`] holds a test for every law.
//!
//! What an input binding hands over is leased and settled as everything is: see [`delivery`](crate::delivery).

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{class::Class, commit::Engine, identity::Identity};

pub mod conformance;
pub mod deferred;
mod limited;
pub mod signature;

pub use limited::{Limited, Limits};

/// The most metadata entries in one request.
pub const MAX_METADATA: usize = 64;
/// The most bytes of metadata in one request, keys and values together.
pub const MAX_METADATA_BYTES: usize = 16 << 10;

/// Keys with their values, in the order in which they were given.
pub type Metadata = Vec<(String, String)>;

/// What an output can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub name: &'static str,
    /// One sentence for the reference.
    pub summary: &'static str,
    /// The metadata that it understands. Any other is refused.
    pub keys: &'static [Key],
    pub effect: Effect,
}

/// A metadata key of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// With `*` at its end it stands for all keys that begin so.
    pub name: &'static str,
    pub summary: &'static str,
    pub required: bool,
}

/// What an operation does to the system behind the binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It changes nothing.
    Safe,
    /// It changes something and needs no answer; doing it twice leaves what doing it once leaves, or can be recognized by
    /// its idempotency key: it may be carried out later.
    Deferrable,
    /// It changes something, at once.
    Immediate,
}

impl Effect {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Deferrable => "deferrable",
            Self::Immediate => "immediate",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Key {
    fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(beginning) => name.strip_prefix(beginning).is_some_and(|rest| !rest.is_empty()),
            None => self.name == name,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub operation: String,
    pub data: Bytes,
    pub content_type: Option<Arc<str>>,
    pub metadata: Metadata,
    /// How long to wait for the answer at the most. The binding may wait for less.
    pub timeout: Option<Duration>,
}

impl Request {
    /// The value of a metadata key, if it is given.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// As [`get`](Self::get), for keys that the operation needs.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] names the key.
    pub fn need(&self, key: &str) -> Result<&str, Error> {
        let missing = || {
            Error::InvalidArgument(format!(
                "the operation `{}` needs the metadata key `{key}`",
                self.operation
            ))
        };
        self.get(key).ok_or_else(missing)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub data: Option<Bytes>,
    pub content_type: Option<Arc<str>>,
    pub metadata: Metadata,
    /// It will be carried out after the call's commit; there is no answer yet.
    pub deferred: bool,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no output binding of that name: {0}")]
    NoSuchBinding(String),
    #[error("access denied: {0}")]
    AccessDenied(String),
    #[error("no such operation: {0}")]
    NoSuchOperation(String),
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    #[error("busy")]
    Busy(Option<Duration>),
    /// It may or may not have happened.
    #[error("timed out")]
    Timeout,
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The system behind the binding refused; the code is its own.
    #[error("rejected with {code}: {message}")]
    Rejected { code: String, message: String },
    #[error("{0}")]
    Other(String),
}

impl Error {
    #[must_use]
    pub fn rejected(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Rejected { code: code.into(), message: message.into() }
    }

    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NoSuchBinding(_) | Self::NoSuchOperation(_) => Class::NotFound,
            Self::AccessDenied(_) => Class::Denied,
            // The request arrived and was understood: what was wrong is what it asked for.
            Self::InvalidArgument(_) | Self::Rejected { .. } => Class::Invalid,
            Self::TooLarge(_) => Class::TooLarge,
            Self::QuotaExceeded(_) => Class::Quota,
            Self::Busy(after) => Class::Busy(*after),
            Self::Timeout => Class::Timeout,
            Self::Unavailable(_) => Class::Unavailable,
            Self::Other(_) => Class::Internal,
        }
    }
}

/// A system outside of the host that components may ask to do things.
///
/// # Laws                                                                checked by
/// - Operations and their keys are told apart and documented.            `operations_are_documented`
/// - An unknown operation is refused, with the list of those there are.  `an_unknown_operation_is_refused_with_the_list`
/// - A required key that is missing is named.                            `a_missing_key_is_named`
/// - A key that the operation does not know is named.                    `an_unknown_key_is_named`
/// - A key that is given twice is named.                                 `a_key_given_twice_is_named`
/// - What is refused for its form changes nothing.                       `what_is_refused_changes_nothing`
/// - A safe operation changes nothing.                                   `a_safe_operation_changes_nothing`
#[async_trait]
pub trait Output: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// What it can do: the same at all times.
    fn operations(&self) -> &'static [Operation];

    /// Does it. When this returns without an error, it is done.
    async fn invoke(&self, request: Request) -> Result<Response, Error>;

    /// Whether a request has the form that its operation needs, as far as that can be told without doing it.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    fn check(&self, request: &Request) -> Result<(), Error> {
        select(self.operations(), request).map(drop)
    }

    /// Whether what a request asked for is there already, as an attempt at it would have left it of which nobody knows
    /// how it ended. Asked when a repetition is rejected.
    async fn is_there(&self, _: &Request) -> bool {
        false
    }

    /// The same output in an atomic call. `None`: it can have no part in one.
    fn over(&self, _: &Arc<dyn Engine>, _: &Arc<Identity>) -> Option<Arc<dyn Output>> {
        None
    }
}

/// The operation that is asked for, if the request has its form: every [`Output`] begins with this.
///
/// # Errors
/// [`Error::NoSuchOperation`] with the list of those there are; [`Error::InvalidArgument`] names the key that is
/// missing, unknown or given twice.
pub fn select<'o>(operations: &'o [Operation], request: &Request) -> Result<&'o Operation, Error> {
    let Some(operation) = operations.iter().find(|operation| operation.name == request.operation) else {
        let names: Vec<_> = operations.iter().map(|operation| operation.name).collect();
        let asked = excerpt(&request.operation);
        return Err(Error::NoSuchOperation(format!("`{asked}`; there are {}", names.join(", "))));
    };
    if request.metadata.len() > MAX_METADATA {
        let message = format!("a request has at most {MAX_METADATA} metadata entries");
        return Err(Error::InvalidArgument(message));
    }
    for (index, (name, _)) in request.metadata.iter().enumerate() {
        if !operation.keys.iter().any(|key| key.covers(name)) {
            let known: Vec<_> = operation.keys.iter().map(|key| key.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Error::InvalidArgument(format!(
                "the operation `{}` does not know the metadata key `{}`; it knows {known}",
                operation.name,
                excerpt(name),
            )));
        }
        if request.metadata[..index].iter().any(|(before, _)| before == name) {
            return Err(Error::InvalidArgument(format!(
                "the metadata key `{}` is given twice",
                excerpt(name)
            )));
        }
    }
    for key in operation.keys.iter().filter(|key| key.required) {
        request.need(key.name)?;
    }
    Ok(operation)
}

/// As much of a text from outside as a message may hold, without control characters.
#[must_use]
pub fn excerpt(text: &str) -> String {
    excerpt_of(text, 200)
}

/// As [`excerpt`], of so many characters at the most.
#[must_use]
pub fn excerpt_of(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).flat_map(printable).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = (!c.is_control()).then_some(c);
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATIONS: &[Operation] = &[
        Operation {
            name: "get",
            summary: "Gets.",
            keys: &[
                Key { name: "path", summary: "Which.", required: true },
                Key { name: "header-*", summary: "A header.", required: false },
            ],
            effect: Effect::Safe,
        },
        Operation { name: "ping", summary: "Pings.", keys: &[], effect: Effect::Immediate },
    ];

    #[test]
    fn a_request_has_the_form_of_its_operation() {
        let ok = "";
        for (operation, keys, expected) in [
            ("get", &["path"][..], ok),
            ("get", &["header-a", "path", "header-b"], ok),
            ("ping", &[], ok),
            ("put", &[], "no such operation: `put`; there are get, ping"),
            ("p\n", &[], "no such operation: `p\\n`; there are get, ping"),
            ("get", &[], "invalid argument: the operation `get` needs the metadata key `path`"),
            (
                "get",
                &["path", "header-"],
                "invalid argument: the operation `get` does not know the metadata key `header-`; it knows path, header-*",
            ),
            (
                "ping",
                &["path"],
                "invalid argument: the operation `ping` does not know the metadata key `path`; it knows none",
            ),
            ("get", &["path", "path"], "invalid argument: the metadata key `path` is given twice"),
            ("get", &["path"; 65], "invalid argument: a request has at most 64 metadata entries"),
        ] {
            let metadata = keys.iter().map(|key| ((*key).to_owned(), "x".to_owned())).collect();
            let request = Request { operation: operation.into(), metadata, ..Request::default() };
            let found =
                select(OPERATIONS, &request).map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(found, expected, "{operation} {keys:?}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt("a\u{1b}[31mb\r\nü"), "a\\u{1b}[31mb\\r\\nü");
        assert_eq!(excerpt(&"x".repeat(5000)).chars().count(), 201);
    }
}
