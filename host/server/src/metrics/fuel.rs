//! What calls burn: the fuel of each run of a component whose code is metered.

use mecha_primitives::identity::Identity;
use mecha_runtime::gate::Used;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::Component;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Triggered {
    tenant: String,
    app: String,
    component: String,
    trigger: &'static str,
}

#[derive(Debug)]
pub(super) struct Fuel {
    /// Exact, as the sum of a histogram is not.
    total: Family<Triggered, Counter>,
    calls: Family<Triggered, Histogram, fn() -> Histogram>,
    /// Whether each run is a line in the log.
    pub(super) tells: bool,
}

impl Fuel {
    pub(super) fn new() -> Self {
        Self { total: Family::default(), calls: Family::new_with_constructor(units), tells: false }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("fuel", "Fuel that calls burned, by what triggered them", self.total.clone());
        registry.register("call_fuel", "Fuel of a call, or of a run of one", self.calls.clone());
    }

    /// A run of a call has ended, however it did.
    pub(super) fn used(&self, identity: &Identity, used: Used) {
        let Some(fuel) = used.fuel else { return };
        let Component { tenant, app, component } = Component::of(identity);
        let labels = Triggered { tenant, app, component, trigger: identity.trigger.kind() };
        self.total.get_or_create(&labels).inc_by(fuel);
        self.calls.get_or_create(&labels).observe(fuel as f64);
        if self.tells {
            let Identity { tenant, app, component, call, attempt, trigger, .. } = identity;
            let (trigger, memory) = (trigger.kind(), used.memory);
            tracing::info!(target: "fuel", %tenant, %app, %component, %call, attempt, trigger, fuel, memory, "call used");
        }
    }
}

/// A thousand to four thousand million.
fn units() -> Histogram {
    Histogram::new(exponential_buckets(1000.0, 4.0, 12))
}
