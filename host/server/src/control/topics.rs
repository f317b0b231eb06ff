//! How topics stand: what they hold, and how far behind each group is.

use std::collections::BTreeMap;

use http::StatusCode;
use mecha_primitives::{
    name,
    pubsub::{
        census::{Census, census, events, groups},
        topic::Topic,
    },
};
use serde_json::{Value, json};

use super::Reply;
use crate::wire::events::Events;

pub(super) async fn list(of: &Events) -> Result<Reply, Reply> {
    let mut shown = vec![];
    for topic in of.topics() {
        let engine = &**topic.engine();
        let mut all = BTreeMap::new();
        for group in groups(engine, topic.keys()).await? {
            all.insert(group.clone(), census(engine, topic.keys(), &group).await?);
        }
        let groups: Vec<Value> =
            all.iter().map(|(group, census)| self::group(of, topic, group, census)).collect();
        shown.push(json!({
            "topic": topic.name().as_str(),
            "durable": engine.is_durable(),
            "dead-letters": of.is_dead_letter_topic(topic.name()),
            "events": events(engine, topic.keys()).await?,
            "groups": groups,
        }));
    }
    Ok(Reply::json(StatusCode::OK, &json!({ "topics": shown })))
}

fn group(of: &Events, topic: &Topic, group: &name::Group, census: &Census) -> Value {
    let subscription = of.subscriptions.iter().find(|subscription| {
        subscription.member.group == *group
            && subscription.topics.iter().any(|taken| taken.name() == topic.name())
    });
    json!({
        "group": group.as_str(),
        // None: the manifest no longer has it.
        "subscription": subscription.map(|subscription| subscription.name.as_str()),
        "paused": subscription.map(|subscription| *subscription.paused.borrow()),
        "ready": census.ready,
        "waiting": census.waiting,
        "leased": census.leased,
        "oldest-ms": census.oldest.map(|oldest| oldest.0),
    })
}

/// Removes a group that the manifest no longer has, with all that it has not settled.
pub(super) async fn forget(of: &Events, topic: &str, group: &str) -> Result<Reply, Reply> {
    let unknown = || Reply::wrong(StatusCode::NOT_FOUND, format!("topic `{topic}` has no group `{group}`"));
    let found = of.topics().find(|found| found.name().as_str() == topic).ok_or_else(unknown)?;
    let name: name::Group = group.parse().map_err(|_| unknown())?;
    let is_meant = of.subscriptions.iter().any(|subscription| {
        subscription.member.group == name
            && subscription.topics.iter().any(|taken| taken.name() == found.name())
    });
    if is_meant {
        let kept = format!("the manifest has the group `{group}`: remove its subscription first");
        return Err(Reply::wrong(StatusCode::CONFLICT, kept));
    }
    let removed = of.forget(found, &name).await?.ok_or_else(unknown)?;
    Ok(Reply::json(StatusCode::OK, &json!({ "forgotten": group, "entries": removed })))
}
