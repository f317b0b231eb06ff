//! Laws: parts of a unit.

use super::*;

pub async fn a_nested_call_is_undone_alone(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let (outer, inner) = (Acts::default(), Acts::default());
    commit(&*engine, ["a", "b", "c", "n"].map(|name| put(name, "1"))).await.unwrap();
    let unit = unit(fixture);
    commit(&unit, [put("a", "outer"), delete("b"), add_blindly("n", 1), append("log/", 0, "outer")])
        .await
        .unwrap();
    unit.afterwards(outer.one());
    let (shown, size) = (content(&unit).await, unit.size());
    let nested = unit.savepoint();
    commit(&unit, [put("a", "inner"), put("b", "inner"), delete("c"), put("new", "inner")]).await.unwrap();
    commit(&unit, [put("a", "again"), add_blindly("n", 5), append("log/", 0, "inner")]).await.unwrap();
    unit.afterwards(inner.one());
    // One in it that is kept is undone with it.
    let kept = unit.savepoint();
    commit(&unit, [put("kept", "1"), delete("new"), put("a", "innermost")]).await.unwrap();
    unit.afterwards(inner.one());
    kept.keep();
    assert_eq!(value_of(&unit, "a").await.as_deref(), Some("innermost"));
    drop(nested);
    assert_eq!(unit.size(), size);
    assert_eq!(content(&unit).await, shown);
    // One that is kept stays, but for what was undone in it.
    let nested = unit.savepoint();
    commit(&unit, [put("c", "kept"), append("log/", 0, "kept")]).await.unwrap();
    unit.afterwards(outer.one());
    let undone = unit.savepoint();
    commit(&unit, [put("c", "undone"), append("log/", 0, "undone")]).await.unwrap();
    unit.afterwards(inner.one());
    drop(undone);
    nested.keep();
    end(fixture, &unit).await.unwrap();
    let found = list(&*engine, &span(""), WHOLE).await;
    let (log, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|(name, _)| name.starts_with("log/"));
    assert_eq!(rest, pairs([("a", "outer"), ("c", "kept"), ("n", "2")]));
    assert_eq!(log.iter().map(|(_, value)| &**value).collect::<Vec<_>>(), ["outer", "kept"]);
    assert_eq!((outer.done(), inner.done()), (2, 0));
    what_an_undone_call_read_still_counts(fixture).await;
    savepoints_end_with_the_one_around_them(fixture).await;
}

/// The caller may have been told.
async fn what_an_undone_call_read_still_counts(fixture: &impl Fixture) {
    let (engine, unit) = (fixture.engine(), unit(fixture));
    let nested = unit.savepoint();
    assert!(value_of(&unit, "a").await.is_some());
    drop(nested);
    commit(&unit, [put("effect", "1")]).await.unwrap();
    commit(&*engine, [put("a", "changed")]).await.unwrap();
    let outcome = end(fixture, &unit).await;
    assert!(matches!(outcome, Err(Error::Stale { .. })), "{outcome:?}");
}

async fn savepoints_end_with_the_one_around_them(fixture: &impl Fixture) {
    for (is_kept, expected) in [(true, Some("inner")), (false, None)] {
        let unit = unit(fixture);
        let (around, within) = (unit.savepoint(), unit.savepoint());
        commit(&unit, [put("x", "inner")]).await.unwrap();
        match is_kept {
            true => around.keep(),
            false => drop(around),
        }
        let later = unit.savepoint();
        drop(within);
        assert_eq!(value_of(&unit, "x").await.as_deref(), expected);
        later.keep();
    }
}
