//! Laws: keys, and turns.

use super::*;

pub async fn order_holds_per_key(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    let first = Message { delay: Some(SECOND), ..message("a1", "a") };
    process.publish(first).await.unwrap();
    for (id, key) in [("a2", "a"), ("b1", "b"), ("free", ""), ("a3", "a"), ("b2", "b")] {
        process.put(id, key).await;
    }
    let taken = takes(&queue, &["b1", "free"]).await;
    done(&queue, &taken[0]).await;
    done(&queue, &one(&queue, "b2").await).await;
    process.clock.advance(SECOND);
    for _ in 0..2 {
        let delivery = one(&queue, "a1").await;
        queue.settle(&delivery, retry()).await.unwrap();
        takes(&queue, &[]).await;
        process.clock.advance(2 * SECOND);
    }
    // The third attempt is the last, and with another process.
    drop((queue, process));
    let process = Process::new(fixture, fixture.engine(), 2, Options::default(), vec![member("a")]);
    let queue = process.queue(0);
    queue.recover().await.unwrap();
    process.clock.advance(2 * SECOND);
    let taken = queue.take(10).await.unwrap();
    let a1 = taken.iter().find(|one| one.event.event.id() == "a1").unwrap();
    assert!(!ids(&taken).contains(&"a2"));
    assert_eq!(queue.settle(a1, retry()).await.unwrap(), Settled::Dead);
    for id in ["a2", "a3"] {
        done(&queue, &one(&queue, id).await).await;
    }
}

/// Whatever ends the first of a key, and while the queue has passed over the second: it comes next.
pub async fn a_key_is_never_stuck(fixture: &impl Fixture) {
    let keep = Options { keep: Some(3600 * SECOND), ..Options::default() };
    let process = Process::new(fixture, fixture.engine(), 1, keep, vec![member("a")]);
    let queue = process.queue(0);
    // It expires where it waits.
    let expiring = |id| Message { ttl: Some(5 * SECOND), delay: Some(10 * SECOND), ..message(id, "k") };
    process.publish(expiring("0")).await.unwrap();
    process.put("1", "k").await;
    takes(&queue, &[]).await;
    assert_eq!(queue.next_due().await.unwrap(), Some(process.clock.now() + 5 * SECOND));
    process.clock.advance(5 * SECOND);
    // It is done, rejected, returned, and its lease runs out.
    let delivery = one(&queue, "1").await;
    for id in ["2", "3", "4", "5"] {
        process.put(id, "k").await;
        takes(&queue, &[]).await;
    }
    done(&queue, &delivery).await;
    queue.settle(&one(&queue, "2").await, reject()).await.unwrap();
    for attempt in 1..=3 {
        assert_eq!(one(&queue, "3").await.attempt, attempt);
        process.clock.advance(LEASE);
        if attempt < 3 {
            takes(&queue, &[]).await;
        }
        process.clock.advance(Duration::from_millis(1));
    }
    let delivery = one(&queue, "4").await;
    queue.settle(&delivery, Outcome::Returned).await.unwrap();
    process.clock.advance(Duration::from_millis(1));
    done(&queue, &one(&queue, "4").await).await;
    // Its event is gone, since the topic does not keep it longer.
    process.clock.advance(3600 * SECOND);
    process.put("6", "k").await;
    one(&queue, "6").await;
}

pub async fn nothing_starves(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    for id in 0..10 {
        process.put(&format!("hot {id}"), "hot").await;
        process.put(&format!("warm {id}"), "warm").await;
    }
    process.publish(Message { delay: Some(SECOND), ..message("delayed", "d") }).await.unwrap();
    process.put("cold", "cold").await;
    process.clock.advance(SECOND);
    let mut order = vec![];
    for round in 0..40 {
        // There is always more of it.
        process.put(&format!("hot more {round}"), "hot").await;
        let taken = queue.take(1).await.unwrap();
        done(&queue, &taken[0]).await;
        order.push(taken[0].event.event.id().to_owned());
    }
    for id in ["cold", "delayed"] {
        assert!(order.iter().any(|other| other == id), "{id} has no turn: {order:?}");
    }
    for key in ["hot", "warm"] {
        assert!(order.iter().filter(|id| id.starts_with(key)).count() >= 10, "{order:?}");
    }
}
