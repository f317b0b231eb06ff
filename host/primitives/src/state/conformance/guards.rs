//! Laws: writes with an expectation.

use super::{
    Fixture,
    steps::{add, check, delete, key, set, v, value_of},
};
use crate::state::{Error, Expect, Step, StoreExt as _};

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
