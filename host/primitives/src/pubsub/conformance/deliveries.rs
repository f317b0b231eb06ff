//! Laws: leases.

use futures_util::FutureExt as _;

use super::{troubled::Troubled, *};
use crate::commit::{Action, Batch, Change};

pub async fn an_event_is_leased_once(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    for id in 0..20 {
        process.put(&id.to_string(), "").await;
    }
    let queue = Arc::new(process.queue(0));
    let takers = (0..4).map(|_| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut all = vec![];
            for _ in 0..10 {
                all.extend(queue.take(1).await.unwrap());
            }
            all
        })
    });
    let mut all = vec![];
    for taker in takers.collect::<Vec<_>>() {
        all.extend(taker.await.unwrap());
    }
    let mut found = ids(&all);
    found.sort_unstable();
    found.dedup();
    assert_eq!((found.len(), all.len()), (20, 20));
}

pub async fn a_lease_that_ran_out_goes_on(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    process.put("1", "").await;
    for attempt in 1..=3 {
        let delivery = one(&queue, "1").await;
        assert_eq!((delivery.attempt, delivery.leased_until), (attempt, process.clock.now() + LEASE));
        assert_eq!(queue.next_due().await.unwrap(), Some(delivery.leased_until));
        process.clock.advance(LEASE);
        takes(&queue, &[]).await;
        process.clock.advance(Duration::from_millis(1));
    }
    takes(&queue, &[]).await;
    assert_eq!(content(&process.topic).await, [""; 0], "three attempts are the end");
}

pub async fn what_was_not_settled_comes_again(fixture: &impl Fixture) {
    let process = Process::usual(fixture, 1);
    for id in ["1", "2", "3"] {
        process.put(id, id).await;
    }
    let queue = process.queue(0);
    let taken = takes(&queue, &["1", "2", "3"]).await;
    done(&queue, &taken[0]).await;
    assert!(matches!(queue.settle(&taken[1], retry()).await.unwrap(), Settled::Later(_)));
    drop(process);
    let process = Process::usual(fixture, 2);
    let queue = process.queue(0);
    takes(&queue, &[]).await;
    queue.recover().await.unwrap();
    process.clock.advance(Duration::from_millis(1));
    assert_eq!(one(&queue, "3").await.attempt, 2);
    process.clock.advance(2 * SECOND);
    assert_eq!(one(&queue, "2").await.attempt, 2);
    takes(&process.queue(1), &["1", "2", "3"]).await;
}

pub async fn a_stale_lease_settles_nothing(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    process.put("1", "k").await;
    let slow = one(&queue, "1").await;
    process.clock.advance(LEASE);
    takes(&queue, &[]).await;
    for outcome in [Outcome::Done, retry(), reject(), Outcome::Returned] {
        assert_eq!(queue.settle(&slow, outcome).await.unwrap(), Settled::Stale);
    }
    process.clock.advance(Duration::from_millis(1));
    let second = one(&queue, "1").await;
    assert_eq!(queue.settle(&slow, Outcome::Done).await.unwrap(), Settled::Stale);
    done(&queue, &second).await;
    assert_eq!(queue.settle(&second, Outcome::Done).await.unwrap(), Settled::Stale);
}

pub async fn a_settlement_is_told_in_the_end(fixture: &impl Fixture) {
    let engine = Troubled::new(fixture.engine());
    let process = Process::new(fixture, engine.clone(), 1, Options::default(), vec![member("a")]);
    let queue = process.queue(0);
    for (id, outcome) in [("1", Outcome::Done), ("2", reject()), ("3", retry())] {
        process.put(id, "k").await;
        let delivery = one(&queue, id).await;
        engine.answer_unknown(1);
        queue.settle(&delivery, outcome.clone()).await.unwrap_err();
        let settled = queue.settle(&delivery, outcome.clone()).await.unwrap();
        let is_right = match outcome {
            Outcome::Done => settled == Settled::Done,
            Outcome::Reject { .. } => settled == Settled::Dead,
            _ => matches!(settled, Settled::Later(_)),
        };
        assert!(is_right, "{outcome:?} made {settled:?}");
    }
}

pub async fn a_lease_of_nobody_is_no_attempt(fixture: &impl Fixture) {
    let engine = Troubled::new(fixture.engine());
    let process = Process::new(fixture, engine.clone(), 1, Options::default(), vec![member("a")]);
    let queue = process.queue(0);
    process.put("1", "k").await;
    for _ in 0..5 {
        engine.answer_unknown(1);
        queue.take(1).await.unwrap_err();
        takes(&queue, &[]).await;
        process.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(one(&queue, "1").await.attempt, 1);
}

pub async fn what_was_returned_is_not_counted(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    process.put("1", "k").await;
    for _ in 0..5 {
        let delivery = one(&queue, "1").await;
        assert_eq!(delivery.attempt, 1);
        queue.settle(&delivery, Outcome::Returned).await.unwrap();
        process.clock.advance(Duration::from_millis(1));
    }
}

pub async fn a_delay_is_waited_for(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    let begin = process.clock.now();
    for (id, seconds) in [("late", 20), ("early", 10)] {
        process.publish(Message { delay: Some(seconds * SECOND), ..message(id, id) }).await.unwrap();
    }
    for (id, at) in [("early", 10), ("late", 20)] {
        takes(&queue, &[]).await;
        assert_eq!(queue.next_due().await.unwrap(), Some(begin + at * SECOND));
        process.clock.set(Timestamp((begin + at * SECOND).0 - 1));
        takes(&queue, &[]).await;
        process.clock.advance(Duration::from_millis(1));
        done(&queue, &one(&queue, id).await).await;
    }
    takes(&queue, &[]).await;
    assert_eq!(queue.next_due().await.unwrap(), None);
}

pub async fn what_comes_late_is_found(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    let delayed = |id, by| Message { delay: Some(by), ..message(id, "") };
    process.publish(delayed("1", 10 * SECOND)).await.unwrap();
    process.clock.advance(20 * SECOND);
    takes(&queue, &["1"]).await;
    // Its commit took long: it is due before the other one was.
    let past = Timestamp(process.clock.now().0 - 15_000);
    let version = crate::commit::Version::new(crate::identity::CallId(7), 0, 0);
    let publication = process.topic.publication(&[&delayed("2", SECOND)], past, version, 0);
    let batch = Batch { changes: publication.changes, ..Batch::default() };
    process.topic.engine().commit(batch).await.unwrap();
    takes(&queue, &["2"]).await;
}

pub async fn what_cannot_be_read_is_told(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    for (id, key) in [("1", "k"), ("2", "k"), ("3", "l"), ("4", "")] {
        process.put(id, key).await;
    }
    let engine = process.topic.engine();
    let span = super::super::layout::within(&process.topic.keys().events());
    let budget = Budget { records: 1, bytes: 1, values: true };
    let (events, _) = engine.snapshot().await.unwrap().scan(&span, budget).await.unwrap();
    let (key, record) = events[0].clone();
    let damaged = crate::commit::Record { value: vec![77; 3].into(), ..record.clone() };
    let put = |record| {
        let change = Change { key: key.clone(), expect: None, action: Action::Put(record) };
        engine.commit(Batch { changes: vec![change], ..Batch::default() })
    };
    put(damaged).await.unwrap();
    let taken = takes(&queue, &["3", "4"]).await;
    let error = queue.take(10).await.unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    takes(&queue, &[]).await;
    done(&queue, &taken[0]).await;
    put(record).await.unwrap();
    let queue = process.queue(0);
    done(&queue, &one(&queue, "1").await).await;
    one(&queue, "2").await;
}

pub async fn a_dropped_take_takes_nothing(fixture: &impl Fixture) {
    let engine = Troubled::new(fixture.engine());
    let process = Process::new(fixture, engine.clone(), 1, Options::default(), vec![member("a")]);
    let queue = process.queue(0);
    process.put("1", "k").await;
    process.put("2", "k").await;
    engine.stay_silent(1);
    {
        let take = queue.take(10);
        tokio::pin!(take);
        while !engine.is_silent() {
            assert!(take.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    takes(&queue, &[]).await;
    process.clock.advance(Duration::from_millis(1));
    let delivery = one(&queue, "1").await;
    assert_eq!(delivery.attempt, 1);
    done(&queue, &delivery).await;
    one(&queue, "2").await;
}
