//! Whether each component exports the handlers of what triggers it.

use mecha_manifest::{
    self as manifest, Allowed, App, Caller, CallerGrant, Span, Spanned, Subscription, Target,
};
use mecha_primitives::name;
use mecha_runtime::{
    component::{Component, Item},
    exports::{events, http, inputs, invoke, jobs},
};

use super::checker::Checker;

/// That something triggers a component by one of its handlers.
pub(super) struct Need<'a> {
    component: &'a name::Component,
    interface: &'static str,
    at: Span,
    key: String,
    /// What a component can do that has the handler.
    ability: &'static str,
    /// What may be done instead of exporting it.
    otherwise: &'static str,
}

/// All that triggers the app's components.
pub(super) fn needs(app: &App) -> Vec<Need<'_>> {
    let mut needs = vec![];
    for component in &app.components {
        of_component(&mut needs, app, component);
    }
    for subscription in &app.subscriptions {
        let (interface, ability, otherwise) = match subscription.batch {
            Some(_) => (events::BATCH_INTERFACE, "take events in batches", "remove `batch`"),
            None => (events::INTERFACE, "take events", "send them elsewhere"),
        };
        for (key, target) in targets(subscription) {
            let Target::Component(Spanned { value: component, at }) = target else { continue };
            needs.push(Need { component, interface, at: *at, key, ability, otherwise });
        }
    }
    for schedule in &app.schedules {
        needs.push(Need {
            component: &schedule.to.value,
            interface: jobs::INTERFACE,
            at: schedule.to.at,
            key: format!("schedules.{}.to", schedule.name),
            ability: "run jobs",
            otherwise: "let the schedule trigger another component",
        });
    }
    for input in &app.inputs {
        needs.push(Need {
            component: &input.to.value,
            interface: inputs::INTERFACE,
            at: input.to.at,
            key: format!("inputs.{}.to", input.name),
            ability: "take inputs",
            otherwise: "let the input trigger another component",
        });
    }
    needs
}

fn of_component<'a>(needs: &mut Vec<Need<'a>>, app: &App, meta: &'a manifest::Component) {
    let component = &meta.name;
    for (index, route) in meta.routes.iter().enumerate() {
        needs.push(Need {
            component,
            interface: http::INTERFACE,
            at: route.at,
            key: format!("components.{component}.http.{index}"),
            ability: "answer HTTP",
            otherwise: "remove the route",
        });
    }
    if let Some(grant) = meta.callers.iter().find(|grant| invokes(app, component, grant)) {
        needs.push(Need {
            component,
            interface: invoke::INTERFACE,
            at: grant.at,
            key: format!("components.{component}.callers.{}", caller(grant)),
            ability: "be called",
            otherwise: "let nobody call it",
        });
    }
    if meta.jobs {
        needs.push(Need {
            component,
            interface: jobs::INTERFACE,
            at: meta.at,
            key: format!("components.{component}.jobs"),
            ability: "run the jobs that it may schedule",
            otherwise: "remove `jobs`",
        });
    }
}

/// Whether a caller is let call methods. One that is only linked calls what its interfaces have.
fn invokes(app: &App, callee: &name::Component, grant: &CallerGrant) -> bool {
    let Caller::Component(caller) = &grant.caller else { return true };
    let Some(caller) = app.components.iter().find(|component| component.name == *caller) else {
        return false;
    };
    let mut links = caller.links.iter().filter(|link| link.component.value == *callee);
    match &grant.methods {
        Allowed::All => {
            links.next().is_none() || caller.invoke.iter().any(|grant| grant.component == *callee)
        }
        Allowed::Only(names) => {
            let links: Vec<_> = links.collect();
            let is_linked =
                |name: &str| links.iter().any(|link| link.interface == name || link.unversioned() == name);
            names.iter().any(|name| !is_linked(&name.value))
        }
    }
}

fn caller(grant: &CallerGrant) -> &str {
    match &grant.caller {
        Caller::Outside => "outside",
        Caller::Component(name) => name.as_str(),
    }
}

/// Where a subscription sends events, with the path of keys to each.
fn targets(subscription: &Subscription) -> impl Iterator<Item = (String, &Target)> {
    let name = &subscription.name;
    let to = subscription.to.iter().map(move |target| (format!("subscriptions.{name}.to"), target));
    let cases = subscription.routes.iter().enumerate();
    to.chain(cases.map(move |(index, case)| (format!("subscriptions.{name}.routes.{index}.to"), &case.to)))
}

pub(super) fn check(
    checker: &mut Checker<'_>,
    meta: &manifest::Component,
    component: &Component,
    needs: &[Need<'_>],
) {
    for need in needs.iter().filter(|need| *need.component == meta.name) {
        if component.exports_interface(need.interface) {
            continue;
        }
        let (interface, version) =
            (need.interface, if need.interface == http::INTERFACE { "0.2" } else { "0.1" });
        let which = match need.key.starts_with("components.") {
            true => "the component".to_owned(),
            false => format!("the component `{}`", meta.name),
        };
        let message = format!("{which} cannot {}: it exports {}", need.ability, listed(&component.exports));
        let help = match interface {
            events::INTERFACE if component.exports_interface(events::BATCH_INTERFACE) => {
                "it takes events in batches: add `batch: { size: 100 }` to the subscription".to_owned()
            }
            _ => format!("export `{interface}@{version}`, or {}", need.otherwise),
        };
        checker.error(need.at, need.key.as_str(), message, help);
    }
}

/// A URL is sent one event at a time.
pub(super) fn sinks(checker: &mut Checker<'_>, app: &App) {
    for subscription in app.subscriptions.iter().filter(|subscription| subscription.batch.is_some()) {
        for (key, target) in targets(subscription) {
            let Target::Sink(sink) = target else { continue };
            let help = "remove `batch`, or send the events to a component";
            checker.error(sink.at, key, "a URL is sent one event at a time, and never a batch", help);
        }
    }
}

/// The names of imports or exports, for a message.
pub(super) fn listed<'i>(items: impl IntoIterator<Item = &'i Item>) -> String {
    let names: Vec<_> = items.into_iter().map(|item| format!("`{item}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
