//! Laws: what a unit takes.

use super::*;

const BOUNDS: Bounds = Bounds { entries: 20, bytes: 10_000 };

fn is_full(outcome: &Result<impl Sized, Error>, what: &str) -> bool {
    matches!(outcome, Err(Error::Held { what: full, .. }) if *full == what)
}

pub async fn what_is_held_is_bounded(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let names: Vec<_> = (0..30).map(|number| format!("k{number:02}")).collect();
    let rows: Vec<_> = names.iter().map(|name| put(name, "1")).collect();
    commit(&*engine, rows.clone()).await.unwrap();
    let begin = || Unit::new(engine.clone(), fixture.clock().now(), BOUNDS);
    let large = "x".repeat(3_500);

    let unit = begin();
    commit(&unit, rows[..15].to_vec()).await.unwrap();
    let size = unit.size();
    let over = [vec![put("k00", "changed"), append("log/", 0, "1")], rows[15..].to_vec()].concat();
    for (what, changes) in [
        ("entries", over),
        ("bytes", vec![put("k00", &large), put("k01", &large), put("k02", &large), put("k03", &large)]),
    ] {
        let outcome = commit(&unit, changes).await;
        assert!(is_full(&outcome, what), "{outcome:?}");
        assert_eq!(unit.size(), size, "a part is held");
        assert_eq!(value_of(&begin(), "k00").await.as_deref(), Some("1"));
    }
    commit(&unit, rows[15..20].to_vec()).await.expect("there is room for these");
    commit(&unit, rows[..20].to_vec()).await.expect("these are there already");
    let outcome = unit.get(&key("k29")).await;
    assert!(is_full(&outcome, "entries"), "{outcome:?}");
    unit.peek(&key("k29")).await.expect("this is not remembered");
    assert!(unit.get(&key("k00")).await.unwrap().is_some(), "nor this: it is its own");
    end(fixture, &unit).await.expect("one that is full can be committed");

    let unit = begin();
    let outcome = unit.scan(&span(""), page_of(20)).await;
    assert!(is_full(&outcome, "entries"), "{outcome:?}");
    assert_eq!((unit.scan(&span(""), page_of(10)).await.unwrap().0.len(), unit.size().0), (10, 12));

    // The same again and again takes no more than once, also where it can be undone.
    let unit = begin();
    commit(&unit, [put("k00", &large)]).await.unwrap();
    let size = unit.size();
    let nested = unit.savepoint();
    for number in 0..1_000 {
        commit(&unit, [put("k00", &format!("{number}{large}")), put("own", &number.to_string())])
            .await
            .unwrap();
    }
    assert_eq!(unit.size().0, size.0 + 2, "what it comes back to, and its own");
    assert!(unit.size().1 > 2 * size.1, "what it comes back to is held");
    let deeper = unit.savepoint();
    let outcome = commit(&unit, [put("k00", &large)]).await;
    assert!(is_full(&outcome, "bytes"), "{outcome:?}");
    commit(&unit, [delete("k00"), delete("own")]).await.unwrap();
    drop(deeper);
    drop(nested);
    assert_eq!(unit.size(), size);
    let nested = unit.savepoint();
    commit(&unit, [put("k00", &large), put("k00", &large)]).await.unwrap();
    nested.keep();
    assert_eq!(unit.size(), size, "what is kept has nothing to come back to");

    // So are acts: what needs them does not happen.
    let (unit, acts) = (begin(), Acts::default());
    (0..1_000).for_each(|_| unit.afterwards(acts.one()));
    let outcome = commit(&unit, [put("effect", "1")]).await;
    assert!(is_full(&outcome, "entries"), "{outcome:?}");
    let outcome = end(fixture, &unit).await;
    assert!(is_full(&outcome, "entries"), "{outcome:?}");
    assert_eq!((acts.done(), value_of(&*engine, "effect").await), (0, None));
}
