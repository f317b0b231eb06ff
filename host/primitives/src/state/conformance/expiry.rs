//! Laws: time to live.

use std::time::Duration;

use super::{
    Fixture,
    steps::{add, check, delete, expiring, key, keys, set, v, value_of},
};
use crate::state::{Error, Expect, Page, Range, Step, StoreExt as _};

pub async fn an_expired_key_is_gone(fixture: &impl Fixture) {
    let store = fixture.store();
    if !store.abilities().ttl {
        return;
    }
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        store.apply_one(expiring(set(name, "5", v(1)), 10)).await.unwrap();
    }
    store.apply_one(set("0", "stays", v(2))).await.unwrap();
    fixture.clock().advance(Duration::from_millis(9_999));
    for name in names {
        assert!(store.get(&key(name)).await.unwrap().is_some(), "{name} went a millisecond early");
    }
    fixture.clock().advance(Duration::from_millis(1));
    assert_eq!(store.get(&key("a")).await.unwrap(), None, "get");
    assert_eq!(store.peek(&key("a")).await.unwrap(), None, "peek");
    for reverse in [false, true] {
        let range = Range { reverse, ..Range::default() };
        let listing = store.scan(&range, Page { limit: 1, values: true }).await.unwrap();
        assert_eq!(listing.entries.len(), 1);
        assert!(!listing.more, "what has expired is no reason for another page");
    }
    let was = check("b", Expect::Version(v(1)));
    assert!(matches!(store.apply_one(was).await, Err(Error::Conflict(None))), "its version is still there");
    let present = store.apply_one(check("b", Expect::Present)).await;
    assert!(matches!(present, Err(Error::Conflict(None))), "it is still present");
    store.apply_one(check("b", Expect::Absent)).await.expect("it is absent");
    store.apply_one(Step { expect: Some(Expect::Absent), ..set("c", "new", v(3)) }).await.unwrap();
    assert_eq!(store.apply_one(add("d", 1, v(4))).await.unwrap().sum, Some(1), "a counter begins anew");
    store.apply_one(delete("e")).await.expect("deleting it is no error");
    store.apply_one(expiring(set("z", "at once", v(5)), 0)).await.unwrap();
    assert_eq!(keys(&*store, &Range::default()).await, ["0", "c", "d"]);
}

pub async fn each_write_sets_expiry_anew(fixture: &impl Fixture) {
    let store = fixture.store();
    if !store.abilities().ttl {
        return;
    }
    for name in ["kept", "prolonged", "shortened"] {
        store.apply_one(expiring(set(name, "1", v(1)), 10)).await.unwrap();
    }
    fixture.clock().advance(Duration::from_secs(5));
    store.apply_one(set("kept", "2", v(2))).await.unwrap();
    assert_eq!(store.get(&key("kept")).await.unwrap().and_then(|item| item.expires_at), None);
    store.apply_one(expiring(set("prolonged", "2", v(2)), 10)).await.unwrap();
    store.apply_one(expiring(set("shortened", "2", v(2)), 1)).await.unwrap();
    fixture.clock().advance(Duration::from_secs(1));
    assert_eq!(keys(&*store, &Range::default()).await, ["kept", "prolonged"], "after 6 s");
    fixture.clock().advance(Duration::from_millis(8_999));
    assert_eq!(keys(&*store, &Range::default()).await, ["kept", "prolonged"], "just before 15 s");
    fixture.clock().advance(Duration::from_millis(1));
    assert_eq!(keys(&*store, &Range::default()).await, ["kept"], "after 15 s");
}

pub async fn a_counter_keeps_its_expiry(fixture: &impl Fixture) {
    let store = fixture.store();
    if !store.abilities().ttl {
        return;
    }
    store.apply_one(expiring(add("n", 1, v(1)), 10)).await.unwrap();
    store.apply_one(expiring(set("t", "1", v(1)), 10)).await.unwrap();
    store.apply_one(add("forever", 1, v(1))).await.unwrap();
    let created = store.get(&key("n")).await.unwrap().and_then(|item| item.expires_at);
    assert!(created.is_some(), "a counter expires if it is created so");
    fixture.clock().advance(Duration::from_secs(5));
    for (name, ttl) in [("n", 100), ("t", 100), ("forever", 1)] {
        store.apply_one(expiring(add(name, 1, v(2)), ttl)).await.unwrap();
    }
    store.apply_one(add("n", 1, v(3))).await.unwrap();
    assert_eq!(store.get(&key("n")).await.unwrap().and_then(|item| item.expires_at), created);
    fixture.clock().advance(Duration::from_secs(5));
    assert_eq!(keys(&*store, &Range::default()).await, ["forever"]);
    store.apply_one(add("n", 1, v(4))).await.unwrap();
    fixture.clock().advance(Duration::from_secs(1_000));
    assert_eq!(value_of(&*store, "n").await.as_deref(), Some(&b"1"[..]), "the new one was created without");
}
