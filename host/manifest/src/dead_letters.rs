//! Where events go that are given up: `dead-letter` of a subscription, and what it must not lead to.

use std::collections::HashMap;

use mecha_primitives::name;

use crate::{
    app::{Span, Spanned, Subscription, Topic, TopicKind},
    read::{Item, Reader},
    wrong::{Wrong, nearest, shown},
};

/// The topic of subscriptions that name none.
const DEFAULT: &str = "dead-letters";

/// A topic, or `off`.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Spanned<name::Topic>> {
    if item.scalar() == Some("off") {
        return None;
    }
    reader.name(item, "a topic").map(|value| Spanned { value, at: item.at() })
}

pub(crate) fn default(at: Span) -> Option<Spanned<name::Topic>> {
    name::Topic::new(DEFAULT).ok().map(|value| Spanned { value, at })
}

/// The topic that subscriptions need and nobody declared: embedded if what it takes may be.
pub(crate) fn implicit(topics: &[Topic], subscriptions: &[Subscription]) -> Option<Topic> {
    let needs = |subscription: &&Subscription| {
        subscription.dead_letter.as_ref().is_some_and(|topic| topic.value.as_str() == DEFAULT)
    };
    let (first, name) =
        subscriptions.iter().find(needs).and_then(|first| Some((first, first.dead_letter.clone()?.value)))?;
    if topics.iter().any(|topic| topic.name == name) {
        return None;
    }
    let embedded = |subscription: &Subscription| {
        topics.iter().any(|topic| topic.kind == TopicKind::Embedded && subscription.takes(topic))
    };
    let kind = if subscriptions.iter().filter(needs).any(embedded) {
        TopicKind::Embedded
    } else {
        TopicKind::Memory
    };
    Some(Topic { implicit: true, ..Topic::plain(name, kind, first.at) })
}

/// `topics` has the implicit one.
pub(crate) fn check(reader: &mut Reader<'_>, topics: &[Topic], subscriptions: &[Subscription]) {
    for subscription in subscriptions {
        let Some(Spanned { value: name, at }) = &subscription.dead_letter else { continue };
        let key = format!("subscriptions.{}.dead-letter", subscription.name);
        let Some(dead_letter) = topics.iter().find(|topic| topic.name == *name) else {
            let help = match nearest(name.as_str(), topics.iter().map(|topic| topic.name.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add it to the app's `topics`, as in `topics: {{ {name}: embedded }}`"),
            };
            let wrong = Wrong::new(format!("the topic {} is not declared", shown(name.as_str())));
            reader.error(*at, key, wrong.help(help));
            continue;
        };
        if subscription.takes(dead_letter) {
            let wrong = Wrong::new(format!("the topic {} is its own dead letter", shown(name.as_str())));
            let help =
                "what is given up would come again for ever; name another topic, or write `dead-letter: off`";
            reader.error(*at, key, wrong.help(help));
            continue;
        }
        let durable =
            topics.iter().find(|topic| topic.kind == TopicKind::Embedded && subscription.takes(topic));
        if let (Some(durable), TopicKind::Memory) = (durable, dead_letter.kind) {
            let wrong = Wrong::new(format!(
                "the topic {} is embedded, but its dead letters go to {}, which is in memory",
                shown(durable.name.as_str()),
                shown(name.as_str())
            ));
            reader.error(*at, key, wrong.help("they would be lost when the host stops; make both embedded"));
        }
    }
    cycles(reader, topics, subscriptions);
}

/// An event that goes from topic to topic and never ends. A subscription that closes a circle is reported once.
fn cycles(reader: &mut Reader<'_>, topics: &[Topic], subscriptions: &[Subscription]) {
    let index: HashMap<&name::Topic, usize> =
        topics.iter().enumerate().map(|(i, topic)| (&topic.name, i)).collect();
    // Where a subscription takes what it gives up. A topic that is its own dead letter has been reported.
    let next = |subscription: &Subscription| {
        let to = *index.get(&subscription.dead_letter.as_ref()?.value)?;
        (!subscription.takes(&topics[to])).then_some(to)
    };
    let next: Vec<Option<usize>> = subscriptions.iter().map(next).collect();
    let (mut done, mut on_path) = (vec![false; topics.len()], vec![false; topics.len()]);
    let mut reported = vec![false; subscriptions.len()];
    for start in 0..topics.len() {
        if done[start] {
            continue;
        }
        // Depth first, with a stack of its own: a long chain must not exhaust the thread's.
        let mut path = vec![(start, 0)];
        on_path[start] = true;
        while let Some((topic, edge)) = path.last_mut() {
            let (from, i) = (*topic, *edge);
            *edge += 1;
            let Some(subscription) = subscriptions.get(i) else {
                (done[from], on_path[from]) = (true, false);
                path.pop();
                continue;
            };
            let Some(to) = next[i].filter(|to| !done[*to] && subscription.takes(&topics[from])) else {
                continue;
            };
            if !on_path[to] {
                path.push((to, 0));
                on_path[to] = true;
            } else if !reported[i] {
                reported[i] = true;
                let circle: Vec<usize> = path.iter().map(|(on, _)| *on).skip_while(|on| *on != to).collect();
                circle_error(reader, topics, subscription, &circle);
            }
        }
    }
}

fn circle_error(reader: &mut Reader<'_>, topics: &[Topic], closing: &Subscription, circle: &[usize]) {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = circle.iter().take(SHOWN).map(|i| topics[*i].name.as_str()).collect();
    if circle.len() > SHOWN {
        names.push("…");
    }
    names.extend(names.first().copied());
    let wrong = Wrong::new(format!("dead letters go round in a circle: {}", names.join(", ")));
    let at = closing.dead_letter.as_ref().map_or(closing.at, |topic| topic.at);
    let help =
        "what is given up would come again for ever; write `dead-letter: off` in one of the subscriptions";
    reader.error(at, format!("subscriptions.{}.dead-letter", closing.name), wrong.help(help));
}

/// Whether the topic takes somebody's dead letters.
pub(crate) fn takes_some(topic: &Topic, subscriptions: &[Subscription]) -> bool {
    let here = |subscription: &Subscription| {
        subscription.dead_letter.as_ref().is_some_and(|dead_letter| dead_letter.value == topic.name)
    };
    subscriptions.iter().any(here)
}
