//! Laws: how an event ends.

use super::{troubled::Troubled, *};
use crate::pubsub::{DeadLetter, letters::Letters};

pub async fn what_outlived_its_time_is_gone(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    let brief = |id, key| Message { ttl: Some(10 * SECOND), ..message(id, key) };
    for (id, key) in [("1", "k"), ("2", "k"), ("3", "")] {
        process.publish(brief(id, key)).await.unwrap();
    }
    process.put("4", "k").await;
    let taken = takes(&queue, &["1", "3"]).await;
    process.clock.advance(10 * SECOND);
    takes(&queue, &[]).await;
    // What has begun is settled, and until then it is its turn.
    done(&queue, &taken[0]).await;
    assert!(matches!(queue.settle(&taken[1], retry()).await.unwrap(), Settled::Later(_)));
    let delivery = one(&queue, "4").await;
    process.clock.advance(5 * SECOND);
    takes(&queue, &[]).await;
    done(&queue, &delivery).await;
    assert_eq!(content(&process.topic).await, [""; 0]);
}

async fn letters(process: &Process) -> Vec<(String, DeadLetter)> {
    let letters = Letters::new(process.dead.clone().unwrap(), process.clock.clone());
    let (found, _) = letters.list(None, 100).await.unwrap();
    found.into_iter().map(|one| (one.stored.event.id().to_owned(), one.stored.dead.unwrap())).collect()
}

pub async fn what_is_given_up_is_a_dead_letter(fixture: &impl Fixture) {
    let process = Process::usual(fixture, 1);
    let engine = process.topic.engine().clone();
    let process = process.with_dead_letters(engine, Options::default());
    let queue = process.queue(0);
    process.put("rejected", "").await;
    process.put("failed", "k").await;
    let taken = takes(&queue, &["rejected", "failed"]).await;
    assert_eq!(queue.settle(&taken[0], reject()).await.unwrap(), Settled::Dead);
    let mut failed = taken[1].clone();
    for _ in 0..2 {
        queue.settle(&failed, retry()).await.unwrap();
        process.clock.advance(2 * SECOND);
        failed = one(&queue, "failed").await;
    }
    assert_eq!(queue.settle(&failed, retry()).await.unwrap(), Settled::Dead);
    let found = letters(&process).await;
    let (topic, group) = ("orders".to_owned(), "a".to_owned());
    let at = process.clock.now();
    let dead = |reason: &str, attempts, at| DeadLetter {
        topic: topic.clone(),
        group: group.clone(),
        reason: reason.into(),
        attempts,
        at,
    };
    let begin = Timestamp(at.0 - 4_000);
    let expected =
        [("rejected".to_owned(), dead("never", 1, begin)), ("failed".to_owned(), dead("not yet", 3, at))];
    assert_eq!(found, expected);
    takes(&queue, &[]).await;
    // A replayed one comes to its group alone, and is no letter any more.
    let letters = Letters::new(process.dead.clone().unwrap(), process.clock.clone());
    let (list, _) = letters.list(None, 10).await.unwrap();
    assert_eq!(list[0].stored.event, event("rejected", 10), "as it was published");
    assert!(letters.replay(&list[0], &process.topic, &process.members[0]).await.unwrap());
    assert!(!letters.replay(&list[0], &process.topic, &process.members[0]).await.unwrap());
    assert_eq!(one(&queue, "rejected").await.attempt, 1);
    assert!(letters.drop(&list[1]).await.unwrap());
    assert_eq!(content(process.dead.as_ref().unwrap()).await, [""; 0]);
}

pub async fn a_dead_letter_may_be_elsewhere(fixture: &impl Fixture) {
    let here = Troubled::new(fixture.engine());
    let process = Process::new(fixture, here.clone(), 1, Options::default(), vec![member("a")]);
    let process = process.with_dead_letters(Troubled::new(fixture.engine()), Options::default());
    let queue = process.queue(0);
    process.put("1", "k").await;
    let delivery = one(&queue, "1").await;
    here.answer_unknown(1);
    queue.settle(&delivery, reject()).await.unwrap_err();
    assert_eq!(queue.settle(&delivery, reject()).await.unwrap(), Settled::Dead);
    assert_eq!(letters(&process).await.len(), 1);
}

pub async fn a_dead_letter_waits_for_room(fixture: &impl Fixture) {
    let options = Options { max_bytes: 6_000, ..Options::default() };
    let process = Process::one(fixture).with_dead_letters(fixture.engine(), options);
    let queue = process.queue(0);
    for id in ["1", "2"] {
        process.publish(Message::new(event(id, 5_000))).await.unwrap();
    }
    let taken = takes(&queue, &["1", "2"]).await;
    assert_eq!(queue.settle(&taken[0], reject()).await.unwrap(), Settled::Dead);
    assert!(matches!(queue.settle(&taken[1], reject()).await.unwrap(), Settled::Later(_)));
    let dead = Letters::new(process.dead.clone().unwrap(), process.clock.clone());
    let (list, _) = dead.list(None, 10).await.unwrap();
    dead.drop(&list[0]).await.unwrap();
    process.clock.advance(10 * SECOND);
    assert_eq!(queue.settle(&one(&queue, "2").await, reject()).await.unwrap(), Settled::Dead);
    assert_eq!(letters(&process).await.len(), 1);
}

pub async fn an_event_goes_with_its_last_group(fixture: &impl Fixture) {
    let process = Process::usual(fixture, 1);
    let queues = [process.queue(0), process.queue(1)];
    process.put("1", "").await;
    let [first, last] = [one(&queues[0], "1").await, one(&queues[1], "1").await];
    done(&queues[0], &first).await;
    assert!(content(&process.topic).await.iter().any(|key| key.starts_with("shop/pubsub/orders/e/")));
    done(&queues[1], &last).await;
    assert_eq!(content(&process.topic).await, [""; 0]);
}

pub async fn nothing_is_left_behind(fixture: &impl Fixture) {
    let process = Process::usual(fixture, 1);
    for id in 0..10 {
        let ttl = (id % 2 == 0).then_some(100 * SECOND);
        let delay = (id % 3 == 0).then_some(SECOND);
        let key = if id % 4 == 0 { "" } else { "k" };
        process.publish(Message { ttl, delay, ..message(&id.to_string(), key) }).await.unwrap();
    }
    let queues = [process.queue(0), process.queue(1)];
    let mut settled = 0;
    for step in 0..100 {
        for queue in &queues {
            for delivery in queue.take(3).await.unwrap() {
                let outcome = [Outcome::Done, retry(), reject()][step % 3].clone();
                let after = queue.settle(&delivery, outcome).await.unwrap();
                settled += usize::from(!matches!(after, Settled::Later(_)));
            }
        }
        process.clock.advance(SECOND);
    }
    assert_eq!(settled, 20);
    assert_eq!(content(&process.topic).await, [""; 0]);
}

pub async fn a_forgotten_group_holds_nothing(fixture: &impl Fixture) {
    let process = Process::usual(fixture, 1);
    for (id, key) in [("1", "k"), ("2", "k"), ("3", "")] {
        process.put(id, key).await;
    }
    process.publish(Message { delay: Some(SECOND), ..message("4", "") }).await.unwrap();
    let [stays, goes] = [process.queue(0), process.queue(1)];
    takes(&goes, &["1", "3"]).await;
    assert_eq!(goes.forget().await.unwrap(), 4);
    for _ in 0..10 {
        for delivery in stays.take(10).await.unwrap() {
            done(&stays, &delivery).await;
        }
        process.clock.advance(SECOND);
    }
    assert_eq!(content(&process.topic).await, [""; 0]);
}
