//! Laws: what is set is got.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Fixture,
    steps::{delete, key, keys, set, v, value_of},
};
use crate::state::{Action, Item, Page, Range, Step, StoreExt as _};

pub async fn set_is_seen_by_every_handle(fixture: &impl Fixture) {
    let (one, other) = (fixture.store(), fixture.store());
    for (number, value) in [(1, "first"), (2, "second")] {
        one.apply_one(set("a", value, v(number))).await.unwrap();
        for (who, handle) in [("the setting", &one), ("another", &other), ("a later", &fixture.store())] {
            assert_eq!(value_of(&**handle, "a").await.as_deref(), Some(value.as_bytes()), "{who} handle");
        }
    }
}

pub async fn an_item_comes_back_as_it_was_set(fixture: &impl Fixture) {
    let store = fixture.store();
    // The second replaces the first as a whole: its content type too.
    for (number, content_type) in [(1, Some("text/plain; charset=utf-8")), (2, None)] {
        let content_type: Option<Arc<str>> = content_type.map(Into::into);
        let action = Action::Set {
            value: "x".into(),
            content_type: content_type.clone(),
            ttl: None,
            version: v(number),
        };
        let applied = store.apply_one(Step { key: key("a"), expect: None, action }).await.unwrap();
        assert_eq!((applied.version, applied.sum), (Some(v(number)), None));
        let expected = Item { value: "x".into(), version: v(number), content_type, expires_at: None };
        assert_eq!(store.get(&key("a")).await.unwrap(), Some(expected.clone()), "get");
        assert_eq!(store.peek(&key("a")).await.unwrap(), Some(expected.clone()), "peek");
        let page = |values| Page { limit: 10, values };
        let listing = store.scan(&Range::default(), page(true)).await.unwrap();
        assert_eq!(listing.entries, [(key("a"), expected.clone())], "scan");
        let listing = store.scan(&Range::default(), page(false)).await.unwrap();
        let without = Item { value: Bytes::new(), ..expected };
        assert_eq!(listing.entries, [(key("a"), without)], "scan without values");
    }
}

pub async fn any_value_comes_back(fixture: &impl Fixture) {
    let store = fixture.store();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0_u32..3_000_000).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for value in [vec![], vec![0], all_bytes, large, vec![]] {
        let value = Bytes::from(value);
        store.apply_one(set("a", value.clone(), v(1))).await.unwrap();
        assert!(
            value_of(&*store, "a").await == Some(value.clone()),
            "a value of {} bytes changed",
            value.len()
        );
    }
}

pub async fn a_deleted_key_is_absent(fixture: &impl Fixture) {
    let store = fixture.store();
    store.apply_one(delete("never")).await.expect("deleting an absent key is no error");
    store.apply(vec![set("a", "1", v(1)), set("ab", "2", v(2))]).await.unwrap();
    for _ in 0..2 {
        let applied = store.apply_one(delete("a")).await.unwrap();
        assert_eq!((applied.version, applied.sum), (None, None));
        assert_eq!(store.get(&key("a")).await.unwrap(), None);
        assert_eq!(keys(&*store, &Range::default()).await, ["ab"]);
    }
}
