//! Who may call whom.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::Name;

/// A list of components, or a map from components to methods.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Invoke {
    Components(Vec<Name>),
    Methods(BTreeMap<Name, Allowed>),
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
