//! Compares topics with who publishes to them and who subscribes to them.

use std::collections::HashMap;

use mecha_primitives::name::{Group, TopicPattern};

use crate::{
    app::{Component, Span, Subscription, Topic},
    dead_letters,
    read::Reader,
    wrong::{Wrong, nearest, shown},
};

/// Errors: what is named and is not there, and what would be delivered twice. `topics` has the implicit one.
pub(crate) fn check(
    reader: &mut Reader<'_>,
    topics: &[Topic],
    subscriptions: &[Subscription],
    components: &[Component],
) {
    for subscription in subscriptions {
        for pattern in &subscription.topics {
            let key = format!("subscriptions.{}.topic", subscription.name);
            named(reader, topics, &pattern.value, pattern.at, key);
        }
    }
    for component in components {
        for grant in &component.publish {
            named(reader, topics, &grant.topics, grant.at, format!("components.{}.publish", component.name));
        }
    }
    groups(reader, topics, subscriptions);
}

fn named(reader: &mut Reader<'_>, topics: &[Topic], pattern: &TopicPattern, at: Span, key: String) {
    if topics.iter().any(|topic| topic.meant_by(pattern)) {
        return;
    }
    let text = pattern.as_str();
    let declared = || topics.iter().filter(|topic| !topic.implicit).map(|topic| topic.name.as_str());
    let (message, help) = if pattern.is_exact() {
        let message = format!("the topic {} is not declared", shown(text));
        let help = match nearest(text, declared()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add it to the app's `topics`, as in `topics: {{ {text}: embedded }}`"),
        };
        (message, help)
    } else {
        let names: Vec<&str> = declared().take(10).collect();
        let help = match names.as_slice() {
            [] => "the app declares no topic".to_owned(),
            names => format!("declared are: {}", names.join(", ")),
        };
        (format!("no topic matches the pattern {}", shown(text)), help)
    };
    reader.error(at, key, Wrong::new(message).help(help));
}

/// A group is given each event once: which of two subscriptions would it be?
fn groups(reader: &mut Reader<'_>, topics: &[Topic], subscriptions: &[Subscription]) {
    let mut groups: HashMap<&Group, Vec<&Subscription>> = HashMap::new();
    for subscription in subscriptions {
        groups.entry(&subscription.group).or_default().push(subscription);
    }
    // One group at a time, so that the memory for it is that of the topics only.
    for members in groups.values().filter(|members| members.len() > 1) {
        let mut taken: Vec<Option<&Subscription>> = vec![None; topics.len()];
        for subscription in members {
            for (topic, first) in topics.iter().zip(&mut taken).filter(|(topic, _)| subscription.takes(topic))
            {
                let Some(first) = first else {
                    *first = Some(subscription);
                    continue;
                };
                twice(reader, topic, first, subscription);
                break;
            }
        }
    }
}

fn twice(reader: &mut Reader<'_>, topic: &Topic, first: &Subscription, second: &Subscription) {
    let topic = shown(topic.name.as_str());
    let wrong = Wrong::new(format!("the group `{}` takes the topic {topic} twice", second.group));
    let help = format!(
        "the subscription `{}` at line {} takes it; give this one a `group` of its own",
        first.name, first.at.line
    );
    reader.error(second.at, format!("subscriptions.{}", second.name), wrong.help(help));
}

/// Warnings: what is there and leads nowhere.
pub(crate) fn warn(
    reader: &mut Reader<'_>,
    topics: &[Topic],
    subscriptions: &[Subscription],
    components: &[Component],
) {
    for topic in topics.iter().filter(|topic| !topic.implicit) {
        let name = shown(topic.name.as_str());
        let key = format!("topics.{}", topic.name);
        let subscribed = subscriptions.iter().any(|subscription| subscription.takes(topic));
        let dead = dead_letters::takes_some(topic, subscriptions);
        let published =
            components.iter().flat_map(|component| &component.publish).any(|grant| grant.covers(topic));
        if !subscribed && !dead && topic.keep.is_none() {
            let wrong =
                Wrong::new(format!("nobody subscribes to the topic {name}: its events are gone at once"));
            reader.warn(topic.at, key, wrong.help("subscribe to it, or keep its events, as in `keep: 7d`"));
        } else if subscribed && !published && !dead && topic.ingress.is_none() {
            let wrong = Wrong::new(format!("nobody publishes to the topic {name}"));
            let help = format!("grant it in a component's `publish`, as in `publish: [{}]`", topic.name);
            reader.warn(topic.at, key, wrong.help(help));
        }
    }
}
