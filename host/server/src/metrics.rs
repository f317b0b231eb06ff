//! What the operator can measure, in OpenMetrics. Labels come from manifests, never from requests: their number
//! is bounded.

use std::{fmt, sync::Arc, time::Duration};

use mecha_primitives::{commit, delivery::Settled, identity::Identity, name};
use mecha_runtime::gate;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

mod fuel;

use fuel::Fuel;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Component {
    tenant: String,
    app: String,
    component: String,
}

impl Component {
    fn new(tenant: &name::Tenant, app: &name::App, component: &name::Component) -> Self {
        Self { tenant: tenant.to_string(), app: app.to_string(), component: component.to_string() }
    }

    fn of(identity: &Identity) -> Self {
        Self::new(&identity.tenant, &identity.app, &identity.component)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    tenant: String,
    app: String,
    component: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    tenant: String,
    app: String,
    component: String,
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Conflict {
    tenant: String,
    app: String,
    component: String,
    /// The beginning of the key.
    prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostCall {
    tenant: String,
    app: String,
    component: String,
    operation: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    app: String,
    /// `subscription`, `schedule` or `input`.
    kind: &'static str,
    name: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tenant {
    tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Account {
    tenant: String,
    /// App, primitive and store: the first parts of a key.
    account: String,
}

type Timing = Family<Component, Histogram, fn() -> Histogram>;

/// The metrics of one component's calls, looked up once: a call only counts.
#[derive(Debug)]
pub struct Calls {
    labels: Component,
    succeeded: Counter,
    durations: Histogram,
    in_flight: Gauge,
}

/// All metrics of a host.
pub struct Metrics {
    registry: Registry,
    calls: Family<Outcome, Counter>,
    durations: Timing,
    refusals: Family<Limit, Counter>,
    in_flight: Family<Component, Gauge>,
    host_calls: Family<HostCall, Counter>,
    fuel: Fuel,
    dropped_output: Family<Component, Counter>,
    commits: Family<Tenant, Histogram, fn() -> Histogram>,
    groups: Family<Tenant, Histogram, fn() -> Histogram>,
    failures: Family<Tenant, Counter>,
    stored: Family<Account, Gauge>,
    settlements: Family<Delivered, Counter>,
    conflicts: Family<Conflict, Counter>,
    unrouted: Counter,
}

fn outcome(labels: &Component, outcome: &'static str) -> Outcome {
    let Component { tenant, app, component } = labels.clone();
    Outcome { tenant, app, component, outcome }
}

/// 50 µs to 30 s.
fn seconds() -> Histogram {
    Histogram::new([
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
        2.5, 5.0, 10.0, 30.0,
    ])
}

fn batches() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0])
}

impl Metrics {
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            calls: Family::default(),
            durations: Family::new_with_constructor(seconds),
            refusals: Family::default(),
            in_flight: Family::default(),
            host_calls: Family::default(),
            fuel: Fuel::new(),
            dropped_output: Family::default(),
            commits: Family::new_with_constructor(seconds),
            groups: Family::new_with_constructor(batches),
            failures: Family::default(),
            stored: Family::default(),
            settlements: Family::default(),
            conflicts: Family::default(),
            unrouted: Counter::default(),
        };
        let mut registry = Registry::with_prefix("mecha");
        let r = &mut registry;
        r.register("calls", "Calls of components that ended, by outcome", metrics.calls.clone());
        r.register_with_unit(
            "call_duration",
            "From the beginning of a call to its last byte",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        r.register("refusals", "Calls that were refused or ended by a limit", metrics.refusals.clone());
        r.register("calls_in_flight", "Calls that have begun and not ended", metrics.in_flight.clone());
        r.register(
            "host_calls",
            "Operations that components asked for, by outcome",
            metrics.host_calls.clone(),
        );
        metrics.fuel.register(r);
        r.register_with_unit(
            "dropped_output",
            "Output of components beyond their limit",
            Unit::Bytes,
            metrics.dropped_output.clone(),
        );
        r.register_with_unit(
            "commit_duration",
            "From taking a group of batches to its durability",
            Unit::Seconds,
            metrics.commits.clone(),
        );
        r.register("commit_group", "Batches that were made durable together", metrics.groups.clone());
        r.register("storage_failures", "Times that a tenant's storage failed", metrics.failures.clone());
        r.register_with_unit(
            "stored",
            "Keys and values that are stored",
            Unit::Bytes,
            metrics.stored.clone(),
        );
        r.register(
            "settlements",
            "Attempts at events, runs and inputs that were settled, by what became of them",
            metrics.settlements.clone(),
        );
        r.register(
            "conflicts",
            "Runs of atomic calls that were in vain, by the beginning of the key that others had changed",
            metrics.conflicts.clone(),
        );
        r.register("unrouted_requests", "HTTP requests that no route wanted", metrics.unrouted.clone());
        metrics.registry = registry;
        metrics
    }

    /// The same, which also log the fuel of each call.
    #[must_use]
    pub fn telling_fuel(mut self) -> Self {
        self.fuel.tells = true;
        self
    }

    /// The whole registry as OpenMetrics text.
    ///
    /// # Errors
    /// None that a string can give.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The metrics of a component's calls.
    #[must_use]
    pub fn calls(&self, tenant: &name::Tenant, app: &name::App, component: &name::Component) -> Calls {
        let labels = Component::new(tenant, app, component);
        Calls {
            succeeded: self.calls.get_or_create(&outcome(&labels, "ok")).clone(),
            durations: self.durations.get_or_create(&labels).clone(),
            in_flight: self.in_flight.get_or_create(&labels).clone(),
            labels,
        }
    }

    pub fn began(&self, calls: &Calls) {
        calls.in_flight.inc();
    }

    /// A call ended. `fault` is what ended it, and the limit that did, if it was one.
    pub fn ended(&self, calls: &Calls, fault: Option<(&'static str, Option<&'static str>)>, took: Duration) {
        calls.durations.observe(took.as_secs_f64());
        calls.in_flight.dec();
        match fault {
            None => _ = calls.succeeded.inc(),
            Some((kind, limit)) => {
                self.calls.get_or_create(&outcome(&calls.labels, kind)).inc();
                if let Some(limit) = limit {
                    self.refused(calls, limit);
                }
            }
        }
    }

    /// A request was refused before its call began, or a limit ended the call.
    pub fn refused(&self, calls: &Calls, limit: &'static str) {
        let Component { tenant, app, component } = calls.labels.clone();
        self.refusals.get_or_create(&Limit { tenant, app, component, limit }).inc();
    }

    pub fn unrouted(&self) {
        self.unrouted.inc();
    }

    /// An attempt at something leased was settled.
    pub fn settled(&self, app: &name::App, kind: &'static str, name: &str, settled: &Settled) {
        let outcome = match settled {
            Settled::Done => "done",
            Settled::Later(_) => "again",
            Settled::Dead => "dead",
            Settled::Stale => "stale",
        };
        let labels = Delivered { app: app.to_string(), kind, name: name.to_owned(), outcome };
        self.settlements.get_or_create(&labels).inc();
    }

    /// A run of an atomic call was in vain.
    pub fn conflicted(
        &self,
        tenant: &name::Tenant,
        app: &name::App,
        component: &name::Component,
        prefix: &str,
    ) {
        let Component { tenant, app, component } = Component::new(tenant, app, component);
        self.conflicts.get_or_create(&Conflict { tenant, app, component, prefix: prefix.to_owned() }).inc();
    }

    /// What is stored is measured anew each time.
    pub fn forget_stored(&self) {
        self.stored.clear();
    }

    pub fn stored(&self, tenant: &str, account: String, bytes: u64) {
        let account = Account { tenant: tenant.to_owned(), account };
        self.stored.get_or_create(&account).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl gate::Observer for Metrics {
    fn operated(
        &self,
        identity: &Identity,
        (primitive, verb): (&'static str, &'static str),
        outcome: &'static str,
        _took: Duration,
    ) {
        let Component { tenant, app, component } = Component::of(identity);
        let operation = format!("{primitive}.{verb}");
        self.host_calls.get_or_create(&HostCall { tenant, app, component, operation, outcome }).inc();
    }

    fn dropped_output(&self, identity: &Identity, bytes: u64) {
        self.dropped_output.get_or_create(&Component::of(identity)).inc_by(bytes);
    }

    fn ended(&self, identity: &Identity, used: gate::Used) {
        self.fuel.used(identity, used);
    }
}

/// Hears one tenant's engine.
#[derive(Debug)]
pub struct EngineMetrics {
    pub tenant: String,
    pub metrics: Arc<Metrics>,
}

impl EngineMetrics {
    fn label(&self) -> Tenant {
        Tenant { tenant: self.tenant.clone() }
    }
}

impl commit::Observer for EngineMetrics {
    fn committed(&self, batches: usize, took: Duration) {
        self.metrics.commits.get_or_create(&self.label()).observe(took.as_secs_f64());
        self.metrics.groups.get_or_create(&self.label()).observe(batches as f64);
    }

    fn failed(&self, why: &str) {
        tracing::error!(tenant = self.tenant, why, "storage failed; it will be opened anew");
        self.metrics.failures.get_or_create(&self.label()).inc();
    }
}
