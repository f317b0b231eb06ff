//! The words that laws are written in.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    identity::CallId,
    state::{Action, Expect, Item, Key, Page, Range, Step, Store, Version},
};

pub(super) fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

pub(super) fn v(number: u32) -> Version {
    Version::new(CallId(7), 1, number)
}

pub(super) fn set(name: &str, value: impl Into<Bytes>, version: Version) -> Step {
    let action = Action::Set { value: value.into(), content_type: None, ttl: None, version };
    Step { key: key(name), expect: None, action }
}

pub(super) fn add(name: &str, delta: i64, version: Version) -> Step {
    Step { key: key(name), expect: None, action: Action::Add { delta, ttl: None, version, told: true } }
}

pub(super) fn delete(name: &str) -> Step {
    Step { key: key(name), expect: None, action: Action::Delete }
}

pub(super) fn check(name: &str, expect: Expect) -> Step {
    Step { key: key(name), expect: Some(expect), action: Action::Check }
}

pub(super) fn expiring(mut step: Step, seconds: u64) -> Step {
    if let Action::Set { ttl, .. } | Action::Add { ttl, .. } = &mut step.action {
        *ttl = Some(Duration::from_secs(seconds));
    }
    step
}

pub(super) async fn value_of(store: &dyn Store, name: &str) -> Option<Bytes> {
    store.get(&key(name)).await.unwrap().map(|item| item.value)
}

pub(super) async fn keys(store: &dyn Store, range: &Range) -> Vec<String> {
    let listing = store.scan(range, Page { limit: 1000, values: false }).await.unwrap();
    assert!(!listing.more, "a page of 1000 holds them all");
    listing.entries.iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

/// The keys of a range, page by page.
pub(super) async fn paged(store: &dyn Store, range: &Range, limit: usize) -> Vec<String> {
    let mut range = range.clone();
    let mut found = vec![];
    loop {
        let listing = store.scan(&range, Page { limit, values: true }).await.unwrap();
        assert!(listing.entries.len() <= limit, "a page of {limit} has {} entries", listing.entries.len());
        found.extend(listing.entries.iter().map(|(key, _)| key.as_str().to_owned()));
        if !listing.more {
            return found;
        }
        assert!(!listing.entries.is_empty(), "an empty page before the last one");
        range.after = found.last().cloned();
    }
}

pub(super) async fn everything(store: &dyn Store) -> Vec<(Key, Item)> {
    store.scan(&Range::default(), Page { limit: 1000, values: true }).await.unwrap().entries
}
