//! Topics, who publishes to them, and what triggers components beside HTTP.

use mecha_manifest::{App, Component as Meta, Due, InputKind, Schedule, Subscription, Target, TopicKind};
use mecha_primitives::{clock::Timestamp, pubsub::event::rfc3339};
use mecha_runtime::component::Component;

use super::{
    Rows, atomic,
    words::{duration, joined, route, size},
};
use crate::load::{self, Loaded};

/// The app's topics, and the subscriptions that send to URLs.
pub(super) fn describe(rows: &mut Rows<'_>, app: &App) {
    for topic in &app.topics {
        let kind = if topic.kind == TopicKind::Memory { "in memory" } else { "embedded" };
        let kept = topic.keep.map(|keep| format!(", kept {}", duration(keep))).unwrap_or_default();
        let ingress = topic.ingress.as_ref();
        let ingress = ingress.map(|found| format!(", in by HTTP at {}", route(found))).unwrap_or_default();
        let readers = match app.subscriptions.iter().filter(|subscription| subscription.takes(topic)).count()
        {
            0 if topic.implicit => ", for what is given up".to_owned(),
            1 => ", 1 subscription".to_owned(),
            count => format!(", {count} subscriptions"),
        };
        rows.row(
            "topic",
            format_args!("{} ({kind}, at most {}{kept}{ingress}{readers})", topic.name, size(topic.max_size)),
        );
    }
    for subscription in &app.subscriptions {
        for target in targets(subscription) {
            if let Target::Sink(sink) = target {
                rows.row("sink", format_args!("{} to {}", taken(subscription), sink.url));
            }
        }
    }
}

/// What triggers a component.
pub(super) fn triggers(rows: &mut Rows<'_>, loaded: &Loaded, meta: &Meta) {
    let app = &loaded.app;
    for subscription in &app.subscriptions {
        if subscription.reaches(meta) {
            let mark = atomic::mark(subscription.is_atomic(meta));
            rows.row("subscription", format_args!("{}{mark}", taken(subscription)));
        }
    }
    for schedule in app.schedules.iter().filter(|schedule| schedule.to.value == meta.name) {
        let mark = atomic::mark(schedule.is_atomic(meta));
        rows.row("schedule", format_args!("{}{mark}", due(schedule, loaded.at)));
    }
    for input in app.inputs.iter().filter(|input| input.to.value == meta.name) {
        let from = match &input.kind {
            InputKind::File(file) => format!("files {} in {}", file.pattern, file.directory.value),
            InputKind::Http(webhook) => {
                let unsigned = if webhook.signature.is_none() { ", unsigned" } else { "" };
                format!("http {}{unsigned}", route(&webhook.route))
            }
        };
        rows.row("input", format_args!("{} ({from}){}", input.name, atomic::mark(input.is_atomic(meta))));
    }
}

/// What a component may publish to.
pub(super) fn publish(rows: &mut Rows<'_>, meta: &Meta, component: &Component) {
    if !component.imports_interface("mecha:pubsub/topics") {
        return;
    }
    for grant in &meta.publish {
        let types = joined(&grant.types);
        let types = if types.is_empty() { String::new() } else { format!(" (types {types})") };
        rows.row("publish", format_args!("{}{types}", grant.topics));
    }
    if meta.publish.is_empty() {
        rows.row("publish", "denied; grant with `publish: [topic]` in a manifest");
    }
}

fn targets(subscription: &Subscription) -> impl Iterator<Item = &Target> {
    subscription.to.iter().chain(subscription.routes.iter().map(|case| &case.to))
}

fn taken(subscription: &Subscription) -> String {
    let topics = joined(subscription.topics.iter().map(|topic| &topic.value));
    let mut marks = vec![format!("group {}", subscription.group)];
    if subscription.filter.is_some() {
        marks.push("filtered".into());
    }
    if let Some(batch) = subscription.batch {
        marks.push(format!("batches of {}", batch.size));
    }
    if subscription.paused {
        marks.push("paused".into());
    }
    format!("{}: {topics} ({})", subscription.name, joined(marks))
}

fn due(schedule: &Schedule, now: Timestamp) -> String {
    let when = match &schedule.due {
        Due::Cron { expression, time_zone } => format!("{} {}", expression.value, time_zone.value),
        Due::Every(every) => format!("every {}", duration(*every)),
    };
    let next = load::next(schedule, now).map_or_else(|| "never".to_owned(), shown);
    format!("{} ({when}, next {next})", schedule.name)
}

/// In whole seconds.
fn shown(time: Timestamp) -> String {
    rfc3339(Timestamp(time.0 / 1000 * 1000))
}
