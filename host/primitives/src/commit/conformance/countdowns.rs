//! Laws: countdowns.

use super::{
    Fixture,
    batches::{batch, check, content, countdown, delete, key, put, put_record, record, v, value_of},
};
use crate::commit::{Batch, Error, Expect, Record};

pub async fn a_countdown_deletes_exactly_at_zero(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let counter = Record { media_type: Some("text/plain".into()), ..record("3") };
    engine
        .commit(batch([put_record("n", counter), put("x", "x"), put("y", "y"), put("z", "z")]))
        .await
        .unwrap();
    for left in [2, 1] {
        let sums = engine.commit(batch([countdown("n", &["x", "y"])])).await.unwrap().sums;
        assert_eq!(sums, [Some(left)]);
        let found = engine.snapshot().await.unwrap().get(&key("n")).await.unwrap().unwrap();
        assert_eq!((found.version, &*found.value), (v(3), left.to_string().as_bytes()));
        assert_eq!(found.media_type.as_deref(), Some("text/plain"), "what else it was stays");
        assert_eq!(content(&*engine).await.len(), 4, "something was deleted too early");
    }
    let sums = engine.commit(batch([countdown("n", &["x", "y", "never there"])])).await.unwrap().sums;
    assert_eq!(sums, [Some(0)]);
    assert_eq!(content(&*engine).await, [(key("z"), record("z"))]);
    // Within one batch, and of what was nothing before.
    for (value, sums) in [("2", vec![Some(1), Some(0), None]), ("0", vec![Some(0), None, None])] {
        engine.commit(batch([put("n", value), put("x", "x")])).await.unwrap();
        let down = || countdown("n", &["x"]);
        assert_eq!(engine.commit(batch([down(), down(), down()])).await.unwrap().sums, sums);
        assert_eq!(content(&*engine).await, [(key("z"), record("z"))]);
    }
    engine.commit(batch([put("n", i64::MIN.to_string())])).await.unwrap();
    let outcome = engine.commit(batch([countdown("n", &["z"])])).await;
    assert!(matches!(outcome, Err(Error::Overflow { change: 0 })), "{outcome:?}");
}

pub async fn a_countdown_of_nothing_changes_nothing(fixture: &impl Fixture) {
    let engine = fixture.engine();
    engine.commit(batch([put("x", "x"), put("n", "1")])).await.unwrap();
    let sums =
        engine.commit(batch([delete("n"), countdown("n", &["x"]), countdown("m", &["x"])])).await.unwrap();
    assert_eq!(sums.sums, [None; 3]);
    assert_eq!(value_of(&*engine, "x").await.as_deref(), Some(&b"x"[..]));
    assert_eq!(content(&*engine).await.len(), 1);
    let expect = Batch { checks: vec![check("n", Expect::Absent)], ..batch([countdown("n", &["x"])]) };
    engine.commit(expect).await.expect("it is still absent");
}
