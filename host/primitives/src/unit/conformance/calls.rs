//! Laws: calls that fail, and calls that give up.

use tokio::sync::Notify;

use super::{
    races::{Heard, transactions},
    *,
};

pub async fn a_discarded_call_leaves_nothing(fixture: &impl Fixture) {
    let (engine, heard, acts) = (fixture.engine(), Arc::new(Heard::default()), Acts::default());
    let deadline = fixture.clock().now() + SECOND;
    let outcome = transactions(fixture, &heard, 5)
        .run(deadline, async |unit: Unit| {
            commit(&unit, [put("a", "1"), add("n", 1), append("log/", 0, "x")]).await.unwrap();
            unit.afterwards(acts.one());
            Run::Discard("its answer")
        })
        .await;
    assert_eq!(outcome.unwrap(), "its answer");
    assert_eq!((content(&*engine).await, acts.done(), heard.keys()), (vec![], 0, vec![]));
}

pub async fn who_gives_up_names_the_key(fixture: &impl Fixture) {
    let engine = fixture.engine();
    for limit in [1, 5] {
        let heard = Arc::new(Heard::default());
        let deadline = fixture.clock().now() + SECOND;
        let mut runs = 0;
        let outcome = transactions(fixture, &heard, limit)
            .run(deadline, |unit| {
                runs += 1;
                let (engine, value) = (engine.clone(), format!("{limit} {runs}"));
                async move {
                    value_of(&unit, "quiet").await;
                    value_of(&unit, "hot").await;
                    commit(&unit, [put("effect", "1")]).await.unwrap();
                    commit(&*engine, [put("hot", &value)]).await.unwrap();
                    Run::Keep(())
                }
            })
            .await;
        assert!(
            matches!(&outcome, Err(Failed::Busy { runs, key: lost }) if *runs == limit && *lost == key("hot")),
            "{outcome:?}"
        );
        assert_eq!((runs, heard.keys()), (limit, vec![key("hot"); limit as usize]));
        assert_eq!(value_of(&*engine, "effect").await, None);
    }
}

pub async fn a_deadline_ends_the_runs(fixture: &impl Fixture) {
    let (engine, clock) = (fixture.engine(), fixture.clock());
    let calls = transactions(fixture, &Arc::default(), 5);
    // It has passed when a run was in vain.
    let outcome = calls
        .run(clock.now() + SECOND, async |unit: Unit| {
            value_of(&unit, "hot").await;
            commit(&unit, [put("effect", "1")]).await.unwrap();
            commit(&*engine, [put("hot", "1")]).await.unwrap();
            clock.advance(2 * SECOND);
            Run::Keep(())
        })
        .await;
    assert!(matches!(outcome, Err(Failed::Busy { runs: 1, .. })), "{outcome:?}");
    // It passes while another has its turn, and does not end.
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = tokio::spawn({
        let (calls, engine) = (calls.clone(), engine.clone());
        let (begun, go_on) = (begun.clone(), go_on.clone());
        let (deadline, mut runs) = (clock.now() + 60 * SECOND, 0);
        async move {
            let call = |unit: Unit| {
                runs += 1;
                let (run, engine, begun, go_on) = (runs, engine.clone(), begun.clone(), go_on.clone());
                async move {
                    value_of(&unit, "hot").await;
                    commit(&unit, [put("effect", "slow")]).await.unwrap();
                    match run {
                        1 => _ = commit(&*engine, [put("hot", "2")]).await.unwrap(),
                        _ => {
                            begun.notify_one();
                            go_on.notified().await;
                        }
                    }
                    Run::Keep(run)
                }
            };
            calls.run(deadline, call).await
        }
    });
    begun.notified().await;
    let quick = calls.run(clock.now() + SECOND, async |unit: Unit| {
        value_of(&unit, "hot").await;
        commit(&unit, [put("other", "quick")]).await.unwrap();
        commit(&*engine, [put("hot", "3")]).await.unwrap();
        Run::Keep(())
    });
    let waiting = async {
        while clock.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        clock.advance(SECOND);
    };
    let (outcome, ()) = tokio::join!(quick, waiting);
    assert!(matches!(outcome, Err(Failed::Busy { runs: 1, .. })), "{outcome:?}");
    go_on.notify_one();
    begun.notified().await;
    go_on.notify_one();
    let outcome = slow.await.unwrap();
    assert!(matches!(outcome, Ok(3)), "{outcome:?}");
}
