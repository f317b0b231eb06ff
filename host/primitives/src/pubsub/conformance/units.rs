//! Laws: publications and settlements in a unit of work.

use futures_util::FutureExt as _;

use super::{troubled::Troubled, *};
use crate::{
    commit,
    pubsub::topic::Full,
    unit::{Bounds, Unit},
};

fn unit(process: &Process) -> Unit {
    Unit::new(process.topic.engine().clone(), process.clock.now(), Bounds::default())
}

/// Publishes in a unit of work.
async fn hold(process: &Process, unit: &Unit, message: Message) {
    let topic = process.topic.over(&unit.engine());
    let outcomes = topic.publish(vec![message], process.clock.now()).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
}

async fn commit(process: &Process, unit: &Unit) -> Result<(), commit::Error> {
    unit.commit(process.clock.now()).await
}

async fn is_woken(queue: &Queue) -> bool {
    queue.changed().now_or_never().is_some()
}

pub async fn a_unit_publishes_with_its_commit(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    let again = |id| Message { recognizable: true, ..message(id, "k") };
    let thrown_away = unit(&process);
    hold(&process, &thrown_away, again("1")).await;
    drop(thrown_away);
    assert_eq!(content(&process.topic).await, [""; 0]);
    let unit = unit(&process);
    for id in ["1", "2", "1", "3"] {
        hold(&process, &unit, again(id)).await;
    }
    takes(&queue, &[]).await;
    assert_eq!(content(&process.topic).await, [""; 0]);
    assert!(!is_woken(&queue).await, "there is nothing to take yet");
    commit(&process, &unit).await.unwrap();
    assert!(is_woken(&queue).await, "the group was told");
    for id in ["1", "2", "3"] {
        done(&queue, &one(&queue, id).await).await;
    }
    takes(&queue, &[]).await;
}

pub async fn a_unit_finds_room_as_a_publisher_does(fixture: &impl Fixture) {
    let full = |full| {
        let options = Options { max_bytes: 10_000, full, ..Options::default() };
        Process::new(fixture, fixture.engine(), 1, options, vec![member("a")])
    };
    let large = |id| Message::new(event(id, 6_000));
    // Who refuses, and who has no time to wait.
    for process in [full(Full::Refuse), full(Full::Wait)] {
        process.publish(large("1")).await.unwrap();
        let before = content(&process.topic).await;
        let unit = unit(&process);
        hold(&process, &unit, large("2")).await;
        let refused = commit(&process, &unit).await;
        assert!(matches!(refused, Err(commit::Error::Quota { max_bytes: 10_000, .. })), "{refused:?}");
        assert_eq!(content(&process.topic).await, before);
        let queue = process.queue(0);
        done(&queue, &one(&queue, "1").await).await;
    }
    let process = full(Full::Wait);
    let queue = process.queue(0);
    process.publish(large("1")).await.unwrap();
    let waiting = unit(&process);
    hold(&process, &waiting, large("2")).await;
    let deadline = process.clock.now() + LEASE;
    let waiting = tokio::spawn(async move { waiting.commit(deadline).await });
    while process.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    done(&queue, &one(&queue, "1").await).await;
    waiting.await.unwrap().unwrap();
    // What is there is dropped, and not what the unit brings.
    let process = full(Full::DropOldest);
    let unit = unit(&process);
    hold(&process, &unit, large("3")).await;
    commit(&process, &unit).await.unwrap();
    takes(&process.queue(0), &["3"]).await;
}

pub async fn a_unit_settles_with_its_commit(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    process.put("1", "k").await;
    process.put("2", "k").await;
    process.put("3", "").await;
    let taken = takes(&queue, &["1", "3"]).await;
    let thrown_away = unit(&process);
    let settled = queue.settle_over(&thrown_away.engine(), &taken[0]).await.unwrap();
    assert_eq!(settled, Settled::Done);
    drop(thrown_away);
    assert_eq!(queue.settle(&taken[0], Outcome::Returned).await.unwrap(), Settled::Later(later(&process)));
    process.clock.advance(Duration::from_millis(1));
    let again = one(&queue, "1").await;
    is_woken(&queue).await;
    let unit = unit(&process);
    for delivery in [&again, &taken[1]] {
        assert_eq!(queue.settle_over(&unit.engine(), delivery).await.unwrap(), Settled::Done);
    }
    let settled = queue.settle_over(&unit.engine(), &again).await.unwrap();
    assert_eq!(settled, Settled::Stale, "this very unit has settled it");
    hold(&process, &unit, message("4", "")).await;
    takes(&queue, &[]).await;
    assert!(!is_woken(&queue).await, "the key is not free yet");
    commit(&process, &unit).await.unwrap();
    assert!(is_woken(&queue).await, "the key is free");
    let mut taken = queue.take(100).await.unwrap();
    taken.sort_by_key(Delivery::stamp);
    assert_eq!(ids(&taken), ["2", "4"]);
    for delivery in &taken {
        done(&queue, delivery).await;
    }
    process.clock.advance(LEASE);
    takes(&queue, &[]).await;
    assert_eq!(content(&process.topic).await, [""; 0]);
}

/// When it may be taken that has just been returned.
fn later(process: &Process) -> Timestamp {
    process.clock.now() + Duration::from_millis(1)
}

pub async fn a_unit_without_its_lease_does_nothing(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let queue = process.queue(0);
    process.put("1", "k").await;
    let slow = one(&queue, "1").await;
    let zombie = unit(&process);
    assert_eq!(queue.settle_over(&zombie.engine(), &slow).await.unwrap(), Settled::Done);
    hold(&process, &zombie, message("2", "")).await;
    process.clock.advance(LEASE);
    takes(&queue, &[]).await;
    process.clock.advance(Duration::from_millis(1));
    let second = one(&queue, "1").await;
    is_woken(&queue).await;
    let refused = commit(&process, &zombie).await;
    assert!(matches!(refused, Err(commit::Error::Stale { .. })), "{refused:?}");
    assert!(!is_woken(&queue).await);
    takes(&queue, &[]).await;
    let again = unit(&process);
    assert_eq!(queue.settle_over(&again.engine(), &slow).await.unwrap(), Settled::Stale);
    assert_eq!(queue.settle(&slow, Outcome::Done).await.unwrap(), Settled::Stale);
    done(&queue, &second).await;
    assert_eq!(content(&process.topic).await, [""; 0]);
}

pub async fn a_unit_of_which_nobody_knows_is_told(fixture: &impl Fixture) {
    let engine = Troubled::new(fixture.engine());
    let process = Process::new(fixture, engine.clone(), 1, Options::default(), vec![member("a")]);
    let queue = process.queue(0);
    process.put("1", "k").await;
    process.put("2", "k").await;
    for (id, unknown) in [("1", 1), ("2", 2)] {
        let delivery = one(&queue, id).await;
        let unit = unit(&process);
        queue.settle_over(&unit.engine(), &delivery).await.unwrap();
        engine.answer_unknown(unknown);
        let lost = commit(&process, &unit).await;
        assert!(matches!(lost, Err(commit::Error::Unknown(_))), "{lost:?}");
        // The pump does not know either, and has an outcome of its own.
        let mut settled = queue.settle(&delivery, retry()).await;
        if unknown == 2 {
            settled.unwrap_err();
            settled = queue.settle(&delivery, retry()).await;
        }
        assert_eq!(settled.unwrap(), Settled::Done);
    }
    process.clock.advance(LEASE);
    takes(&queue, &[]).await;
    assert_eq!(content(&process.topic).await, [""; 0]);
}
