//! Laws: the end of a unit, and what comes after it.

use std::{
    sync::Mutex,
    task::{Context, Waker},
};

use super::*;

pub async fn all_of_a_unit_or_none(fixture: &impl Fixture) {
    let engine = fixture.engine();
    commit(&*engine, [put("a", "1"), put("gone", "1"), put("count", "1"), put("last", "1")]).await.unwrap();
    for is_changed in [true, false] {
        let unit = unit(fixture);
        assert!(value_of(&unit, "a").await.is_some());
        commit(&unit, [put("b", "new"), delete("gone"), countdown("count", &["last"])]).await.unwrap();
        commit(&unit, [add("n", 2), add_blindly("m", 3), append("log/", 0, "event")]).await.unwrap();
        if is_changed {
            commit(&*engine, [put("a", "2")]).await.unwrap();
        }
        let before = content(&*engine).await;
        let outcome = end(fixture, &unit).await;
        assert_eq!(outcome.is_err(), is_changed, "{outcome:?}");
        match outcome {
            Err(_) => assert_eq!(content(&*engine).await, before),
            Ok(()) => {
                let found = list(&*engine, &span(""), WHOLE).await;
                let (log, rest): (Vec<_>, _) =
                    found.into_iter().partition(|(name, _)| name.starts_with("log/"));
                assert_eq!(log.len(), 1);
                assert_eq!(rest, pairs([("a", "2"), ("b", "new"), ("m", "3"), ("n", "2")]));
            }
        }
    }
    // Nothing of a batch that is refused, but all of the others.
    let unit = unit(fixture);
    let outcome = commit(&unit, [put("x", "1"), append("log/", 1, "x"), verify("x", Expect::Absent)]).await;
    assert!(matches!(outcome, Err(Error::Conflict { change: 2, .. })), "{outcome:?}");
    assert_eq!(unit.size(), (0, 0));
    commit(&unit, [put("y", "1")]).await.unwrap();
    end(fixture, &unit).await.unwrap();
    assert_eq!((value_of(&*engine, "x").await, value_of(&*engine, "y").await), (None, Some("1".into())));
}

pub async fn nobody_sees_what_is_held(fixture: &impl Fixture) {
    let engine = fixture.engine();
    commit(&*engine, [put("a", "1"), put("b", "1")]).await.unwrap();
    let before = content(&*engine).await;
    let (unit, other) = (unit(fixture), unit_of(fixture, engine.clone()));
    commit(&unit, [put("a", "2"), delete("b"), add("n", 1), append("log/", 0, "x")]).await.unwrap();
    assert_eq!(content(&*engine).await, before);
    assert_eq!(content(&other).await, before, "nor another unit");
    drop(unit);
    assert_eq!(content(&*engine).await, before, "and one that is given up has never been");
}

pub async fn acts_come_after_the_commit(fixture: &impl Fixture) {
    let (engine, acts) = (fixture.engine(), Acts::default());
    commit(&*engine, [put("a", "1")]).await.unwrap();
    let begin = |engine: &Arc<dyn Engine>, acts: &Acts| {
        let unit = unit_of(fixture, engine.clone());
        unit.afterwards(acts.one());
        unit
    };
    // With the commit, and only then.
    let unit = begin(&engine, &acts);
    commit(&unit, [put("b", "1")]).await.unwrap();
    let seen = (fixture.engine(), Arc::new(Mutex::new(None)));
    let (others, found) = seen.clone();
    unit.afterwards(Box::new(move || *found.lock().unwrap() = Some(others)));
    assert_eq!(acts.done(), 0, "before the commit");
    end(fixture, &unit).await.unwrap();
    assert_eq!(acts.done(), 1);
    let found = seen.1.lock().unwrap().take().expect("every act is done");
    assert_eq!(value_of(&*found, "b").await.as_deref(), Some("1"));
    // Without changes there is nothing to wait for.
    end(fixture, &begin(&engine, &acts)).await.unwrap();
    assert_eq!(acts.done(), 2);
    // Not without it.
    drop(begin(&engine, &acts));
    let unit = begin(&engine, &acts);
    assert!(value_of(&unit, "a").await.is_some());
    commit(&unit, [put("b", "2")]).await.unwrap();
    commit(&*engine, [put("a", "2")]).await.unwrap();
    end(fixture, &unit).await.unwrap_err();
    assert_eq!(acts.done(), 2, "of a refused one");
    // It may be there: whoever waits for it is to look.
    for (answer, done) in [(Some(Error::Unknown("why".into())), 3), (Some(Error::Busy(None)), 3), (None, 4)] {
        let unit = begin(&(Arc::new(Answering { engine: engine.clone(), answer }) as _), &acts);
        commit(&unit, [put("b", "3")]).await.unwrap();
        let mut ended = Box::pin(end(fixture, &unit));
        _ = ended.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(ended);
        assert_eq!(acts.done(), done);
    }
}

/// Makes room by deleting a record, if it is told to.
struct Deleting {
    engine: Arc<dyn Engine>,
    willing: bool,
    asked: Acts,
}

#[async_trait::async_trait]
impl Room for Deleting {
    async fn make(&self, deadline: Timestamp) -> bool {
        assert!(deadline > Timestamp::default());
        self.asked.one()();
        if self.willing {
            commit(&*self.engine, [delete("large")]).await.unwrap();
        }
        self.willing
    }
}

pub async fn room_is_made(fixture: &impl Fixture) {
    let (engine, large) = (fixture.engine(), "x".repeat(10_000));
    let account = Bytes::from_static(b"app/law/s/");
    let within = |max_bytes, changes: Vec<Change>| {
        let quotas = vec![Quota { account: account.clone(), max_bytes }];
        Batch { quotas, ..batch(changes) }
    };
    commit(&*engine, [put("large", &large)]).await.unwrap();
    let cases = [
        ("nobody to ask", None, account.clone(), 0, false),
        ("of another account", Some(true), "app/law/t/".into(), 0, false),
        ("unwilling", Some(false), account.clone(), 1, false),
        ("willing", Some(true), account.clone(), 1, true),
    ];
    for (what, willing, of, times, expected) in cases {
        let (unit, asked, acts) = (unit(fixture), Acts::default(), Acts::default());
        if let Some(willing) = willing {
            let room = Deleting { engine: engine.clone(), willing, asked: asked.clone() };
            unit.on_full(of, Arc::new(room));
        }
        unit.afterwards(acts.one());
        Engine::commit(&unit, within(15_000, vec![put("new", &large)]))
            .await
            .expect("quotas wait for the end");
        let outcome = end(fixture, &unit).await;
        let is_full = matches!(&outcome, Err(Error::Quota { account: full, .. }) if *full == account);
        assert_eq!((outcome.is_ok(), is_full), (expected, !expected), "{what}: {outcome:?}");
        assert_eq!((asked.done(), acts.done()), (times, usize::from(expected)), "{what}");
        assert_eq!(value_of(&*engine, "new").await.is_some(), expected, "{what}");
    }
    // The strictest of several bounds, and of the unit as a whole.
    let unit = unit(fixture);
    Engine::commit(&unit, within(u64::MAX, vec![put("more", &large)])).await.unwrap();
    Engine::commit(&unit, within(15_000, vec![delete("more")])).await.unwrap();
    Engine::commit(&unit, within(u64::MAX, vec![put("new", "small")])).await.unwrap();
    end(fixture, &unit).await.expect("there is room for what is left");
}

pub async fn reading_needs_no_commit(fixture: &impl Fixture) {
    let engine = fixture.engine();
    commit(&*engine, [put("a", "1")]).await.unwrap();
    let answer = Some(Error::Unavailable("no commit was needed".into()));
    let unit = unit_of(fixture, Arc::new(Answering { engine: engine.clone(), answer }));
    assert_eq!(value_of(&unit, "a").await.as_deref(), Some("1"));
    assert_eq!(list(&unit, &span(""), WHOLE).await.len(), 1);
    commit(&unit, [verify("a", Expect::Present)]).await.unwrap();
    commit(&*engine, [put("a", "2")]).await.unwrap();
    end(fixture, &unit).await.expect("what it read was true at one moment");
}

pub async fn nothing_is_held_after_the_commit(fixture: &impl Fixture) {
    let (engine, acts) = (fixture.engine(), Acts::default());
    let unit = unit(fixture);
    let (open, late) = (unit.savepoint(), unit.engine());
    commit(&unit, [put("a", "1")]).await.unwrap();
    end(fixture, &unit).await.unwrap();
    let before = content(&*engine).await;
    let outcome = commit(&*late, [put("b", "1")]).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    late.afterwards(acts.one());
    drop(open);
    let outcome = end(fixture, &unit).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    assert_eq!((content(&*engine).await, acts.done()), (before, 0));
}

pub async fn appended_records_keep_their_order(fixture: &impl Fixture) {
    let (engine, unit) = (fixture.engine(), unit(fixture));
    // The ordinals of a batch tell which of its records belong together, and nothing else.
    let batches: [&[(&str, u32, &str)]; 4] = [
        &[("log/", 0, "a"), ("index/", 0, "a"), ("log/", 1, "b"), ("index/", 1, "b")],
        &[("log/", 0, "c"), ("index/", 0, "c")],
        &[("log/", u32::MAX, "e"), ("index/", u32::MAX, "e"), ("log/", 7, "d"), ("index/", 7, "d")],
        &[("log/", u32::MAX, "f"), ("index/", u32::MAX, "f")],
    ];
    for changes in batches {
        let changes: Vec<_> = changes.iter().map(|(name, at, value)| append(name, *at, value)).collect();
        commit(&unit, changes).await.unwrap();
    }
    let outcome =
        commit(&unit, [append("log/", 3, "x"), append("log/", 4, "y"), append("log/", 3, "z")]).await;
    assert!(matches!(outcome, Err(Error::Conflict { change: 2, found: Some(_) })), "{outcome:?}");
    end(fixture, &unit).await.unwrap();
    let (mut stamps, mut values) = (vec![], vec![]);
    for prefix in ["log/", "index/"] {
        let (found, _) = engine.snapshot().await.unwrap().scan(&span_of(prefix), WHOLE).await.unwrap();
        stamps.push(found.iter().map(|(key, _)| Stamp::of(key).unwrap()).collect::<Vec<_>>());
        values.push(found.into_iter().map(|(_, record)| record.value).collect::<Vec<_>>());
    }
    assert_eq!(values, [["a", "b", "c", "d", "e", "f"]; 2]);
    assert_eq!(stamps[0], stamps[1], "what belongs together has one stamp");
    assert!(stamps[0].iter().all(|stamp| stamp.commit == stamps[0][0].commit), "one commit");
}

/// All keys with a prefix, whatever bytes follow.
fn span_of(prefix: &str) -> Span {
    let mut end = key(prefix).to_vec();
    *end.last_mut().unwrap() += 1;
    Span { start: key(prefix), end: Some(end.into()), reverse: false }
}
