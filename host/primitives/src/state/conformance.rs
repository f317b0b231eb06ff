//! One test for each law of [`Store`], which every backend runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::state_conformance!(MyFixture::new());
//! }
//! ```
//!
//! makes each law a `#[test]` of its own, on a fixture of its own. A law that needs what a store cannot
//! do, by its [`Abilities`](super::Abilities), does not apply to it and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Action, Error, Expect, Failure, Item, Key, Page, Range, Step, Store, StoreExt as _, Version};
use crate::{clock::ManualClock, identity::CallId};

/// An empty store, and the clock that it goes by.
pub trait Fixture {
    /// Another handle to the same data.
    fn store(&self) -> Arc<dyn Store>;

    fn clock(&self) -> &ManualClock;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! state_conformance {
    ($fixture:expr) => { $crate::state_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::state_conformance! { @$then [$($with)*]
            set_is_seen_by_every_handle,
            an_item_comes_back_as_it_was_set,
            any_value_comes_back,
            a_deleted_key_is_absent,
            stale_write_conflicts,
            insert_if_absent_has_one_winner,
            must_exist_refuses_an_absent_key,
            a_conflict_names_the_present_version,
            scan_pages_are_gapless,
            a_reverse_scan_is_the_scan_turned_round,
            a_range_restricts_a_scan,
            hostile_keys_stay_themselves,
            a_large_page_ends_early,
            a_transaction_is_all_or_nothing,
            later_steps_see_earlier_ones,
            additions_all_count,
            a_counter_reads_back_as_text,
            a_wrong_addition_changes_nothing,
            an_expired_key_is_gone,
            each_write_sets_expiry_anew,
            a_counter_keeps_its_expiry,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::state::conformance::$law(&fixture).await;
            });
        }
    )*};
}

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

pub async fn stale_write_conflicts(fixture: &impl Fixture) {
    let store = fixture.store();
    store.apply_one(set("a", "1", v(1))).await.unwrap();
    let guarded = Step { expect: Some(Expect::Version(v(1))), ..set("a", "2", v(2)) };
    store.apply_one(guarded.clone()).await.expect("a write guarded by the present version is applied");
    let before = store.get(&key("a")).await.unwrap();
    for stale in [guarded, set("a", "3", v(3)), delete("a"), add("a", 1, v(3)), check("a", Expect::Absent)] {
        let stale = Step { expect: Some(Expect::Version(v(1))), ..stale };
        let outcome = store.apply_one(stale.clone()).await;
        assert!(matches!(outcome, Err(Error::Conflict(_))), "{stale:?} gave {outcome:?}");
        assert_eq!(store.get(&key("a")).await.unwrap(), before, "{stale:?} changed something");
    }
    store.apply_one(delete("a")).await.unwrap();
    let late = Step { expect: Some(Expect::Version(v(2))), ..set("a", "4", v(4)) };
    assert!(store.apply_one(late).await.is_err(), "a deleted key's version still lets writers in");
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
}

pub async fn insert_if_absent_has_one_winner(fixture: &impl Fixture) {
    let writers = (0..16).map(|writer| {
        let store = fixture.store();
        tokio::spawn(async move {
            let insert = Step { expect: Some(Expect::Absent), ..set("a", vec![writer], v(writer.into())) };
            store.apply_one(insert).await.map(|_| writer)
        })
    });
    let mut outcomes = vec![];
    for writer in writers.collect::<Vec<_>>() {
        outcomes.push(writer.await.unwrap());
    }
    let won: Vec<u8> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).copied().collect();
    let [winner] = *won else { panic!("{} writers won", won.len()) };
    let item = fixture.store().get(&key("a")).await.unwrap().expect("the winner's value");
    assert_eq!((&*item.value, item.version), (&[winner][..], v(winner.into())), "it is not the winner's");
    for lost in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(lost, Error::Conflict(Some(there)) if there == item.version), "{lost:?}");
    }
}

pub async fn must_exist_refuses_an_absent_key(fixture: &impl Fixture) {
    let store = fixture.store();
    let expect = Some(Expect::Present);
    for step in [set("a", "1", v(1)), delete("a"), add("a", 1, v(1)), check("a", Expect::Present)] {
        let outcome = store.apply_one(Step { expect, ..step.clone() }).await;
        assert!(matches!(outcome, Err(Error::Conflict(None))), "{step:?} gave {outcome:?}");
        assert_eq!(store.get(&key("a")).await.unwrap(), None, "{step:?} created the key");
    }
    store.apply_one(set("a", "", v(1))).await.unwrap();
    store.apply_one(Step { expect, ..set("a", "2", v(2)) }).await.expect("an empty value is there, too");
    assert_eq!(value_of(&*store, "a").await.as_deref(), Some(&b"2"[..]));
}

pub async fn a_conflict_names_the_present_version(fixture: &impl Fixture) {
    let store = fixture.store();
    let refused = |expect| {
        let store = store.clone();
        async move { store.apply_one(Step { expect: Some(expect), ..set("a", "x", v(9)) }).await }
    };
    let outcome = refused(Expect::Version(v(1))).await;
    assert!(matches!(outcome, Err(Error::Conflict(None))), "nothing is there: {outcome:?}");
    for number in [1, 2] {
        store.apply_one(set("a", "1", v(number))).await.unwrap();
        for expect in [Expect::Absent, Expect::Version(v(8))] {
            let outcome = refused(expect).await;
            assert!(
                matches!(outcome, Err(Error::Conflict(Some(there))) if there == v(number)),
                "{outcome:?}"
            );
        }
    }
}

pub async fn scan_pages_are_gapless(fixture: &impl Fixture) {
    let store = fixture.store();
    // 37 is prime to 101: each key once, in no order.
    let names = |index: u32| format!("k{:03}", index * 37 % 101);
    let steps = (0..101).map(|index| set(&names(index), "x", v(index))).collect();
    store.apply(steps).await.unwrap();
    let expected: Vec<String> = (0..101).map(|index| format!("k{index:03}")).collect();
    for limit in [1, 7, 100, 101, 102, 1000] {
        assert_eq!(paged(&*store, &Range::default(), limit).await, expected, "in pages of {limit}");
    }
    // A cursor is a place, not an entry: it holds when its key is gone.
    store.apply_one(delete("k050")).await.unwrap();
    let range = Range { after: Some("k050".into()), ..Range::default() };
    assert_eq!(paged(&*store, &range, 7).await, expected[51..], "behind a deleted key");
}

pub async fn a_reverse_scan_is_the_scan_turned_round(fixture: &impl Fixture) {
    let store = fixture.store();
    let names = ["a", "a\0", "a/", "a/b", "ab", "b", "ä", "\u{10ffff}"];
    store.apply(names.iter().zip(0..).map(|(name, at)| set(name, "x", v(at))).collect()).await.unwrap();
    let bounds = |text: &str| Some(text.to_owned());
    let ranges = [
        Range::default(),
        Range { prefix: "a".into(), ..Range::default() },
        Range { start: bounds("a/"), end: bounds("b"), ..Range::default() },
        Range { prefix: "\u{10ffff}".into(), ..Range::default() },
    ];
    for range in ranges {
        for limit in [1, 3, 8] {
            let mut turned = paged(&*store, &Range { reverse: true, ..range.clone() }, limit).await;
            turned.reverse();
            assert_eq!(turned, keys(&*store, &range).await, "{range:?} in pages of {limit}");
        }
    }
}

pub async fn a_range_restricts_a_scan(fixture: &impl Fixture) {
    let store = fixture.store();
    let mut names = ["a", "a\0", "a/", "a/b", "a/b/c", "ab", "b", "ba", "ä", "\u{10ffff}\u{10ffff}"];
    names.sort_unstable();
    store.apply(names.iter().zip(0..).map(|(name, at)| set(name, "x", v(at))).collect()).await.unwrap();
    let texts = [None, Some(""), Some("a"), Some("a/"), Some("a/b"), Some("b"), Some("ä")];
    for combination in 0..texts.len().pow(4) {
        let [prefix, start, end, after] =
            [0, 1, 2, 3].map(|place| texts[combination / texts.len().pow(place) % texts.len()]);
        for reverse in [false, true] {
            let within = |name: &&&str| {
                let behind = |after: &&str| if reverse { **name < *after } else { **name > *after };
                name.starts_with(prefix.unwrap_or_default())
                    && start.is_none_or(|start| **name >= start)
                    && end.is_none_or(|end| **name < end)
                    && after.as_ref().is_none_or(behind)
            };
            let mut expected: Vec<&str> = names.iter().filter(within).copied().collect();
            if reverse {
                expected.reverse();
            }
            let range = Range {
                prefix: prefix.unwrap_or_default().into(),
                start: start.map(Into::into),
                end: end.map(Into::into),
                after: after.map(Into::into),
                reverse,
            };
            assert_eq!(keys(&*store, &range).await, expected, "{range:?}");
        }
    }
}

pub async fn hostile_keys_stay_themselves(fixture: &impl Fixture) {
    let store = fixture.store();
    let (long, longer) = ("x".repeat(1023), "x".repeat(1024));
    let mut names = vec![
        " ",
        "/",
        "//",
        ".",
        "..",
        "../..",
        "a",
        "a ",
        "A",
        "a/b",
        "a/../b",
        "a//b",
        "a\0",
        "a\0b",
        "\0",
        "a\nb",
        "a%2fb",
        "a*",
        "*",
        "?",
        "'; DROP TABLE records; --",
        "a@b",
        "\\",
        "{}",
        "e\u{301}",
        "é",
        "\u{feff}a",
        "\u{7f}",
        "\u{d7ff}",
        "\u{10ffff}",
        &long,
        &longer,
    ];
    for (name, number) in names.iter().zip(0..) {
        store.apply_one(set(name, (*name).to_owned(), v(number))).await.unwrap();
    }
    for name in &names {
        assert_eq!(value_of(&*store, name).await.as_deref(), Some(name.as_bytes()), "under {name:?}");
        let with_prefix = keys(&*store, &Range { prefix: (*name).into(), ..Range::default() }).await;
        assert!(with_prefix.iter().all(|key| key.starts_with(name)), "{name:?} is no mere text in a prefix");
    }
    names.sort_unstable();
    assert_eq!(keys(&*store, &Range::default()).await, names);
    while let Some(name) = names.pop() {
        store.apply_one(delete(name)).await.unwrap();
        assert_eq!(keys(&*store, &Range::default()).await, names, "after {name:?} was deleted");
    }
}

pub async fn a_large_page_ends_early(fixture: &impl Fixture) {
    let store = fixture.store();
    let sizes = [("a", 400_000), ("b", 400_000), ("c", 400_000), ("d", 3_000_000), ("e", 10)];
    for (name, size) in sizes {
        store.apply_one(set(name, vec![7; size], v(1))).await.unwrap();
    }
    let pages =
        [(None, vec!["a", "b"]), (Some("b"), vec!["c"]), (Some("c"), vec!["d"]), (Some("d"), vec!["e"])];
    for (after, expected) in pages {
        let range = Range { after: after.map(Into::into), ..Range::default() };
        let listing = store.scan(&range, Page { limit: 1000, values: true }).await.unwrap();
        let found: Vec<&str> = listing.entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(found, expected, "behind {after:?}");
        assert_eq!(listing.more, found != ["e"], "behind {after:?}");
    }
    let listing = store.scan(&Range::default(), Page { limit: 1000, values: false }).await.unwrap();
    assert_eq!((listing.entries.len(), listing.more), (5, false), "values that nobody wants fill no page");
}

pub async fn a_transaction_is_all_or_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    if !store.abilities().transactions {
        return;
    }
    store.apply(vec![set("b", "old", v(1)), set("n", "5", v(2))]).await.unwrap();
    let before = everything(&*store).await;
    let good = vec![set("a", "new", v(3)), delete("b"), add("n", 1, v(4))];
    for bad in [check("z", Expect::Present), check("b", Expect::Present), add("a", 1, v(5))] {
        let failure = store.apply([good.clone(), vec![bad.clone()]].concat()).await;
        assert!(matches!(failure, Err(Failure::Step(3, _))), "{bad:?} gave {failure:?}");
        assert_eq!(everything(&*store).await, before, "{bad:?} left something behind");
    }
    let applied = store.apply(good).await.unwrap();
    let left: Vec<_> = applied.iter().map(|step| (step.version, step.sum)).collect();
    assert_eq!(left, [(Some(v(3)), None), (None, None), (Some(v(4)), Some(6))]);
    assert_eq!(keys(&*store, &Range::default()).await, ["a", "n"]);
    // Nobody sees a part of one, either.
    let writer = tokio::spawn(async move {
        for round in 0..50 {
            let value = round.to_string();
            store.apply(vec![set("a", value.clone(), v(round)), set("n", value, v(round))]).await.unwrap();
        }
    });
    let reader = fixture.store();
    while !writer.is_finished() {
        let seen = everything(&*reader).await;
        let [(_, a), (_, n)] = &*seen else { panic!("{} keys", seen.len()) };
        assert!(a.version == v(3) || a.value == n.value, "half of a transaction was seen");
    }
    writer.await.unwrap();
}

pub async fn later_steps_see_earlier_ones(fixture: &impl Fixture) {
    let store = fixture.store();
    if !store.abilities().transactions {
        return;
    }
    let steps = vec![
        Step { expect: Some(Expect::Absent), ..set("a", "1", v(1)) },
        check("a", Expect::Version(v(1))),
        Step { expect: Some(Expect::Version(v(1))), ..set("a", "2", v(2)) },
        Step { expect: Some(Expect::Present), ..delete("a") },
        check("a", Expect::Absent),
        add("a", 40, v(3)),
        Step { expect: Some(Expect::Version(v(3))), ..add("a", 2, v(4)) },
    ];
    let applied = store.apply(steps).await.unwrap();
    let sums: Vec<_> = applied.iter().map(|step| step.sum).collect();
    assert_eq!(sums, [None, None, None, None, None, Some(40), Some(42)]);
    let item = store.get(&key("a")).await.unwrap().expect("the last step's value");
    assert_eq!((&*item.value, item.version), (&b"42"[..], v(4)));
    let failure = store.apply(vec![set("b", "x", v(5)), check("b", Expect::Absent)]).await;
    assert!(
        matches!(failure, Err(Failure::Step(1, Error::Conflict(Some(there)))) if there == v(5)),
        "{failure:?}"
    );
}

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

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn v(number: u32) -> Version {
    Version::new(CallId(7), 1, number)
}

fn set(name: &str, value: impl Into<Bytes>, version: Version) -> Step {
    let action = Action::Set { value: value.into(), content_type: None, ttl: None, version };
    Step { key: key(name), expect: None, action }
}

fn add(name: &str, delta: i64, version: Version) -> Step {
    Step { key: key(name), expect: None, action: Action::Add { delta, ttl: None, version } }
}

fn delete(name: &str) -> Step {
    Step { key: key(name), expect: None, action: Action::Delete }
}

fn check(name: &str, expect: Expect) -> Step {
    Step { key: key(name), expect: Some(expect), action: Action::Check }
}

fn expiring(mut step: Step, seconds: u64) -> Step {
    if let Action::Set { ttl, .. } | Action::Add { ttl, .. } = &mut step.action {
        *ttl = Some(Duration::from_secs(seconds));
    }
    step
}

async fn value_of(store: &dyn Store, name: &str) -> Option<Bytes> {
    store.get(&key(name)).await.unwrap().map(|item| item.value)
}

async fn keys(store: &dyn Store, range: &Range) -> Vec<String> {
    let listing = store.scan(range, Page { limit: 1000, values: false }).await.unwrap();
    assert!(!listing.more, "a page of 1000 holds them all");
    listing.entries.iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

/// The keys of a range, page by page.
async fn paged(store: &dyn Store, range: &Range, limit: usize) -> Vec<String> {
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

async fn everything(store: &dyn Store) -> Vec<(Key, Item)> {
    store.scan(&Range::default(), Page { limit: 1000, values: true }).await.unwrap().entries
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let table = include_str!("../state.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(table.collect::<Vec<_>>(), state_conformance! { @laws names });
    }
}
