//! Which operations change something that is there afterwards.

use mecha_primitives::bindings::Effect;
use mecha_runtime::gate::{Need, Step};

/// Whether an operation may change something.
#[must_use]
pub fn changes(step: &Step<'_>) -> bool {
    match (step.primitive, step.verb, step.need) {
        (_, "open", _) | ("call", ..) => false,
        ("state", verb, _) => {
            !matches!(verb, "get" | "peek" | "exists" | "scan" | "scan-keys") && !is_part(verb)
        }
        ("jobs", verb, _) => matches!(verb, "schedule" | "cancel"),
        ("http", _, Need::Connect(_, method, _)) => !method.is_safe(),
        ("bindings", _, Need::Output(grant, name)) => {
            let operation = grant.output.operations().iter().find(|operation| operation.name == name);
            operation.is_some_and(|operation| operation.effect != Effect::Safe)
        }
        // What a callee does passes the gate by itself, unless the case answers for it.
        ("invoke" | "pubsub", ..) => true,
        _ => false,
    }
}

/// A step of a state transaction, which happens with the whole.
fn is_part(verb: &str) -> bool {
    verb.starts_with("execute-")
}
