//! What is atomic, and what is said about it.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Time, invoke::Allowed};

/// Whether its calls are transactions: `true`, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Atomic {
    All(bool),
    Full(FullAtomic),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullAtomic {
    /// Of all handlers that do not say it themselves.
    #[schemars(default)]
    default: bool,
    /// Invoke methods and linked interfaces, as in `callers`.
    #[schemars(default)]
    methods: BTreeMap<String, bool>,
    /// Runs of jobs that it schedules for itself; as `default` by default.
    #[schemars(default, with = "bool", skip_serializing_if = "Option::is_none")]
    jobs: Option<bool>,
    /// How often at the most a call is run when others change what it read.
    #[schemars(default, with = "u32", range(min = 1, max = 100), extend("default" = 5))]
    runs: Option<u32>,
}

/// Whether a request that is repeated with its `Idempotency-Key` gets the first answer again: `true`, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Idempotency {
    On(bool),
    Full(FullIdempotency),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullIdempotency {
    /// The request header whose value tells callers apart; all share their keys by default.
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    /// How long an answer is kept; at most 30d.
    #[schemars(default, with = "Time", extend("default" = "24h"))]
    keep: Option<Time>,
    /// A request without a key is refused.
    #[schemars(default)]
    required: bool,
}

/// The grant reaches beyond what an atomic call can undo.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum Outside {
    /// At once, and not undone.
    Allow,
}

/// The grant reaches beyond what an atomic call can undo.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum OutsideOfRequests {
    /// Any method.
    Allow,
    /// GET, HEAD, OPTIONS and TRACE.
    Safe,
}

/// `all`, a list of operations, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum OutputGrant {
    Operations(Allowed),
    Full(FullOutputGrant),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullOutputGrant {
    operations: Allowed,
    #[schemars(default, with = "Outside", skip_serializing_if = "Option::is_none")]
    outside: Option<Outside>,
}
