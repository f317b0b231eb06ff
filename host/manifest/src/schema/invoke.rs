//! Who may call whom.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Name, atomic::Outside};

/// A list of components, or a map from components to methods.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Invoke {
    Components(Vec<Name>),
    Methods(BTreeMap<Name, InvokeGrant>),
}

/// `all`, a list of methods, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum InvokeGrant {
    Methods(Allowed),
    Full(FullInvokeGrant),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullInvokeGrant {
    methods: Allowed,
    #[schemars(default, with = "Outside", skip_serializing_if = "Option::is_none")]
    outside: Option<Outside>,
}

/// A component, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Link {
    Component(Name),
    Full(FullLink),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FullLink {
    component: Name,
    #[schemars(default, with = "Outside", skip_serializing_if = "Option::is_none")]
    outside: Option<Outside>,
}

/// `all`, or a list of names.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Allowed {
    All(All),
    Only(#[schemars(extend("minItems" = 1))] Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum All {
    All,
}
