//! An app as its manifest describes it, checked and typed.
//!
//! Everything here has been validated, so the crates that use it need no checks of their own. What the
//! manifest cannot know (whether a file exists, what a component imports) they check themselves and report
//! at the `at` of the part concerned.

use std::{fmt, time::Duration};

use mecha_primitives::name;

use crate::{host::HostPattern, path::PathPattern, secrets::Secret};

mod atomic;
mod bindings;
mod events;
mod invoke;
mod schedule;

pub(crate) use atomic::Triggers;
pub use atomic::{Atomic, Idempotency, Outside};
pub use bindings::{
    Encoding, FileInput, Input, InputKind, LogLevel, Output, OutputGrant, OutputKind, SettledFile, Signature,
    SignedTime, Upstream, Webhook,
};
pub use events::{
    Batch, Case, Publish, Sink, SinkMode, Start, Subscription, Target, Topic, TopicKind, WhenFull,
};
pub use invoke::{Allowed, Caller, CallerGrant, InvokeGrant, Link};
pub use schedule::{Due, Missed, Schedule};

/// An app: what one manifest describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub name: name::App,
    /// At least one, in the order of the manifest, as is every list here.
    pub components: Vec<Component>,
    pub stores: Vec<Store>,
    pub storage: Storage,
    /// Those that are declared, then the implicit one, if there is one.
    pub topics: Vec<Topic>,
    pub subscriptions: Vec<Subscription>,
    pub schedules: Vec<Schedule>,
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
}

impl App {
    /// An app with components and nothing else.
    #[must_use]
    pub fn new(name: name::App, components: Vec<Component>) -> Self {
        Self {
            name,
            components,
            stores: vec![],
            storage: Storage::default(),
            topics: vec![],
            subscriptions: vec![],
            schedules: vec![],
            inputs: vec![],
            outputs: vec![],
        }
    }
}

/// Options of the app's embedded database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Memory for its page cache, in bytes.
    pub cache: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self { cache: 32 << 20 }
    }
}

/// A component, and everything that it is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub name: name::Component,
    /// A `.wasm` or `.wat` file, relative to the manifest's folder.
    pub source: Spanned<String>,
    /// A shell command that makes `source`, to be run in the manifest's folder.
    pub build: Option<String>,
    pub routes: Vec<Route>,
    pub stores: Vec<StoreGrant>,
    pub outbound: Vec<Outbound>,
    /// Names are unique, not empty, and without `=` and NUL; values are without NUL.
    pub env: Vec<(String, EnvValue)>,
    pub directories: Vec<Directory>,
    /// Topics that it may publish to.
    pub publish: Vec<Publish>,
    /// Components that it may call; each lets it.
    pub invoke: Vec<InvokeGrant>,
    /// Who may call it.
    pub callers: Vec<CallerGrant>,
    /// Imports of it that are exports of other components; each lets it.
    pub links: Vec<Link>,
    pub outputs: Vec<OutputGrant>,
    /// It may schedule jobs for itself.
    pub jobs: bool,
    pub limits: Limits,
    pub atomic: Atomic,
    /// Of its name.
    pub at: Span,
}

impl Component {
    /// A component that nothing triggers, that is granted nothing and has the default limits.
    #[must_use]
    pub fn new(name: name::Component, source: Spanned<String>, at: Span) -> Self {
        Self {
            name,
            source,
            build: None,
            routes: vec![],
            stores: vec![],
            outbound: vec![],
            env: vec![],
            directories: vec![],
            publish: vec![],
            invoke: vec![],
            callers: vec![],
            links: vec![],
            outputs: vec![],
            jobs: false,
            limits: Limits::default(),
            atomic: Atomic::default(),
            at,
        }
    }

    /// Whether calls of it are limited in fuel, by any route at least.
    #[must_use]
    pub fn limits_fuel(&self) -> bool {
        self.limits.fuel.is_some() || self.routes.iter().any(|route| route.fuel.is_some())
    }
}

/// Which HTTP requests a component answers. No two routes of an app are equal but for capture names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `None`: any host.
    pub host: Option<HostPattern>,
    pub path: PathPattern,
    /// Its calls are atomic. Never true of a route that is the host's own.
    pub atomic: bool,
    pub idempotency: Option<Idempotency>,
    /// Units of fuel that a call by this route may burn, in place of what the component's limits say. Never of a route that
    /// is the host's own.
    pub fuel: Option<u64>,
    pub at: Span,
}

/// That a component may use a store, which the app declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreGrant {
    pub store: name::Store,
    pub access: Access,
    /// If given, the grant covers only keys that begin with it. Never empty.
    pub prefix: Option<String>,
    pub at: Span,
}

/// What a component may do with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

impl Access {
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// Hosts that a component may send HTTP requests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    pub scheme: OutboundScheme,
    pub host: HostPattern,
    /// `None`: the scheme's own port.
    pub port: Option<u16>,
    /// The names may resolve to loopback, private and link-local addresses. (A pattern that is itself such
    /// an address grants that address without this.)
    pub private: bool,
    pub outside: Outside,
    pub at: Span,
}

impl fmt::Display for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The scheme of an outbound grant. `https` does not include `http`, nor the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboundScheme {
    Http,
    Https,
}

impl OutboundScheme {
    /// The port of a URL that names none.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for OutboundScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvValue {
    Plain(String),
    /// Some of it came from outside the manifest.
    Secret(Secret),
}

impl EnvValue {
    /// The text to give to the guest, secret or not.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// A folder of the host that a component sees (a WASI preopen).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Relative to the manifest's folder, as written.
    pub host: Spanned<String>,
    /// Absolute, without empty, `.` and `..` segments and without a slash at its end; unique in a component.
    pub guest: String,
    pub access: DirAccess,
    /// Never `Safe`.
    pub outside: Outside,
    pub at: Span,
}

/// What a component may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirAccess {
    Read,
    ReadWrite,
}

/// A state store that the app declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub name: name::Store,
    pub kind: StoreKind,
    /// All granted components see the same keys; otherwise each has its own.
    pub shared: bool,
    /// Quota in bytes.
    pub max_size: Option<u64>,
    /// The largest value, in bytes.
    pub max_value: u64,
    pub at: Span,
}

/// Where a store keeps its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// In the tenant's database file.
    Embedded,
    /// In memory: lost when the host stops.
    Memory,
}

/// What a component may use up. No limit is zero; `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes; at most 4 GiB.
    pub memory: u64,
    /// How long one call may take.
    pub wall_time: Duration,
    /// Calls in flight.
    pub concurrency: u32,
    /// Units of fuel that one call may burn, unless its route says another number. `Some` needs a metered engine.
    pub fuel: Option<u64>,
    /// The largest accepted request body, in bytes.
    pub request_body: Option<u64>,
    /// The largest accepted request headers, in bytes.
    pub request_headers: u64,
    /// Component-model handles that one instance may hold.
    pub handles: u32,
    /// Bytes of log that a call may write per second before lines are dropped.
    pub stdio: u64,
    /// The largest single read of random bytes.
    pub random: u64,
    /// The largest request and the largest response of an invocation, in bytes; at most 4 MiB.
    pub invoke_payload: u64,
    /// The largest request body and the largest answer of a call that is answered after its commit, or that has an
    /// idempotency key, in bytes; at most 16 MiB.
    pub held_body: u64,
    /// Reads that one atomic call remembers and writes that it holds; at most 100,000.
    pub transaction_entries: u32,
    /// Their bytes; at most 256 MiB.
    pub transaction_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            wall_time: Duration::from_secs(30),
            concurrency: 100,
            fuel: None,
            request_body: None,
            request_headers: 64 << 10,
            handles: 1000,
            stdio: 64 << 10,
            random: 64 << 10,
            invoke_payload: 1 << 20,
            held_body: 1 << 20,
            transaction_entries: 10_000,
            transaction_size: 16 << 20,
        }
    }
}

/// A place in the manifest; both numbers begin at 1 and columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Span,
}
