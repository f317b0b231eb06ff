//! Laws: the keys that an engine makes.

use super::{
    Fixture,
    batches::{append, batch, check, content, delete, expiring, key, put, record, verify},
};
use crate::{
    clock::Clock as _,
    commit::{Action, Batch, Change, Error, Expect, Stamp},
};

pub async fn numbers_grow_with_commits(fixture: &impl Fixture) {
    let mut last = 0;
    for _ in 0..3 {
        let writers = (0..4).map(|writer: u32| {
            let engine = fixture.engine();
            tokio::spawn(async move {
                let mut own = vec![];
                for ordinal in 0..10 {
                    let value = format!("{writer} {ordinal}");
                    own.push(engine.commit(batch([append("log/", writer, value)])).await.unwrap().number);
                }
                own
            })
        });
        let mut all = vec![];
        for writer in writers.collect::<Vec<_>>() {
            let own = writer.await.unwrap();
            assert!(
                own.is_sorted_by(|one, next| one < next),
                "a later commit has no greater number: {own:?}"
            );
            all.extend(own);
        }
        all.sort_unstable();
        assert!(all.is_sorted_by(|one, next| one < next), "a number was given twice: {all:?}");
        assert!(all[0] > last, "after {last}, {} was given", all[0]);
        last = all[all.len() - 1];
        fixture.reopen().await;
    }
    let engine = fixture.engine();
    assert_eq!(content(&*engine).await.len(), 120);
    let plain = engine.commit(batch([put("a", "1")])).await.unwrap();
    assert_eq!(plain.number, 0, "a batch that appends nothing has no number");
}

pub async fn appended_keys_share_the_number(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let changes =
        [append("one/", 2, "c"), append("one/", 0, "a"), append("two/", 0, "d"), append("one/", 1, "b")];
    let committed = engine.commit(batch(changes)).await.unwrap();
    assert_eq!(committed.sums, [None; 4]);
    let stamped = |name: &str, ordinal| Stamp { commit: committed.number, ordinal }.key(&key(name));
    let expected = [("one/", 0, "a"), ("one/", 1, "b"), ("one/", 2, "c"), ("two/", 0, "d")]
        .map(|(name, ordinal, value)| (stamped(name, ordinal), record(value)));
    assert_eq!(content(&*engine).await, expected);
    let outcome =
        engine.commit(batch([Change { expect: Some(Expect::Present), ..append("one/", 0, "e") }])).await;
    assert!(matches!(outcome, Err(Error::Conflict { change: 0, found: None })), "{outcome:?}");
    engine.commit(batch([append("one/", 0, "e"), verify("one/", Expect::Absent)])).await.unwrap();
    let values: Vec<_> = content(&*engine).await.into_iter().map(|(_, record)| record.value).collect();
    assert_eq!(values, ["a", "b", "c", "e", "d"], "a later commit is behind an earlier one");
}

pub async fn two_appends_never_share_a_key(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let outcome = engine.commit(batch([append("one/", 5, "a"), append("one/", 5, "b")])).await;
    assert!(matches!(outcome, Err(Error::Conflict { change: 1, found: Some(_) })), "{outcome:?}");
    assert_eq!(content(&*engine).await, []);
    engine.commit(batch([append("one/", 5, "a"), append("one/5", 5, "b")])).await.unwrap();
    assert_eq!(content(&*engine).await.len(), 2, "other keys may have the same ordinal");
}

pub async fn a_refused_append_leaves_no_trace(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let first = engine.commit(batch([append("log/", 0, "first")])).await.unwrap().number;
    let before = content(&*engine).await;
    for _ in 0..3 {
        let refused = batch([append("log/", 0, "refused"), verify("log/", Expect::Present)]);
        engine.commit(refused).await.expect_err("nothing is under the key without a stamp");
        let stale =
            Batch { checks: vec![check("a", Expect::Present)], ..batch([append("log/", 0, "stale")]) };
        engine.commit(stale).await.expect_err("a is absent");
        assert_eq!(content(&*engine).await, before);
    }
    fixture.reopen().await;
    let engine = fixture.engine();
    assert_eq!(content(&*engine).await, before);
    let second = engine.commit(batch([append("log/", 0, "second")])).await.unwrap().number;
    assert!(second > first);
    assert_eq!(content(&*engine).await.len(), 2);
}

pub async fn a_number_without_a_key_is_still_given(fixture: &impl Fixture) {
    let mut engine = fixture.engine();
    let mut last = engine.commit(batch([append("log/", 0, "gone")])).await.unwrap().number;
    for round in 0..4 {
        // The first has expired before it is there; the others' keys are guessed, and deleted by the batch itself.
        let expired = Change {
            action: Action::Append { ordinal: 0, record: expiring("", fixture.clock().now()) },
            ..append("log/", 0, "")
        };
        let guessed = Stamp { commit: last + 1, ordinal: 0 }.key(&key("log/"));
        let changes = match round {
            0 => vec![expired],
            _ => vec![append("log/", 0, "gone"), Change { key: guessed, ..delete("") }],
        };
        let number = engine.commit(batch(changes)).await.unwrap().number;
        assert!(number > last, "after {last}, {number} was given");
        last = number;
        fixture.reopen().await;
        engine = fixture.engine();
    }
}
