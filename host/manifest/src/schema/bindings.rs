//! Inputs and outputs.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Name, Path, Scalar, Size, Time, events::Retry};

pub(super) type Headers = BTreeMap<String, Scalar>;

/// An output: a map with one kind as its key, or `log`.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Output {
    Kind(LogKind),
    Full(Box<FullOutput>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum LogKind {
    Log,
}

#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["file"] }, { "required": ["http"] }, { "required": ["log"] }])
)]
pub(super) struct FullOutput {
    /// Files in a folder: create, get, list, delete.
    #[schemars(default, with = "FileOutput")]
    file: Option<FileOutput>,
    /// An HTTP server: get, head, post, put, patch, delete.
    #[schemars(default, with = "Upstream")]
    http: Option<Upstream>,
    /// The host's log: write.
    #[schemars(default)]
    log: Option<LogOutput>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct FileOutput {
    /// The folder, relative to the manifest.
    directory: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Upstream {
    /// What all requests begin with.
    #[schemars(regex(pattern = "^[Hh][Tt][Tt][Pp][Ss]?://"))]
    url: String,
    /// Put into every request, unseen by components. `${env:NAME}` and `${file:path}` put in secrets.
    #[schemars(default)]
    headers: Headers,
    #[schemars(default, with = "Time", extend("default" = "10s"))]
    timeout: Option<Time>,
    /// 3 attempts, 200ms to 5s apart, by default.
    #[schemars(default, with = "Retry")]
    retry: Option<Retry>,
    /// The host may have a loopback, private or link-local address.
    #[schemars(default)]
    private: bool,
    /// The largest accepted response; at most 4MiB.
    #[schemars(default, with = "Size", extend("default" = "1MiB"))]
    max_response: Option<Size>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct LogOutput {
    #[schemars(default, with = "LogLevel", extend("default" = "info"))]
    level: Option<LogLevel>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// An input: a map with one kind as a key.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["file"] }, { "required": ["http"] }])
)]
pub(super) struct Input {
    /// New files in a folder.
    #[schemars(default, with = "FileInput")]
    file: Option<FileInput>,
    /// Requests of others.
    #[schemars(default, with = "Webhook")]
    http: Option<Webhook>,
    /// The component whose input handler is called.
    to: Name,
    /// Of `file`.
    #[schemars(default, with = "Retry")]
    retry: Option<Retry>,
    /// Of `file`: files in work at once.
    #[schemars(default, with = "u32", range(min = 1, max = 1000), extend("default" = 1))]
    concurrency: Option<u32>,
    /// Its calls are transactions; as the component says by default.
    #[schemars(default, with = "bool", skip_serializing_if = "Option::is_none")]
    atomic: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct FileInput {
    /// The folder, relative to the manifest.
    directory: String,
    /// Names of files: `*` stands for any characters, `?` for one.
    #[schemars(default, with = "String", extend("default" = "*"))]
    pattern: Option<String>,
    #[schemars(default, with = "Settled", extend("default" = "delete"))]
    settled: Option<Settled>,
    /// A folder for what is given up; otherwise it is renamed to `NAME.failed`.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// The largest file; at most 4MiB.
    #[schemars(default, with = "Size", extend("default" = "4MiB"))]
    max_size: Option<Size>,
}

/// What becomes of a file that is done.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Settled {
    Delete(Delete),
    Move(MoveTo),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Delete {
    Delete,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct MoveTo {
    /// The folder, relative to the manifest.
    r#move: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Webhook {
    /// An exact path.
    path: Path,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[schemars(default, with = "Signature")]
    signature: Option<Signature>,
    /// The header with the delivery's stable id; a hash of the body by default.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// How a request proves where it comes from: HMAC-SHA256.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Signature {
    /// `${env:NAME}` and `${file:path}` put in secrets.
    secret: String,
    /// The header with the signature.
    #[schemars(default, with = "String", extend("default" = "x-signature"))]
    header: Option<String>,
    /// What comes before the signature in the header.
    #[schemars(default)]
    prefix: String,
    #[schemars(default, with = "Encoding", extend("default" = "hex"))]
    encoding: Option<Encoding>,
    /// If given, `{timestamp}.{body}` is signed, otherwise the body.
    #[schemars(default, with = "SignedTime")]
    timestamp: Option<SignedTime>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Encoding {
    Hex,
    Base64,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct SignedTime {
    /// The header with the Unix time of the signature.
    header: String,
    /// How far it may be from now.
    #[schemars(default, with = "Time", extend("default" = "5m"))]
    tolerance: Option<Time>,
}
