//! The JSON Schemas of the manifest and of test files, for editors.
//!
//! The types here describe what is written, not what is read: the readers do that, and a test holds the two
//! together. A comment here is what an editor shows.

#![expect(dead_code, reason = "the types only describe; nothing makes one")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};

mod atomic;
mod bindings;
mod events;
mod invoke;
mod suite;

pub use suite::suite_schema;

use atomic::{Atomic, Idempotency, OutputGrant, Outside, OutsideOfRequests};
use bindings::{Input, Output};
use events::{Publish, Schedule, Subscription, Topic, TopicName};
use invoke::{Allowed, Invoke, Link};

/// The JSON Schema of a manifest. It knows every key, but not what only makes sense in context.
#[must_use]
pub fn schema() -> Schema {
    schema_for!(Manifest)
}

/// The manifest of a mecha-host app, mecha.yaml.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, title = "mecha.yaml")]
struct Manifest {
    /// The app's name: its identity, whatever folder it is in.
    name: Name,
    /// The app's components, by name.
    #[schemars(extend("minProperties" = 1))]
    components: BTreeMap<Name, Component>,
    /// The state stores that components can be granted, by name.
    #[schemars(default, with = "BTreeMap<Name, Store>")]
    stores: Option<BTreeMap<Name, Store>>,
    /// Options of the app's embedded database.
    #[schemars(default, with = "Storage")]
    storage: Option<Storage>,
    /// The topics that components can be granted to publish to, by name.
    #[schemars(default, with = "BTreeMap<TopicName, Topic>")]
    topics: Option<BTreeMap<TopicName, Topic>>,
    /// Who is given the events of which topics.
    #[schemars(default, with = "BTreeMap<Name, Subscription>")]
    subscriptions: Option<BTreeMap<Name, Subscription>>,
    /// What components do at given times.
    #[schemars(default, with = "BTreeMap<Name, Schedule>")]
    schedules: Option<BTreeMap<Name, Schedule>>,
    /// What triggers components from outside of the host.
    #[schemars(default, with = "BTreeMap<Name, Input>")]
    inputs: Option<BTreeMap<Name, Input>>,
    /// What components can be granted to reach outside of the host.
    #[schemars(default, with = "BTreeMap<Name, Output>")]
    outputs: Option<BTreeMap<Name, Output>>,
}

/// Lowercase letters, digits and `-`; at most 63 characters.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
struct Name(#[schemars(regex(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))] String);

/// A component, and everything that it is granted.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Component {
    /// The component's file, relative to the manifest.
    #[schemars(regex(pattern = r"\.(wasm|wat)$"))]
    source: String,
    #[schemars(default, with = "Atomic", extend("default" = false))]
    atomic: Option<Atomic>,
    /// A shell command that makes `source`, run in the manifest's folder.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "String")]
    build: Option<String>,
    /// The HTTP requests that the component answers. A route without a host is for any host.
    #[schemars(default)]
    http: Vec<Route>,
    /// The stores that the component may use.
    #[schemars(default)]
    stores: BTreeMap<Name, Grant>,
    /// The hosts that the component may send HTTP requests to.
    #[schemars(default)]
    outbound: Vec<Outbound>,
    /// Environment variables. `${env:NAME}` and `${file:path}` put in secrets; `$${` is a plain `${`.
    #[schemars(default)]
    env: BTreeMap<String, Scalar>,
    /// Folders of the host that the component sees.
    #[schemars(default)]
    directories: Vec<Directory>,
    /// The topics that the component may publish to.
    #[schemars(default)]
    publish: Vec<Publish>,
    /// The components that it may call: a list, or a map from components to methods.
    #[schemars(default, with = "Invoke")]
    invoke: Option<Invoke>,
    /// Who may call it, and which methods. `outside` is people and scripts.
    #[schemars(default)]
    callers: BTreeMap<Name, Allowed>,
    /// Imported WIT interfaces that other components export.
    #[schemars(default)]
    link: BTreeMap<String, Link>,
    /// The outputs that it may use, and which of their operations.
    #[schemars(default)]
    outputs: BTreeMap<Name, OutputGrant>,
    /// It may schedule jobs for itself.
    #[schemars(default)]
    jobs: bool,
    /// What the component may use up.
    #[schemars(default, with = "Limits")]
    limits: Option<Limits>,
}

/// A path, or a path with a host.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Route {
    Path(Path),
    Full(FullRoute),
}

/// `/a` matches exactly, `/a/` is a prefix, `{name}` captures one segment, a last `{name...}` the rest.
#[derive(JsonSchema)]
struct Path(#[schemars(regex(pattern = "^/"))] String);

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct FullRoute {
    path: Path,
    /// A host, or all names below one: `*.example.com`.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "String")]
    host: Option<String>,
    /// Its calls are transactions; as the component says by default.
    #[schemars(default, with = "bool", skip_serializing_if = "Option::is_none")]
    atomic: Option<bool>,
    #[schemars(default, with = "Idempotency", extend("default" = false))]
    idempotency: Option<Idempotency>,
    #[schemars(default, with = "RouteLimits", skip_serializing_if = "Option::is_none")]
    limits: Option<RouteLimits>,
}

/// What a call by this route may use up; for the rest the component's limits hold.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct RouteLimits {
    /// Units of fuel that one call may burn, more or fewer than the component says. Turns the metered engine on.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "u64", range(min = 1))]
    fuel: Option<u64>,
}

/// What the component may do with the store.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Grant {
    Access(Access),
    Full(FullGrant),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Access {
    Read,
    Write,
    ReadWrite,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct FullGrant {
    access: Access,
    /// Only keys that begin with it.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "String", length(min = 1))]
    prefix: Option<String>,
}

/// `[http://|https://]host[:port]`; https if no scheme is given. A host may begin with `*.`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Outbound {
    Pattern(String),
    Full(FullOutbound),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct FullOutbound {
    /// `[http://|https://]host[:port]`
    host: String,
    /// The host may have a loopback, private or link-local address.
    #[schemars(default)]
    private: bool,
    #[schemars(default, with = "OutsideOfRequests", skip_serializing_if = "Option::is_none")]
    outside: Option<OutsideOfRequests>,
}

/// A text; numbers and booleans are taken as they are written.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Bool(bool),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Directory {
    /// The folder on the host, relative to the manifest.
    host: String,
    /// Where the component sees it.
    #[schemars(regex(pattern = "^/"))]
    guest: String,
    #[schemars(default, with = "DirAccess", extend("default" = "read"))]
    access: Option<DirAccess>,
    #[schemars(default, with = "Outside", skip_serializing_if = "Option::is_none")]
    outside: Option<Outside>,
}

/// What the component may do in the folder.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum DirAccess {
    Read,
    ReadWrite,
}

/// Every limit has a default.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Limits {
    /// Linear memory of one instance; at most 4GiB.
    #[schemars(default, with = "Size", extend("default" = "128MiB"))]
    memory: Option<Size>,
    /// How long one call may take.
    #[schemars(default, with = "Time", extend("default" = "30s"))]
    wall_time: Option<Time>,
    /// Calls in flight.
    #[schemars(default, with = "u32", range(min = 1), extend("default" = 100))]
    concurrency: Option<u32>,
    /// Units of fuel that one call may burn; none by default. Turns the metered engine on.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "u64", range(min = 1))]
    fuel: Option<u64>,
    /// The largest accepted request body; unlimited by default.
    #[schemars(default, with = "Size")]
    request_body: Option<Size>,
    /// The largest accepted request headers.
    #[schemars(default, with = "Size", extend("default" = "64KiB"))]
    request_headers: Option<Size>,
    /// Component-model handles that one instance may hold; at most 10,000.
    #[schemars(default, with = "u32", range(min = 1, max = 10_000), extend("default" = 1000))]
    handles: Option<u32>,
    /// Bytes of log that a call may write per second before lines are dropped.
    #[schemars(default, with = "Size", extend("default" = "64KiB"))]
    stdio: Option<Size>,
    /// The largest single read of random bytes.
    #[schemars(default, with = "Size", extend("default" = "64KiB"))]
    random: Option<Size>,
    /// The largest request and the largest response of an invocation; at most 4MiB.
    #[schemars(default, with = "Size", extend("default" = "1MiB"))]
    invoke_payload: Option<Size>,
    /// The largest request body and the largest answer of a call that is answered after its commit, or that has an
    /// idempotency key; at most 16MiB.
    #[schemars(default, with = "Size", extend("default" = "1MiB"))]
    held_body: Option<Size>,
    /// Reads that an atomic call remembers and writes that it holds.
    #[schemars(default, with = "u32", range(min = 1, max = 100_000), extend("default" = 10_000))]
    transaction_entries: Option<u32>,
    /// Their bytes; at most 256MiB.
    #[schemars(default, with = "Size", extend("default" = "16MiB"))]
    transaction_size: Option<Size>,
}

/// Bytes: a whole number, or one with a unit (B, KiB, MiB, GiB, KB, MB, GB).
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Size {
    Bytes(#[schemars(range(min = 1))] u64),
    Text(#[schemars(regex(pattern = "^[0-9]+ *(B|KiB|MiB|GiB|KB|MB|GB)?$"))] String),
}

/// A whole number with a unit (ms, s, m, h, d).
#[derive(JsonSchema)]
struct Time(#[schemars(regex(pattern = "^[0-9]+ *(ms|s|m|h|d)$"))] String);

/// A state store: a kind, or a map with one kind as its key.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Store {
    Kind(StoreKind),
    Full(FullStore),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum StoreKind {
    /// In the tenant's database file.
    Embedded,
    /// In memory: lost when the host stops.
    Memory,
}

#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["embedded"] }, { "required": ["memory"] }])
)]
struct FullStore {
    /// In the tenant's database file.
    #[schemars(default)]
    embedded: Option<StoreOptions>,
    /// In memory: lost when the host stops.
    #[schemars(default)]
    memory: Option<StoreOptions>,
    /// All granted components see the same keys; otherwise each has its own.
    #[schemars(default)]
    shared: bool,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct StoreOptions {
    /// Quota; none by default.
    #[schemars(default, with = "Size")]
    max_size: Option<Size>,
    /// The largest value; at most 6MiB.
    #[schemars(default, with = "Size", extend("default" = "4MiB"))]
    max_value: Option<Size>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Storage {
    /// Memory for the database's page cache.
    #[schemars(default, with = "Size", extend("default" = "32MiB"))]
    cache: Option<Size>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        atomic, check, component, directory, inputs, invoke, limits, outbound, outputs, publish, retry,
        route, schedules, store, subscriptions, targets, topics, units, wrong::sorted,
    };

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = schema();
        let keys = |of: &serde_json::Value| {
            let keys = of["properties"].as_object().unwrap().keys().map(String::as_str);
            sorted(&keys.collect::<Vec<_>>())
        };
        assert_eq!(keys(schema.as_value()), sorted(check::KEYS));
        let cases = [
            ("Batch", subscriptions::BATCH_KEYS),
            ("Case", subscriptions::ROUTE_KEYS),
            ("Component", component::KEYS),
            ("Directory", directory::KEYS),
            ("FileInput", inputs::FILE_KEYS),
            ("FileOutput", outputs::FILE_KEYS),
            ("FullAtomic", atomic::KEYS),
            ("FullExactRoute", route::EXACT_KEYS),
            ("FullGrant", store::GRANT_KEYS),
            ("FullIdempotency", atomic::IDEMPOTENCY_KEYS),
            ("FullInvokeGrant", &["methods", "outside"]),
            ("FullLink", invoke::LINK_KEYS),
            ("FullOutbound", outbound::KEYS),
            ("FullOutput", outputs::KEYS),
            ("FullOutputGrant", &["operations", "outside"]),
            ("FullPublish", publish::KEYS),
            ("FullRoute", route::KEYS),
            ("FullStore", store::KEYS),
            ("FullTopic", topics::KEYS),
            ("Input", inputs::KEYS),
            ("Limits", limits::KEYS),
            ("LogOutput", outputs::LOG_KEYS),
            ("MoveTo", inputs::SETTLED_KEYS),
            ("Retry", retry::KEYS),
            ("Schedule", schedules::KEYS),
            ("Signature", inputs::SIGNATURE_KEYS),
            ("SignedTime", inputs::TIMESTAMP_KEYS),
            ("Sink", targets::KEYS),
            ("Storage", check::STORAGE_KEYS),
            ("StoreOptions", store::KIND_KEYS),
            ("Subscription", subscriptions::KEYS),
            ("TopicOptions", topics::KIND_KEYS),
            ("Upstream", outputs::HTTP_KEYS),
            ("Webhook", inputs::HTTP_KEYS),
        ];
        for (name, read) in cases {
            assert_eq!(keys(&schema.as_value()["$defs"][name]), sorted(read), "{name}");
        }
    }

    #[test]
    fn nothing_is_null_by_default() {
        assert!(!serde_json::to_string(&schema()).unwrap().contains(r#""default":null"#));
    }

    #[test]
    fn the_schema_has_the_defaults_that_are_read() {
        let schema = schema();
        let defaults = &schema.as_value()["$defs"]["Limits"]["properties"];
        let base = crate::Limits::default();
        let bytes = |name: &str| units::size(defaults[name]["default"].as_str().unwrap()).unwrap();
        assert_eq!(bytes("memory"), base.memory);
        assert_eq!(bytes("request-headers"), base.request_headers);
        assert_eq!(bytes("stdio"), base.stdio);
        assert_eq!(bytes("random"), base.random);
        assert_eq!(bytes("invoke-payload"), base.invoke_payload);
        assert_eq!(bytes("held-body"), base.held_body);
        assert_eq!(bytes("transaction-size"), base.transaction_size);
        assert_eq!(
            units::duration(defaults["wall-time"]["default"].as_str().unwrap()).unwrap(),
            base.wall_time
        );
        assert_eq!(defaults["concurrency"]["default"], base.concurrency);
        assert_eq!(defaults["handles"]["default"], base.handles);
        assert_eq!(defaults["transaction-entries"]["default"], base.transaction_entries);
        let runs = &schema.as_value()["$defs"]["FullAtomic"]["properties"]["runs"]["default"];
        assert_eq!(*runs, crate::Atomic::default().runs);
    }
}
