//! Which host calls led to something.

use mecha_manifest::suite::StoreRef;
use mecha_primitives::{identity::Trigger, name};

use crate::testing::seen::{HostCall, Seen};

/// Host calls that are shown: the last ones.
const MOST: usize = 20;

impl Seen {
    /// To the value of a key: those about the key, or, if there is none, what was changed in its store.
    #[must_use]
    pub(super) fn led_to_key(&self, store: &StoreRef, key: Option<&str>) -> Vec<usize> {
        let in_store = |step: &HostCall| {
            step.primitive == "state" && store.component.as_ref().is_none_or(|of| self.is_of(step, of))
        };
        let of_store = format!("{}/", store.store);
        let of_key =
            self.that(|step| in_store(step) && key.is_some() && step.about.strip_prefix(&of_store) == key);
        if of_key.is_empty() {
            return self.that(|step| in_store(step) && step.changes && step.about.starts_with(&of_store));
        }
        of_key
    }

    pub(super) fn led_to_event(&self, topic: &name::Topic) -> Vec<usize> {
        self.that(|step| step.primitive == "pubsub" && step.about == topic.as_str())
    }

    pub(super) fn led_to_job(&self, component: &name::Component) -> Vec<usize> {
        self.that(|step| step.primitive == "jobs" && self.is_of(step, component))
    }

    pub(super) fn led_to_output(&self, output: &name::Binding) -> Vec<usize> {
        self.that(|step| step.primitive == "bindings" && is_of_name(step, output.as_str()))
    }

    pub(super) fn led_to_request(&self) -> Vec<usize> {
        self.that(|step| step.primitive == "http")
    }

    pub(super) fn led_to_callee(&self, component: &name::Component) -> Vec<usize> {
        self.that(|step| step.primitive == "invoke" && is_of_name(step, component.as_str()))
    }

    /// To the last answer to a request (or to an invocation from outside): the operations of the call that gave it, and
    /// of those that it made.
    pub(super) fn led_to_reply(&self, trigger: &Trigger) -> Vec<usize> {
        let Some(first) = self.calls.iter().rposition(|call| call.trigger == *trigger) else { return vec![] };
        let nested = self.calls.iter().skip(first + 1).take_while(|call| call.trigger == Trigger::Invoke);
        let last = first + nested.count();
        self.that(|step| (first..=last).contains(&step.call))
    }

    pub(super) fn led_to_end(&self, call: usize) -> Vec<usize> {
        self.that(|step| step.call == call)
    }

    fn is_of(&self, step: &HostCall, component: &name::Component) -> bool {
        self.calls.get(step.call).is_some_and(|call| call.component == *component)
    }

    fn that(&self, is_meant: impl Fn(&HostCall) -> bool) -> Vec<usize> {
        let steps = self.steps.iter().enumerate().filter(|(_, step)| is_telling(step) && is_meant(step));
        let all: Vec<usize> = steps.map(|(index, _)| index).collect();
        all[all.len().saturating_sub(MOST)..].to_vec()
    }
}

/// That something is opened, or that a call goes on, says nothing unless it failed.
fn is_telling(step: &HostCall) -> bool {
    (step.verb != "open" && step.primitive != "call") || step.outcome != Some("ok")
}

/// `NAME.` and whatever is asked of it.
fn is_of_name(step: &HostCall, name: &str) -> bool {
    step.about.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}
