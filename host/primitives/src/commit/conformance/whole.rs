//! Laws: batches as wholes, and what snapshots show of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::{
    Fixture,
    batches::{
        add, append, batch, check, content, countdown, delete, everything, key, put, quota, v, value_of,
        verify,
    },
};
use crate::commit::{Batch, Budget, Change, Error, Expect, Snapshot, Span};

pub async fn a_committed_batch_is_seen_whole(fixture: &impl Fixture) {
    let done = Arc::new(AtomicBool::new(false));
    let (writing, reading) = (fixture.engine(), fixture.engine());
    let ended = done.clone();
    let writer = tokio::spawn(async move {
        for number in 1..=100 {
            let value = number.to_string();
            let both = [put("a", value.clone()), add("b", 1), put(&format!("c{number:03}"), value)];
            let sums = writing.commit(batch(both)).await.unwrap().sums;
            assert_eq!(sums, [None, Some(number), None]);
            assert_eq!(value_of(&*writing, "a").await, Some(number.to_string().into()), "it is not seen");
        }
        ended.store(true, Ordering::SeqCst);
    });
    let mut last = 0;
    while !done.load(Ordering::SeqCst) && !writer.is_finished() {
        let found = content(&*reading).await;
        let Some((_, a)) = found.first() else { continue };
        assert_eq!(a.value, found[1].1.value, "a part of a batch was seen");
        let number = found.len() - 2;
        assert_eq!(a.value, number.to_string(), "a part of a batch was seen");
        assert!(number >= last, "a commit was seen, and then not any more");
        last = number;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    fixture.reopen().await;
    assert_eq!(content(&*fixture.engine()).await.len(), 102);
}

pub async fn a_refused_batch_leaves_nothing(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let start = [put("a", "1"), put("text", "no number"), put("max", i64::MAX.to_string())];
    engine.commit(batch(start)).await.unwrap();
    let before = content(&*engine).await;
    let begin = || vec![put("a", "2"), delete("text"), put("new", "x"), append("log/", 0, "x")];
    let refused = |change: Change| batch([begin(), vec![change, put("later", "x")]].concat());
    let cases = [
        ("a check", Batch { checks: vec![check("a", Expect::Absent)], ..batch(begin()) }),
        ("an expectation", refused(verify("a", Expect::Version(v(9))))),
        ("no number", batch([put("a", "2"), add("text", 1)])),
        ("no number to count down", batch([put("a", "2"), countdown("text", &["max"])])),
        ("an overflow", refused(add("max", 1))),
        ("a quota", Batch { quotas: vec![quota(1)], ..batch(begin()) }),
    ];
    for (what, batch) in cases {
        let outcome = engine.commit(batch).await;
        let expected = match what {
            "a check" => matches!(outcome, Err(Error::Stale { .. })),
            "an expectation" => {
                matches!(outcome, Err(Error::Conflict { change: 4, found: Some(found) }) if found == v(1))
            }
            "an overflow" => matches!(outcome, Err(Error::Overflow { change: 4 })),
            "a quota" => matches!(outcome, Err(Error::Quota { max_bytes: 1, .. })),
            _ => matches!(outcome, Err(Error::NotANumber { change: 1 })),
        };
        assert!(expected, "{what} gave {outcome:?}");
        assert_eq!(content(&*engine).await, before, "{what} left something");
    }
    fixture.reopen().await;
    assert_eq!(content(&*fixture.engine()).await, before);
}

pub async fn a_snapshot_does_not_change(fixture: &impl Fixture) {
    let engine = fixture.engine();
    engine.commit(batch([put("a", "1"), put("b", "1"), put("n", "1")])).await.unwrap();
    let snapshot = engine.snapshot().await.unwrap();
    let before = everything(&*snapshot).await;
    assert_eq!(before.len(), 3);
    for round in 0..50 {
        let changes = [put("a", "2"), add("n", 1), put(&format!("new{round}"), "x"), append("log/", 0, "x")];
        engine.commit(batch(changes)).await.unwrap();
    }
    engine.commit(batch([delete("b")])).await.unwrap();
    assert_eq!(everything(&*snapshot).await, before);
    assert_eq!(snapshot.get(&key("b")).await.unwrap().unwrap().value, "1");
    assert_eq!(snapshot.get(&key("new0")).await.unwrap(), None);
    assert_eq!(content(&*engine).await.len(), 102);
}

pub async fn a_scan_keeps_to_its_span_and_budget(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let names = ["a", "b", "b/", "b\0", "c", "d"];
    engine.commit(batch(names.map(|name| put(name, vec![7; 1000])))).await.unwrap();
    let snapshot = engine.snapshot().await.unwrap();
    let whole = Budget { records: 100, bytes: 1 << 20, values: true };
    let span =
        |start: &str, end: Option<&str>, reverse| Span { start: key(start), end: end.map(key), reverse };
    let spans: [(Span, &[&str]); 6] = [
        (span("", None, false), &["a", "b", "b\0", "b/", "c", "d"]),
        (span("", None, true), &["d", "c", "b/", "b\0", "b", "a"]),
        (span("b", Some("c"), false), &["b", "b\0", "b/"]),
        (span("b", Some("c"), true), &["b/", "b\0", "b"]),
        (span("c", Some("b"), false), &[]),
        (span("c", Some("c"), true), &[]),
    ];
    for (span, expected) in spans {
        let (found, more) = found(&*snapshot, &span, whole).await;
        assert_eq!(found, expected.iter().map(|name| key(name)).collect::<Vec<_>>(), "{span:?}");
        assert!(!more, "{span:?}");
    }
    let all = span("", None, false);
    let budgets = [(2, usize::MAX, 2), (100, 2_500, 2), (100, 1, 1), (6, usize::MAX, 6)];
    for (records, bytes, expected) in budgets {
        let (found, more) = found(&*snapshot, &all, Budget { records, bytes, values: true }).await;
        assert_eq!((found.len(), more), (expected, expected < 6), "{records} records of {bytes} bytes");
    }
    let keys = snapshot.scan(&all, Budget { bytes: 500, values: false, ..whole }).await.unwrap().0;
    assert_eq!(keys.len(), 6, "values that are not wanted take nothing of the budget");
    assert!(keys.iter().all(|(_, record)| record.value.is_empty()), "values that are not wanted");
}

async fn found(snapshot: &dyn Snapshot, span: &Span, budget: Budget) -> (Vec<Bytes>, bool) {
    let (found, more) = snapshot.scan(span, budget).await.unwrap();
    (found.into_iter().map(|(key, _)| key).collect(), more)
}

pub async fn checks_see_what_was_before_the_batch(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let checked = |name: &str, expect, change: Change| Batch {
        checks: vec![check(name, expect)],
        ..batch([change, verify("other", Expect::Absent)])
    };
    engine.commit(checked("a", Expect::Absent, put("a", "1"))).await.expect("before it, a was absent");
    let outcome = engine.commit(checked("a", Expect::Absent, delete("a"))).await;
    assert!(matches!(outcome, Err(Error::Stale { .. })), "{outcome:?}");
    engine.commit(checked("a", Expect::Version(v(1)), add("a", 1))).await.expect("its version before");
    engine.commit(checked("a", Expect::Version(v(2)), delete("a"))).await.expect("the addition's version");
    assert_eq!(value_of(&*engine, "a").await, None);
}

pub async fn expectations_see_earlier_changes(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let steps = [
        verify("a", Expect::Absent),
        put("a", "1"),
        verify("a", Expect::Version(v(1))),
        add("a", 4),
        verify("a", Expect::Version(v(2))),
        countdown("a", &[]),
        verify("a", Expect::Version(v(3))),
        delete("a"),
        verify("a", Expect::Absent),
        add("a", 2),
    ];
    let sums = engine.commit(batch(steps)).await.unwrap().sums;
    assert_eq!(sums, [None, None, None, Some(5), None, Some(4), None, None, None, Some(2)]);
    assert_eq!(value_of(&*engine, "a").await.as_deref(), Some(&b"2"[..]));
    let outcome = engine.commit(batch([delete("a"), verify("a", Expect::Present)])).await;
    assert!(matches!(outcome, Err(Error::Conflict { change: 1, found: None })), "{outcome:?}");
}
