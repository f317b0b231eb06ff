//! Laws: additions.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Fixture,
    steps::{add, key, set, v, value_of},
};
use crate::state::{Action, Error, Step, StoreExt as _};

pub async fn additions_all_count(fixture: &impl Fixture) {
    let adders: Vec<_> = (0..8_u32)
        .map(|adder| {
            let store = fixture.store();
            tokio::spawn(async move {
                let mut sums = vec![];
                for round in 0..25 {
                    let applied = store.apply_one(add("n", 1, v(adder * 25 + round))).await.unwrap();
                    sums.push(applied.sum.expect("an addition has a sum"));
                }
                sums
            })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for adder in adders {
        seen.extend(adder.await.unwrap());
    }
    assert!(seen.into_iter().eq(1..=200), "some additions gave the same sum");
    assert_eq!(value_of(&*fixture.store(), "n").await.as_deref(), Some(&b"200"[..]));
}

pub async fn a_counter_reads_back_as_text(fixture: &impl Fixture) {
    let store = fixture.store();
    for (number, (delta, text)) in [
        (0, "0"),
        (41, "41"),
        (1, "42"),
        (-50, "-8"),
        (i64::MIN + 8, "-9223372036854775808"),
        (i64::MAX, "-1"),
    ]
    .into_iter()
    .enumerate()
    {
        let version = v(u32::try_from(number).unwrap());
        let applied = store.apply_one(add("n", delta, version)).await.unwrap();
        assert_eq!(applied.version, Some(version));
        assert_eq!(applied.sum.map(|sum| sum.to_string()).as_deref(), Some(text));
        let item = store.get(&key("n")).await.unwrap().expect("a counter");
        assert_eq!((&*item.value, item.version), (text.as_bytes(), version));
        assert_eq!(item.content_type, None);
    }
    // Text that is a number is a counter, too, and stays what it is otherwise.
    let action = Action::Set {
        value: "10".into(),
        content_type: Some("text/plain".into()),
        ttl: None,
        version: v(90),
    };
    store.apply_one(Step { key: key("t"), expect: None, action }).await.unwrap();
    store.apply_one(add("t", -3, v(91))).await.unwrap();
    let item = store.get(&key("t")).await.unwrap().expect("a counter");
    assert_eq!((&*item.value, item.content_type.as_deref()), (&b"7"[..], Some("text/plain")));
}

pub async fn a_wrong_addition_changes_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    let (max, min) = (i64::MAX.to_string(), i64::MIN.to_string());
    let cases: [(&[u8], i64); 9] = [
        (b"", 1),
        (b"x", 1),
        (b" 1", 1),
        (b"1.0", 1),
        (b"0x1", 1),
        (b"\xff", 1),
        (b"9223372036854775808", 0),
        (max.as_bytes(), 1),
        (min.as_bytes(), -1),
    ];
    for (value, delta) in cases {
        store.apply_one(set("n", Bytes::copy_from_slice(value), v(1))).await.unwrap();
        let before = store.get(&key("n")).await.unwrap();
        let outcome = store.apply_one(add("n", delta, v(2))).await;
        assert!(matches!(outcome, Err(Error::InvalidArgument(_))), "{value:?} + {delta} gave {outcome:?}");
        assert_eq!(store.get(&key("n")).await.unwrap(), before, "{value:?} + {delta}");
    }
}
