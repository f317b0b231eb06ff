//! Laws: several steps as one.

use super::{
    Fixture,
    steps::{add, check, delete, everything, key, keys, set, v},
};
use crate::state::{Error, Expect, Failure, Range, Step};

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
