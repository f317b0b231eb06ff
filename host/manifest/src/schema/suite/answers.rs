//! What is answered in place of systems outside and of components.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Scalar, Time};

#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

/// A scalar is its text, a map or a list is JSON. `{ $json: … }` is JSON in any case, `{ $text: … }` a text,
/// `{ $base64: … }` bytes.
#[derive(JsonSchema)]
pub(super) struct Data(serde_json::Value);

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OutputAnswer {
    /// Only if this is asked for.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// Only so often; always by default.
    #[schemars(default, with = "u32", range(min = 1), skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// The answer takes so long.
    #[schemars(default, with = "Time", skip_serializing_if = "Option::is_none")]
    after: Option<Time>,
    #[schemars(default, with = "Data", skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[schemars(default)]
    metadata: BTreeMap<String, Scalar>,
    /// It fails: a class, or a code of the system behind the output.
    #[schemars(default, with = "Rejected", skip_serializing_if = "Option::is_none")]
    error: Option<Rejected>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Rejected {
    Class(Class),
    Full(FullRejected),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullRejected {
    /// The system's own code.
    rejected: Scalar,
    #[schemars(default)]
    message: String,
}

/// What a caller can do about an error.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum Class {
    Invalid,
    Denied,
    NotFound,
    Conflict,
    TooLarge,
    Quota,
    Unsupported,
    Busy,
    Timeout,
    Unavailable,
    Internal,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct UpstreamAnswer {
    /// `URL` or `METHOD URL`; a `*` stands for any text.
    request: String,
    /// Only so often; always by default.
    #[schemars(default, with = "u32", range(min = 1), skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// The answer takes so long.
    #[schemars(default, with = "Time", skip_serializing_if = "Option::is_none")]
    after: Option<Time>,
    #[schemars(default, with = "u16", range(min = 200, max = 599), extend("default" = 200))]
    status: Option<u16>,
    #[schemars(default)]
    headers: BTreeMap<String, OneOrMore<Scalar>>,
    #[schemars(default, with = "Data", skip_serializing_if = "Option::is_none")]
    body: Option<Data>,
    /// There is no answer.
    #[schemars(default, with = "Class", skip_serializing_if = "Option::is_none")]
    error: Option<Class>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CalleeAnswer {
    /// Only if this is called.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// Only so often; always by default.
    #[schemars(default, with = "u32", range(min = 1), skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// The answer takes so long.
    #[schemars(default, with = "Time", skip_serializing_if = "Option::is_none")]
    after: Option<Time>,
    #[schemars(default, with = "Data", skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[schemars(default)]
    metadata: BTreeMap<String, Scalar>,
    /// The component is not reached, or does not answer.
    #[schemars(default, with = "Class", skip_serializing_if = "Option::is_none")]
    error: Option<Class>,
    /// The component reports a fault.
    #[schemars(default, with = "CalleeFault", skip_serializing_if = "Option::is_none")]
    fault: Option<CalleeFault>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum CalleeFault {
    Kind(FaultKind),
    Full(FullCalleeFault),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullCalleeFault {
    kind: FaultKind,
    #[schemars(default)]
    message: String,
}

/// What a caller can do about a fault.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum FaultKind {
    InvalidRequest,
    NotFound,
    Conflict,
    Denied,
    Unavailable,
    UnknownMethod,
    Internal,
}
