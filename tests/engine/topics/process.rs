//! What a process has of the topic, and what is published to it.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use mecha_primitives::{
    clock::ManualClock,
    commit::Engine,
    pubsub::{
        Message,
        event::Draft as EventDraft,
        filter::Filter,
        letters::Letters,
        queue::{self, Queue},
        topic::{Member, Options, Topic},
    },
    random::Seeded,
};
use tokio::sync::Notify;

use super::model::{Draft, GROUPS, LEASE, RETRY, WINDOW};

static FILTERS: LazyLock<[Filter; 2]> = LazyLock::new(|| {
    GROUPS.map(|group| Filter::parse(&format!(r#"event.type == "both" || event.type == "{group}""#)).unwrap())
});

pub(super) type By<'a> = (&'a Arc<dyn Engine>, &'a Arc<ManualClock>, &'a Arc<Seeded>);

fn topic(by: By<'_>, name: &str, keep: Option<Duration>, members: Vec<Member>) -> Arc<Topic> {
    let (engine, clock, random) = by;
    let options = Options { window: Some(WINDOW), keep, ..Options::default() };
    let (app, name, by) =
        ("shop".parse().unwrap(), name.parse().unwrap(), (clock.clone() as _, random.clone() as _));
    Arc::new(Topic::new(&app, name, engine.clone(), by, options, members))
}

pub(super) fn queue(by: By<'_>, orders: &Topic, member: &Member, process: u64) -> Queue {
    let dead_letters = Some(topic(by, "failed", None, vec![]));
    let way = queue::Options { retry: RETRY, lease: LEASE, dead_letters };
    let Member { group, changed, .. } = member.clone();
    Queue::new(orders, group, changed, way, process, by.1.clone(), by.2.clone())
}

/// What a process has of the topic.
pub(super) fn process(
    by: By<'_>,
    keep: Option<Duration>,
    number: u64,
) -> (Arc<Topic>, Letters, Vec<Member>, Vec<Queue>) {
    let members: Vec<_> = GROUPS
        .iter()
        .zip(&*FILTERS)
        .enumerate()
        .map(|(index, (group, filter))| Member {
            group: group.parse().unwrap(),
            filter: Some(filter.clone()),
            ordered: index == 0,
            changed: Arc::new(Notify::new()),
        })
        .collect();
    let orders = topic(by, "orders", keep, members.clone());
    let queues = members.iter().map(|member| queue(by, &orders, member, number)).collect();
    let letters = Letters::new(topic(by, "failed", None, vec![]), by.1.clone());
    (orders, letters, members, queues)
}

pub(super) fn message(draft: &Draft) -> Message {
    let id = draft.id.clone().unwrap_or_else(|| format!("e{}", draft.serial));
    let event = EventDraft {
        id: Some(id),
        source: Some("/model".into()),
        kind: Some(draft.kind.into()),
        data: Some(draft.serial.to_string().into()),
        ..EventDraft::default()
    };
    Message {
        event: event.check().unwrap(),
        recognizable: draft.id.is_some(),
        key: draft.key.map(Into::into),
        delay: draft.delay,
        ttl: draft.ttl,
    }
}
