//! Laws: keys and their order.

use super::{
    Fixture,
    steps::{delete, keys, paged, set, v, value_of},
};
use crate::state::{Page, Range, StoreExt as _};

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
