//! What is to be found.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Name, TopicName};

/// What is to be found. What is not mentioned may be as it likes.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Then {
    /// Of the last HTTP request.
    #[schemars(default, with = "Response", skip_serializing_if = "Option::is_none")]
    response: Option<Response>,
    /// Of the last invocation.
    #[schemars(default, with = "Answer", skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// Stores, and what their keys have. `$exactly: true`: there is nothing else in the store.
    #[schemars(default)]
    state: BTreeMap<String, BTreeMap<String, Pattern>>,
    /// What components published, in order.
    #[schemars(default)]
    events: BTreeMap<TopicName, Listed<EventPattern>>,
    /// Jobs that components have scheduled.
    #[schemars(default)]
    jobs: BTreeMap<Name, Listed<JobPattern>>,
    /// What outputs were asked, in order.
    #[schemars(default)]
    outputs: BTreeMap<Name, Listed<OutputPattern>>,
    /// Requests that were sent to hosts outside, in order.
    #[schemars(default, with = "Listed<RequestPattern>", skip_serializing_if = "Option::is_none")]
    requests: Option<Listed<RequestPattern>>,
    /// What components were asked for which the case answers, in order.
    #[schemars(default)]
    callees: BTreeMap<Name, Listed<CalleePattern>>,
    /// Lines that were printed: a list is in this order, among others.
    #[schemars(default, with = "Listed<Pattern>", skip_serializing_if = "Option::is_none")]
    logs: Option<Listed<Pattern>>,
    /// How calls ended that gave no answer, such as `trap` or `fuel`. By default none may end so.
    #[schemars(default, with = "Listed<Pattern>", skip_serializing_if = "Option::is_none")]
    faults: Option<Listed<Pattern>>,
}

/// Data, which stands for itself, or a map with one of `$any`, `$absent`, `$matches`, `$contains`, `$includes`, `$base64`,
/// `$text` and `$json`. It may have such maps in it.
#[derive(JsonSchema)]
pub(super) struct Pattern(serde_json::Value);

/// A list, or what it has among others, or all that it has.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Listed<T> {
    List(Vec<T>),
    Includes(Includes<T>),
    Exactly(Exactly<T>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Includes<T> {
    /// In this order, among others.
    #[schemars(rename = "$includes")]
    includes: Vec<T>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Exactly<T> {
    /// These, and no others.
    #[schemars(rename = "$exactly")]
    exactly: Vec<T>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Response {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    status: Option<Pattern>,
    #[schemars(default)]
    headers: BTreeMap<String, Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    body: Option<Pattern>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Answer {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    data: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    content_type: Option<Pattern>,
    /// The kind of a fault, or the class of an error.
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    error: Option<Pattern>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct EventPattern {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    r#type: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    id: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    source: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    subject: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    data: Option<Pattern>,
    #[schemars(default)]
    extensions: BTreeMap<String, Pattern>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct JobPattern {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    name: Option<Pattern>,
    /// When it is due, as RFC 3339 writes it.
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    due: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    data: Option<Pattern>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OutputPattern {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    operation: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    data: Option<Pattern>,
    #[schemars(default)]
    metadata: BTreeMap<String, Pattern>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RequestPattern {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    method: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    url: Option<Pattern>,
    #[schemars(default)]
    headers: BTreeMap<String, Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    body: Option<Pattern>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CalleePattern {
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    method: Option<Pattern>,
    #[schemars(default, with = "Pattern", skip_serializing_if = "Option::is_none")]
    data: Option<Pattern>,
}
