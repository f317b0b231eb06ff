//! Which calls are atomic, and what they may do that cannot be undone.

use std::time::Duration;

use crate::commits::{self, Parts};

use super::{Allowed, App, Component, Input, Schedule, Spanned, Subscription, Target};

/// Which of a component's handlers are atomic, where nothing else says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Atomic {
    pub default: bool,
    /// Invoke methods and linked interfaces that differ from it, or say the same. Each once.
    pub methods: Vec<(Spanned<String>, bool)>,
    /// Runs of the jobs that it schedules for itself. `None`: as the default.
    pub jobs: Option<bool>,
    /// How often at the most a call is run when others change what it read, from 1 to 100.
    pub runs: u32,
}

impl Default for Atomic {
    fn default() -> Self {
        Self { default: false, methods: vec![], jobs: None, runs: 5 }
    }
}

impl Atomic {
    /// A method, or a linked interface: one with a version is also meant by its name without.
    #[must_use]
    pub fn method(&self, name: &str) -> bool {
        let given = |name: &str| self.methods.iter().find(|(method, _)| method.value == name);
        let unversioned = || name.split_once('@').and_then(|(name, _)| given(name));
        given(name).or_else(unversioned).map_or(self.default, |(_, atomic)| *atomic)
    }

    #[must_use]
    pub fn jobs(&self) -> bool {
        self.jobs.unwrap_or(self.default)
    }

    /// Whether any method is atomic that somebody is let call.
    fn any_method(&self, methods: &Allowed) -> bool {
        match methods {
            Allowed::All => self.default || self.methods.iter().any(|(_, atomic)| *atomic),
            Allowed::Only(names) => names.iter().any(|name| self.method(&name.value)),
        }
    }
}

/// Whether an atomic call may make use of a grant that reaches beyond its commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outside {
    /// It may not, so far as that changes something.
    #[default]
    Forbidden,
    /// Of outgoing requests: with methods that change nothing (GET, HEAD, OPTIONS, TRACE).
    Safe,
    /// In all ways, at once and for good, whatever becomes of the call.
    Allow,
}

/// That a route gives the first answer again to a request that is repeated with its `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The header, in lowercase, whose value tells callers apart. `None`: all share their keys.
    pub caller: Option<String>,
    /// How long an answer is kept; at most 30 days.
    pub keep: Duration,
    /// A request without a key is refused.
    pub required: bool,
}

impl Subscription {
    /// Whether this component's calls for it are atomic.
    #[must_use]
    pub fn is_atomic(&self, component: &Component) -> bool {
        self.atomic.unwrap_or(component.atomic.default)
    }

    /// Whether some of its events go to this component.
    #[must_use]
    pub fn reaches(&self, component: &Component) -> bool {
        let is = |to: &Target| matches!(to, Target::Component(name) if name.value == component.name);
        self.to.iter().chain(self.routes.iter().map(|case| &case.to)).any(is)
    }
}

impl Schedule {
    /// Whether this component's runs of it are atomic.
    #[must_use]
    pub fn is_atomic(&self, component: &Component) -> bool {
        self.atomic.unwrap_or(component.atomic.default)
    }
}

impl Input {
    /// Whether this component's calls for it are atomic.
    #[must_use]
    pub fn is_atomic(&self, component: &Component) -> bool {
        self.atomic.unwrap_or(component.atomic.default)
    }
}

impl App {
    /// Whether any handler of the component is atomic.
    #[must_use]
    pub fn has_atomic(&self, component: &Component) -> bool {
        let Self { subscriptions, schedules, inputs, .. } = self;
        Triggers { subscriptions, schedules, inputs }.any_atomic(component)
    }

    /// Whether what the component's atomic calls change is in memory: all of it, as was checked. `false` if they change
    /// nothing that is kept.
    #[must_use]
    pub fn is_in_memory(&self, component: &Component) -> bool {
        let Self { components, stores, topics, subscriptions, schedules, inputs, .. } = self;
        let triggers = Triggers { subscriptions, schedules, inputs };
        commits::is_in_memory(Parts { components, stores, topics, triggers }, component)
    }
}

/// What triggers components from beyond them.
#[derive(Clone, Copy)]
pub(crate) struct Triggers<'a> {
    pub(crate) subscriptions: &'a [Subscription],
    pub(crate) schedules: &'a [Schedule],
    pub(crate) inputs: &'a [Input],
}

impl<'a> Triggers<'a> {
    pub(crate) fn any_atomic(self, component: &Component) -> bool {
        let Component { atomic, .. } = component;
        component.routes.iter().any(|route| route.atomic)
            || component.callers.iter().any(|grant| atomic.any_method(&grant.methods))
            || (component.jobs && atomic.jobs())
            || self.subscriptions_of(component).next().is_some()
            || self.schedules_of(component).next().is_some()
            || self.inputs_of(component).next().is_some()
    }

    /// Subscriptions of which this component's calls are atomic.
    pub(crate) fn subscriptions_of(self, component: &Component) -> impl Iterator<Item = &'a Subscription> {
        self.subscriptions.iter().filter(move |one| one.is_atomic(component) && one.reaches(component))
    }

    /// As `subscriptions_of`, for schedules.
    pub(crate) fn schedules_of(self, component: &Component) -> impl Iterator<Item = &'a Schedule> {
        let is_it = |one: &&Schedule| one.to.value == component.name && one.is_atomic(component);
        self.schedules.iter().filter(is_it)
    }

    /// As `subscriptions_of`, for inputs.
    pub(crate) fn inputs_of(self, component: &Component) -> impl Iterator<Item = &'a Input> {
        let is_it = |one: &&Input| one.to.value == component.name && one.is_atomic(component);
        self.inputs.iter().filter(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    #[test]
    fn methods_are_as_they_say_or_as_the_default() {
        let name = |name: &str| Spanned { value: name.to_owned(), at: Span { line: 1, column: 1 } };
        let methods = vec![(name("quote"), false), (name("a:b/c"), false), (name("a:b/c@2.0.0"), true)];
        for default in [true, false] {
            let atomic = Atomic { default, methods: methods.clone(), ..Atomic::default() };
            let cases = [
                ("quote", false),
                ("price", default),
                ("a:b/c", false),
                ("a:b/c@1.0.0", false),
                ("a:b/c@2.0.0", true),
                ("a:b/d@2.0.0", default),
            ];
            for (name, expected) in cases {
                assert_eq!(atomic.method(name), expected, "{name}");
            }
            assert_eq!(atomic.jobs(), default);
            assert!(atomic.any_method(&Allowed::All), "one is atomic whatever the default");
            assert!(!atomic.any_method(&Allowed::Only(vec![name("quote"), name("a:b/c@1.0.0")])));
        }
    }
}
