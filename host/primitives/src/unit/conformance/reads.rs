//! Laws: what a unit shows, and what it remembers of that.

use super::*;

pub async fn reads_are_of_one_moment(fixture: &impl Fixture) {
    let engine = fixture.engine();
    commit(&*engine, [put("a", "1"), put("b", "1")]).await.unwrap();
    let unit = unit(fixture);
    assert_eq!(value_of(&unit, "a").await.as_deref(), Some("1"));
    commit(&*engine, [put("a", "2"), put("b", "2"), put("c", "2")]).await.unwrap();
    assert_eq!(value_of(&unit, "b").await.as_deref(), Some("1"));
    assert_eq!(value_of(&unit, "c").await, None);
    assert_eq!(unit.peek(&key("b")).await.unwrap(), Some(record("1")));
    assert_eq!(list(&unit, &span(""), WHOLE).await, pairs([("a", "1"), ("b", "1")]));
    assert_eq!(commit(&unit, [add("b", 1)]).await.unwrap().sums, [Some(2)]);
    // And while others never stop.
    let writer = tokio::spawn(async move {
        for number in 3..300 {
            let value = number.to_string();
            commit(&*engine, [put("a", &value), put("b", &value)]).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    while !writer.is_finished() {
        let unit = unit_of(fixture, fixture.engine());
        let a = value_of(&unit, "a").await;
        tokio::task::yield_now().await;
        assert_eq!(value_of(&unit, "b").await, a);
    }
    writer.await.unwrap();
}

pub async fn its_own_writes_are_seen(fixture: &impl Fixture) {
    let (engine, now) = (fixture.engine(), fixture.clock().now());
    let start = ["a", "b", "c", "d", "e", "n"].map(|name| put(name, "1"));
    commit(&*engine, start).await.unwrap();
    let unit = unit(fixture);
    commit(&unit, [put("b", "own"), delete("c"), delete("never there"), put("bb", "new")]).await.unwrap();
    commit(&unit, [expiring("d", "over", now), expiring("e", "for now", now + SECOND)]).await.unwrap();
    commit(&unit, [add_blindly("n", 2), add_blindly("m", 3), put("gone", "1"), delete("gone")])
        .await
        .unwrap();
    let shown = [("a", "1"), ("b", "own"), ("bb", "new"), ("e", "for now"), ("m", "3"), ("n", "3")];
    for (name, value) in shown {
        assert_eq!(value_of(&unit, name).await.as_deref(), Some(value), "{name}");
        assert_eq!(unit.peek(&key(name)).await.unwrap().unwrap().value, value, "{name}");
    }
    for name in ["c", "d", "gone", "never there"] {
        assert_eq!(value_of(&unit, name).await, None, "{name}");
        assert_eq!(unit.peek(&key(name)).await.unwrap(), None, "{name}");
    }
    let mut expected = pairs(shown);
    for reverse in [false, true] {
        for size in [1, 2, 3, 100] {
            let (mut found, mut rest) = (vec![], Span { reverse, ..span("") });
            loop {
                let page = list(&unit, &rest, page_of(size)).await;
                let Some((last, _)) = page.last() else { break };
                match reverse {
                    true => rest.end = Some(key(last)),
                    false => rest.start = key(&format!("{last}\0")),
                }
                assert!(page.len() <= size);
                found.extend(page);
            }
            assert_eq!(found, expected, "{size} at a time, {reverse}");
        }
        expected.reverse();
    }
    let outcome = commit(&unit, [verify("c", Expect::Present)]).await;
    assert!(matches!(outcome, Err(Error::Conflict { change: 0, found: None })), "{outcome:?}");
    let shown = content(&unit).await;
    end(fixture, &unit).await.unwrap();
    assert_eq!(content(&*engine).await, shown, "what it showed is what it left");
    of_batches_at_once_each_sees_the_others(fixture).await;
}

async fn of_batches_at_once_each_sees_the_others(fixture: &impl Fixture) {
    let unit = unit_of(fixture, Arc::new(Pausing(fixture.engine())));
    let adding = (0..8).map(|_| {
        let unit = unit.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                commit(&unit, [add("at once", 1), add_blindly("other", 1)]).await.unwrap();
            }
        })
    });
    for adding in adding.collect::<Vec<_>>() {
        adding.await.unwrap();
    }
    assert_eq!(value_of(&unit, "at once").await.as_deref(), Some("400"));
}

/// How something is read, by name.
const READS: [&str; 6] = ["get", "sum", "expectation", "check", "listing", "refused addition"];

/// Reads `name` in this way. The number that is there has no room for more.
async fn read(unit: &Unit, how: &str, name: &str, is_there: bool) {
    let expect = if is_there { Expect::Present } else { Expect::Absent };
    match how {
        "get" => assert_eq!(value_of(unit, name).await.is_some(), is_there),
        "sum" => _ = commit(unit, [add(name, -1)]).await.unwrap(),
        "expectation" => _ = commit(unit, [verify(name, expect)]).await.unwrap(),
        "check" => {
            let checks = vec![Check { key: key(name), expect }];
            unit.engine().commit(Batch { checks, ..Batch::default() }).await.unwrap();
        }
        "listing" => assert_eq!(list(unit, &span(name), WHOLE).await.len(), usize::from(is_there)),
        "refused addition" if is_there => {
            let outcome = commit(unit, [add_blindly(name, 1)]).await;
            assert!(matches!(outcome, Err(Error::Overflow { change: 0 })), "{outcome:?}");
        }
        "refused addition" => {
            let outcome = commit(unit, [add_blindly(name, i64::MAX), add(name, 1)]).await;
            assert!(matches!(outcome, Err(Error::Overflow { change: 1 })), "{outcome:?}");
        }
        _ => panic!("{how} is no way to read"),
    }
}

pub async fn a_changed_read_refuses_the_unit(fixture: &impl Fixture) {
    let (engine, full) = (fixture.engine(), i64::MAX.to_string());
    for how in READS {
        let soon = fixture.clock().now() + SECOND;
        let cases = [
            ("written", Some(put("x", &full)), Some(put("x", "2"))),
            ("deleted", Some(put("x", &full)), Some(delete("x"))),
            ("added to", Some(put("x", &full)), Some(add("x", -2))),
            ("expired", Some(expiring("x", &full, soon)), None),
            ("created", None, Some(put("x", "1"))),
        ];
        for (what, before, change) in cases {
            let is_there = before.is_some();
            commit(&*engine, [before.unwrap_or_else(|| delete("x"))]).await.unwrap();
            let unit = unit(fixture);
            read(&unit, how, "x", is_there).await;
            commit(&unit, [put("effect", what)]).await.unwrap();
            match change {
                Some(change) => _ = commit(&*engine, [change]).await.unwrap(),
                None => fixture.clock().advance(SECOND),
            }
            let outcome = end(fixture, &unit).await;
            assert!(
                matches!(&outcome, Err(Error::Stale { key: stale }) if *stale == key("x")),
                "{how}, {what}: {outcome:?}"
            );
            assert_eq!(value_of(&*engine, "effect").await, None, "{how}, {what}");
        }
        // And if nothing has changed, it happens.
        commit(&*engine, [put("x", &full)]).await.unwrap();
        let unit = unit(fixture);
        read(&unit, how, "x", true).await;
        commit(&unit, [put("effect", "1")]).await.unwrap();
        commit(&*engine, [put("other", how)]).await.unwrap();
        end(fixture, &unit).await.unwrap();
        commit(&*engine, [delete("effect")]).await.unwrap();
    }
}

pub async fn a_phantom_refuses_the_unit(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let cases = [
        ("the first", put("r/a", "new"), "r/a"),
        ("one between", put("r/bb", "new"), "r/bb"),
        ("the last", put("r/z", "new"), "r/z"),
        ("another version", put("r/b", "new"), "r/b"),
        ("one less", delete("r/c"), "r/c"),
        ("one under an own write", put("r/own", "new"), "r/own"),
        ("one under an own deletion", delete("r/d"), "r/d"),
    ];
    let mut seen = 0;
    for (what, change, stale) in cases {
        for (reverse, page) in [(false, 100), (true, 100), (false, 2), (true, 2)] {
            commit(&*engine, [delete("r/a"), delete("r/bb"), delete("r/z"), delete("r/own")]).await.unwrap();
            commit(&*engine, ["r/b", "r/c", "r/d"].map(|name| put(name, "1"))).await.unwrap();
            let unit = unit(fixture);
            commit(&unit, [put("r/own", "mine"), delete("r/d"), put("effect", what)]).await.unwrap();
            let mut rest = Span { reverse, ..span("r/") };
            while let Some((last, _)) = list(&unit, &rest, page_of(page)).await.last() {
                match reverse {
                    true => rest.end = Some(key(last)),
                    false => rest.start = key(&format!("{last}\0")),
                }
            }
            commit(&*engine, [change.clone()]).await.unwrap();
            let outcome = end(fixture, &unit).await;
            assert!(
                matches!(&outcome, Err(Error::Stale { key: found }) if *found == key(stale)),
                "{what}, pages of {page}, {reverse}: {outcome:?}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 28);
    // What was empty is a listing, too.
    let unit = unit(fixture);
    assert_eq!(list(&unit, &span("none/"), WHOLE).await, []);
    commit(&unit, [put("effect", "1")]).await.unwrap();
    commit(&*engine, [put("none/x", "1")]).await.unwrap();
    let outcome = end(fixture, &unit).await;
    assert!(matches!(&outcome, Err(Error::Stale { key: found }) if *found == key("none/x")), "{outcome:?}");
    assert_eq!(value_of(&*engine, "effect").await, None);
    // A span that can hold no key remembers nothing.
    let unit = unit_of(fixture, engine.clone());
    assert_eq!(list(&unit, &Span { start: key("z"), end: Some(key("a")), reverse: false }, WHOLE).await, []);
    assert_eq!(unit.size(), (0, 0));
}

pub async fn what_was_not_listed_does_not_matter(fixture: &impl Fixture) {
    let engine = fixture.engine();
    // The names are of a listing from the first to the last; backwards, "a" is where "e" was.
    for reverse in [false, true] {
        let names = if reverse { ["e", "d", "c", "b", "a"] } else { ["a", "b", "c", "d", "e"] };
        let [first, second, third, fourth, fifth] = names;
        let (between, behind) = if reverse { ("cz", "A") } else { ("ba", "z") };
        let cases = [
            (vec![put(fifth, "2"), delete(fourth)], true),
            (vec![put(third, "2")], true),
            (vec![put(behind, "2"), put(between, "2")], true),
            // It has shown that there is more.
            (vec![delete(third)], false),
            (vec![put(second, "2")], false),
            (vec![delete(first)], false),
        ];
        for (changes, expected) in cases {
            commit(&*engine, names.map(|name| put(name, "1"))).await.unwrap();
            commit(&*engine, ["A", "z", "ba", "cz"].map(delete)).await.unwrap();
            let unit = unit(fixture);
            let span = Span { reverse, ..span("") };
            let (found, more) = unit.scan(&span, page_of(2)).await.unwrap();
            assert_eq!((found.len(), more), (2, true));
            commit(&unit, [append("log/", 0, "1")]).await.unwrap();
            commit(&*engine, changes.clone()).await.unwrap();
            let outcome = end(fixture, &unit).await;
            assert_eq!(outcome.is_ok(), expected, "{reverse} {changes:?}: {outcome:?}");
            for (key, _) in content(&*engine).await.iter().filter(|(key, _)| key.len() > 15) {
                commit(&*engine, [Change { key: key.clone(), ..delete("") }]).await.unwrap();
            }
        }
    }
    // What has only shown that there is more, and is read then, has been read.
    let unit = unit(fixture);
    assert!(unit.scan(&span(""), page_of(2)).await.unwrap().1);
    assert!(value_of(&unit, "c").await.is_some());
    commit(&unit, [put("effect", "1")]).await.unwrap();
    commit(&*engine, [put("c", "changed")]).await.unwrap();
    let outcome = end(fixture, &unit).await;
    assert!(matches!(&outcome, Err(Error::Stale { key: stale }) if *stale == key("c")), "{outcome:?}");
}

pub async fn what_was_peeked_at_may_change(fixture: &impl Fixture) {
    let engine = fixture.engine();
    for is_read_too in [false, true] {
        commit(&*engine, [put("a", "1"), delete("b")]).await.unwrap();
        let unit = unit(fixture);
        assert_eq!(unit.peek(&key("a")).await.unwrap(), Some(record("1")));
        assert_eq!(unit.peek(&key("b")).await.unwrap(), None);
        assert_eq!(unit.size(), (0, 0), "nothing is remembered");
        commit(&*engine, [put("a", "2"), put("b", "2")]).await.unwrap();
        if is_read_too {
            assert_eq!(value_of(&unit, "a").await.as_deref(), Some("1"), "the same moment");
        }
        commit(&unit, [put("effect", "1")]).await.unwrap();
        let outcome = end(fixture, &unit).await;
        assert_eq!(outcome.is_err(), is_read_too, "{outcome:?}");
    }
}

pub async fn blind_additions_do_not_conflict(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let units = [unit(fixture), unit(fixture), unit(fixture)];
    for unit in &units {
        assert_eq!(commit(unit, [add_blindly("n", 2)]).await.unwrap().sums, [None]);
        commit(unit, [add_blindly("n", 3), add_blindly("n", -1)]).await.unwrap();
    }
    commit(&*engine, [put("n", "10")]).await.unwrap();
    // Who looks, has read.
    assert_eq!(value_of(&units[1], "n").await.as_deref(), Some("4"));
    end(fixture, &units[0]).await.unwrap();
    let outcome = end(fixture, &units[1]).await;
    assert!(matches!(&outcome, Err(Error::Stale { key: stale }) if *stale == key("n")), "{outcome:?}");
    end(fixture, &units[2]).await.unwrap();
    assert_eq!(value_of(&*engine, "n").await.as_deref(), Some("18"));
    // What cannot be added is refused at once.
    let (text, max) = ("no number", i64::MAX.to_string());
    commit(&*engine, [put("text", text), put("max", &max), put("less", "-5")]).await.unwrap();
    let unit = unit(fixture);
    let outcome = commit(&unit, [add_blindly("text", 1)]).await;
    assert!(matches!(outcome, Err(Error::NotANumber { change: 0 })), "{outcome:?}");
    commit(&unit, [add_blindly("max", -1)]).await.unwrap();
    let outcome = commit(&unit, [add_blindly("max", 1), add_blindly("max", 1)]).await;
    assert!(matches!(outcome, Err(Error::Overflow { change: 1 })), "{outcome:?}");
    // Both fit, though not together.
    commit(&unit, [add_blindly("less", i64::MAX), add_blindly("less", 3)]).await.unwrap();
    end(fixture, &unit).await.unwrap();
    assert_eq!(value_of(&*engine, "less").await, Some((i64::MAX - 2).to_string()));
    assert_eq!(value_of(&*engine, "max").await, Some((i64::MAX - 1).to_string()));
    // What cannot be added any more is a change like others.
    for value in [text, &max] {
        let unit = unit_of(fixture, engine.clone());
        commit(&unit, [add_blindly("n", 1)]).await.unwrap();
        let before = value_of(&*engine, "n").await.unwrap();
        commit(&*engine, [put("n", value)]).await.unwrap();
        let outcome = end(fixture, &unit).await;
        assert!(matches!(&outcome, Err(Error::Stale { key: stale }) if *stale == key("n")), "{outcome:?}");
        commit(&*engine, [put("n", &before)]).await.unwrap();
    }
}
