//! Events, from who publishes them to who is given them, and what happens when that fails.
//!
//! [`publish`] and [`deliver`] are told of every kind of topic; [`settle`] of handlers that fail, [`letters`] of what
//! was given up, [`http`] of events that come and go over HTTP, [`lasting`] of what outlives a process.

mod deliver;
mod http;
mod lasting;
mod letters;
mod publish;
mod settle;

use mecha_tests::courier::World;
use serde_json::Value;

/// A courier with these further lines, whose handlers write down what they are given.
pub(crate) fn courier(lines: &str, sections: &str) -> String {
    format!(
        "
name: post
components:
  courier:
    source: '{{guests}}/courier.wasm'
    http: [/]
    stores: {{ seen: read-write }}
{lines}
stores: {{ seen: embedded }}
{sections}
"
    )
}

/// A courier that may publish to the topic `news`, and is given what is published there.
fn news(kind: &str, subscriptions: &str) -> World {
    topic(kind, "", "", subscriptions)
}

/// As [`news`], where the topic has limits and further keys.
fn topic(kind: &str, limits: &str, keys: &str, subscriptions: &str) -> World {
    World::new(&courier(
        "    publish: [news]",
        &format!("topics: {{ news: {{ {kind}: {{ {limits} }}, {keys} }} }}\nsubscriptions:\n{subscriptions}"),
    ))
}

/// The ids of what was seen.
fn ids(seen: &Value) -> Vec<String> {
    seen.as_object().unwrap().keys().cloned().collect()
}

/// Makes each story a test on every kind of topic.
macro_rules! on_every_topic {
    ($($story:ident)*) => {
        mod embedded {
            $(#[test] fn $story() { super::$story("embedded"); })*
        }
        mod memory {
            $(#[test] fn $story() { super::$story("memory"); })*
        }
    };
}
use on_every_topic;
