//! Laws: what may be kept, and for how long.

use std::time::Duration;

use super::{
    Fixture,
    batches::{
        add, append, batch, check, content, countdown, delete, expiring, key, put, put_record, quota, verify,
    },
};
use crate::{
    clock::Clock as _,
    commit::{Batch, Change, Committed, Engine, Error, Expect},
};

async fn within(engine: &dyn Engine, max_bytes: u64, changes: Vec<Change>) -> Result<Committed, Error> {
    engine.commit(Batch { quotas: vec![quota(max_bytes)], ..batch(changes) }).await
}

fn refused(outcome: &Result<Committed, Error>) -> bool {
    matches!(outcome, Err(Error::Quota { .. }))
}

pub async fn a_quota_refuses_growth_only(fixture: &impl Fixture) {
    let engine = fixture.engine();
    within(&*engine, 20_000, vec![put("a", vec![1; 10_000])]).await.expect("there is room");
    let outcome = within(&*engine, 20_000, vec![put("b", vec![1; 10_000])]).await;
    assert!(refused(&outcome), "{outcome:?}");
    for (what, change) in [
        ("as large", put("a", vec![2; 10_000])),
        ("smaller", put("a", vec![3; 9_000])),
        ("a countdown of nothing", countdown("n", &["a"])),
        ("gone", delete("a")),
    ] {
        let outcome = within(&*engine, 1, vec![change]).await;
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
    within(&*engine, 20_000, vec![put("b", vec![1; 10_000])]).await.expect("what is deleted makes room");
    let swap = vec![put("c", vec![1; 9_000]), delete("b")];
    within(&*engine, 1, swap).await.expect("the batch as a whole is no growth");
    let outcome = within(&*engine, 1, vec![put("c", vec![1; 9_001])]).await;
    assert!(refused(&outcome), "{outcome:?}");
    engine.commit(batch([put("d", vec![1; 50_000])])).await.expect("without a quota there is no bound");
}

pub async fn appended_records_count_in_the_quota(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let mut appended = 0;
    while let Ok(committed) = within(&*engine, 50_000, vec![append("log/", 0, vec![1; 4_000])]).await {
        assert!(committed.number > 0);
        appended += 1;
        assert!(appended < 20, "appended records are not counted");
    }
    assert!(appended >= 10, "only {appended} of 4,000 bytes found room in 50,000");
    let (first, _) = content(&*engine).await.swap_remove(0);
    engine.commit(batch([Change { key: first, ..delete("") }])).await.unwrap();
    within(&*engine, 50_000, vec![append("log/", 0, vec![1; 4_000])])
        .await
        .expect("what is deleted makes room");
    let outcome = within(&*engine, 50_000, vec![append("log/", 0, vec![1; 4_000])]).await;
    assert!(refused(&outcome), "{outcome:?}");
}

pub async fn what_has_expired_is_absent(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let at = fixture.clock().now() + Duration::from_secs(10);
    let records = ["a", "b", "n"].map(|name| put_record(name, expiring(vec![b'5'; 1], at)));
    let large = put_record("large", expiring(vec![1; 10_000], at));
    engine.commit(batch([records.to_vec(), vec![large]].concat())).await.unwrap();
    let early = engine.snapshot().await.unwrap();
    fixture.clock().advance(Duration::from_millis(9_999));
    assert_eq!(content(&*engine).await.len(), 4, "gone a millisecond early");
    let outcome = within(&*engine, 15_000, vec![put("b", vec![1; 10_000])]).await;
    assert!(refused(&outcome), "{outcome:?}");
    fixture.clock().advance(Duration::from_millis(1));
    assert_eq!(content(&*engine).await, []);
    assert_eq!(engine.snapshot().await.unwrap().get(&key("a")).await.unwrap(), None);
    let outcome = engine.commit(batch([verify("a", Expect::Present)])).await;
    assert!(matches!(outcome, Err(Error::Conflict { found: None, .. })), "{outcome:?}");
    let absent =
        Batch { checks: vec![check("a", Expect::Absent)], ..batch([countdown("a", &["x"]), add("n", 1)]) };
    assert_eq!(engine.commit(absent).await.unwrap().sums, [None, Some(1)], "a counter begins anew");
    within(&*engine, 15_000, vec![put("b", vec![1; 10_000])]).await.expect("what has expired makes room");
    assert_eq!(early.get(&key("a")).await.unwrap().unwrap().value, "5", "an early snapshot stays as it was");
}
