//! Which calls are transactions, and which requests are recognized when they come again.

use std::time::Duration;

use mecha_primitives::name;

use super::{App, Component, Spanned, StoreKind, Target, TopicKind};

/// Which of a component's calls are atomic, where their trigger does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Atomic {
    pub default: bool,
    /// Methods, and linked interfaces, that differ.
    pub methods: Vec<(Spanned<String>, bool)>,
    /// Runs of jobs that the component schedules for itself. `None`: the default.
    pub jobs: Option<bool>,
    /// How often a call is run at the most when others change what it read: 1 to 100.
    pub runs: u32,
}

impl Default for Atomic {
    fn default() -> Self {
        Self { default: false, methods: vec![], jobs: None, runs: 5 }
    }
}

impl Atomic {
    /// Whether calls of a method, or through a linked interface, are atomic.
    #[must_use]
    pub fn method(&self, name: &str) -> bool {
        self.methods
            .iter()
            .find(|(method, _)| method.value == name)
            .map_or(self.default, |(_, atomic)| *atomic)
    }

    #[must_use]
    pub fn jobs(&self) -> bool {
        self.jobs.unwrap_or(self.default)
    }
}

/// How a route recognizes requests by their `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// A header, in lowercase, whose value keeps callers apart. `None`: all callers are one.
    pub caller: Option<String>,
    pub keep: Duration,
    /// A request without a key is refused.
    pub required: bool,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self { caller: None, keep: Duration::from_secs(24 * 3600), required: false }
    }
}

/// What of a grant an atomic call may use at once: it is not undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outside {
    #[default]
    Forbidden,
    /// Requests that change nothing.
    Safe,
    Allow,
}

impl App {
    /// What a subscription, a schedule or an input makes of its component's default.
    #[must_use]
    pub fn is_atomic(&self, own: Option<bool>, component: &name::Component) -> bool {
        own.unwrap_or_else(|| self.component(component).is_some_and(|component| component.atomic.default))
    }

    /// Whether any call of the component is atomic.
    #[must_use]
    pub fn has_atomic_calls(&self, component: &Component) -> bool {
        let name = &component.name;
        let goes_to = |target: &Target| matches!(target, Target::Component(to) if to.value == *name);
        let subscriptions = self.subscriptions.iter().filter(|subscription| {
            subscription.to.as_ref().is_some_and(goes_to)
                || subscription.routes.iter().any(|case| goes_to(&case.to))
        });
        let schedules = self.schedules.iter().filter(|schedule| schedule.to.value == *name);
        let inputs = self.inputs.iter().filter(|input| input.to.value == *name);
        component.atomic.default
            || component.atomic.jobs == Some(true)
            || component.atomic.methods.iter().any(|(_, atomic)| *atomic)
            || component.routes.iter().any(|route| route.atomic)
            || subscriptions.map(|subscription| subscription.atomic).any(|own| own == Some(true))
            || schedules.map(|schedule| schedule.atomic).any(|own| own == Some(true))
            || inputs.map(|input| input.atomic).any(|own| own == Some(true))
    }

    /// Whether all that the component keeps is in memory, and it keeps something.
    #[must_use]
    pub fn is_in_memory(&self, component: &Component) -> bool {
        let stores = component
            .stores
            .iter()
            .filter_map(|grant| self.stores.iter().find(|store| store.name == grant.store));
        let published =
            self.topics.iter().filter(|topic| component.publish.iter().any(|grant| grant.covers(topic)));
        let subscribed = self.subscriptions.iter().filter(|subscription| {
            let goes_to =
                |target: &Target| matches!(target, Target::Component(to) if to.value == component.name);
            subscription.to.as_ref().is_some_and(goes_to)
                || subscription.routes.iter().any(|case| goes_to(&case.to))
        });
        let taken = subscribed.flat_map(|subscription| {
            self.topics
                .iter()
                .filter(|topic| subscription.topics.iter().any(|pattern| pattern.value.matches(&topic.name)))
        });
        let mut kinds = stores
            .map(|store| store.kind == StoreKind::Memory)
            .chain(published.chain(taken).map(|topic| topic.kind == TopicKind::Memory))
            .peekable();
        kinds.peek().is_some() && kinds.all(|in_memory| in_memory) && !component.jobs
    }

    fn component(&self, name: &name::Component) -> Option<&Component> {
        self.components.iter().find(|component| component.name == *name)
    }
}
