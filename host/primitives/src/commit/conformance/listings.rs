//! Laws: what was listed, and what has changed since.

use std::time::Duration;

use super::{
    Fixture,
    batches::{batch, check, content, delete, expiring, key, put, put_record, record, seen, span, v},
};
use crate::{
    clock::Clock as _,
    commit::{Batch, Budget, Change, Committed, Engine, Error, Expect, Record, Seen},
};

/// What is there at first: there is room before, between and behind.
const NAMES: [&str; 3] = ["b", "d", "f"];

/// Makes the engine hold [`NAMES`] and nothing else.
async fn begin(engine: &dyn Engine) {
    let gone = content(engine).await.into_iter().map(|(key, _)| Change { key, ..delete("") });
    let changes: Vec<_> = gone.chain(NAMES.map(|name| put(name, name))).collect();
    engine.commit(batch(changes)).await.unwrap();
}

async fn commit(
    engine: &dyn Engine,
    spans: impl Into<Vec<Seen>>,
    changes: impl Into<Vec<Change>>,
) -> Result<Committed, Error> {
    engine.commit(Batch { spans: spans.into(), ..batch(changes) }).await
}

fn is_stale(outcome: &Result<Committed, Error>) -> bool {
    matches!(outcome, Err(Error::Stale { .. }))
}

pub async fn a_changed_listing_refuses_the_batch(fixture: &impl Fixture) {
    let engine = fixture.engine();
    begin(&*engine).await;
    let exact = [
        seen("", None, &NAMES),
        seen("b", Some("f"), &["b", "d"]),
        seen("b\0", Some("d\0"), &["d"]),
        seen("f", None, &["f"]),
        seen("c", Some("d"), &[]),
        seen("g", None, &[]),
        seen("d", Some("d"), &[]),
        seen("f", Some("b"), &[]),
    ];
    commit(&*engine, exact.clone(), []).await.expect("each of them is what is there");
    let before = content(&*engine).await;
    for exact in exact {
        for wrong in wrong(&exact) {
            let outcome =
                commit(&*engine, [exact.clone(), wrong.clone()], [put("c", "c"), delete("d")]).await;
            assert!(is_stale(&outcome), "{wrong:?} gave {outcome:?}");
            assert_eq!(content(&*engine).await, before, "{wrong:?} left something");
        }
    }
    let outside = [put("a", "a"), put("d", "d"), put("f\0", "f")];
    engine.commit(batch(outside)).await.unwrap();
    let inside = seen("a\0", Some("f\0"), &NAMES);
    let own = [put("c", "c"), delete("d"), put_record("f", Record { version: v(9), ..record("f") })];
    commit(&*engine, [inside.clone()], own).await.expect("its own changes come after what it has listed");
    let outcome = commit(&*engine, [inside], [put("c", "c")]).await;
    assert!(is_stale(&outcome), "{outcome:?}");
    nobody_inserts_unseen(fixture).await;
}

/// Listings that are not quite this one.
fn wrong(exact: &Seen) -> Vec<Seen> {
    let Seen { span, records } = exact;
    let with = |records: Vec<_>| Seen { span: span.clone(), records };
    let more = |at: usize| with([&records[..at], &[(key("e"), v(1))], &records[at..]].concat());
    let mut all = vec![more(0), more(records.len())];
    for at in 0..records.len() {
        let mut other = records.clone();
        other[at].1 = v(9);
        all.extend([with([&records[..at], &records[at + 1..]].concat()), with(other)]);
    }
    if records.len() > 1 {
        all.push(with(records.iter().rev().cloned().collect()));
    }
    all
}

/// Callers who list a range and insert into it what is not there yet: each place is taken once.
async fn nobody_inserts_unseen(fixture: &impl Fixture) {
    let callers = (0..4).map(|_| {
        let engine = fixture.engine();
        tokio::spawn(async move {
            let mut taken = 0;
            while taken < 10 {
                let listing = listing(&*engine).await;
                let place = format!("place/{:02}", listing.records.len());
                match commit(&*engine, [listing], [put(&place, "taken")]).await {
                    Ok(_) => taken += 1,
                    Err(Error::Stale { .. }) => tokio::task::yield_now().await,
                    Err(other) => panic!("{other}"),
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let places: Vec<_> = listing(&*fixture.engine()).await.records.into_iter().map(|(key, _)| key).collect();
    assert_eq!(places, (0..40).map(|place| key(&format!("place/{place:02}"))).collect::<Vec<_>>());
}

async fn listing(engine: &dyn Engine) -> Seen {
    let span = span("place/", Some("place0"));
    let budget = Budget { records: usize::MAX, bytes: usize::MAX, values: false };
    let (found, _) = engine.snapshot().await.unwrap().scan(&span, budget).await.unwrap();
    Seen { span, records: found.into_iter().map(|(key, record)| (key, record.version)).collect() }
}

pub async fn a_stale_batch_names_what_has_changed(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let changed = |name: &str| put_record(name, Record { version: v(9), ..record("other") });
    let cases: [(&str, Vec<Change>, &str); 10] = [
        ("appeared before all", vec![put("a", "a")], "a"),
        ("appeared between", vec![put("c", "c")], "c"),
        ("appeared behind all", vec![put("g", "g")], "g"),
        ("changed", vec![changed("d")], "d"),
        ("the first has gone", vec![delete("b")], "b"),
        ("the last has gone", vec![delete("f")], "f"),
        ("all have gone", NAMES.map(delete).into(), "b"),
        ("gone, and one appeared behind it", vec![delete("d"), put("e", "e")], "d"),
        ("gone, and one appeared before it", vec![delete("d"), put("c", "c")], "c"),
        ("several", vec![changed("f"), delete("d")], "d"),
    ];
    for (what, changes, expected) in cases {
        begin(&*engine).await;
        engine.commit(batch(changes)).await.unwrap();
        let holds = seen("h", None, &[]);
        let outcome = commit(&*engine, [holds, seen("", None, &NAMES)], [put("d", "d")]).await;
        named(what, &outcome, expected);
    }
    begin(&*engine).await;
    let checks = [("b", Expect::Present), ("d", Expect::Version(v(9))), ("x", Expect::Present)];
    let checks = checks.map(|(name, expect)| check(name, expect)).into();
    let outcome = engine.commit(Batch { checks, ..batch([put("d", "d")]) }).await;
    named("the first check that fails", &outcome, "d");
    let at = fixture.clock().now() + Duration::from_secs(10);
    engine.commit(batch([put_record("d", expiring("d", at))])).await.unwrap();
    commit(&*engine, [seen("", None, &NAMES)], []).await.expect("it has not expired yet");
    fixture.clock().advance(Duration::from_secs(10));
    let outcome = commit(&*engine, [seen("", None, &NAMES)], [put("d", "d")]).await;
    named("expired", &outcome, "d");
    let checks = vec![check("d", Expect::Version(v(1)))];
    let outcome = engine.commit(Batch { checks, ..batch([put("d", "d")]) }).await;
    named("a check of what has expired", &outcome, "d");
    commit(&*engine, [seen("", None, &["b", "f"])], []).await.expect("what has expired is not there");
}

fn named(what: &str, outcome: &Result<Committed, Error>, expected: &str) {
    assert!(
        matches!(outcome, Err(Error::Stale { key: found }) if *found == key(expected)),
        "{what} gave {outcome:?}, not {expected}"
    );
}
