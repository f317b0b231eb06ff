//! Laws: what a publication does.

use futures_util::FutureExt as _;

use super::*;
use crate::{
    commit::Version,
    identity::CallId,
    pubsub::{filter::Filter, topic::Full},
};

pub async fn every_group_gets_every_event(fixture: &impl Fixture) {
    let process = Process::usual(fixture, 1);
    let messages = ["1", "2", "3"].map(|id| message(id, ""));
    let outcomes = process.topic.publish(messages.into(), process.clock.now()).await;
    assert_eq!(outcomes, ["1", "2", "3"].map(|id| Ok(id.into())));
    for group in [0, 1] {
        takes(&process.queue(group), &["1", "2", "3"]).await;
    }
}

pub async fn a_repetition_is_delivered_once(fixture: &impl Fixture) {
    let process = Process::one(fixture);
    let again = |id| Message { recognizable: true, ..message(id, "") };
    let queue = process.queue(0);
    let outcomes = process.topic.publish(vec![again("1"), again("2"), again("1")], process.clock.now()).await;
    assert_eq!(outcomes, ["1", "2", "1"].map(|id| Ok(id.into())));
    process.publish(again("1")).await.unwrap();
    let outcomes = process.topic.publish(vec![again("3"), again("2"), again("1")], process.clock.now()).await;
    assert!(outcomes.iter().all(Result::is_ok));
    takes(&queue, &["1", "2", "3"]).await;
    process.put("1", "").await;
    takes(&queue, &["1"]).await;
    process.clock.advance(600 * SECOND);
    process.publish(again("1")).await.unwrap();
    let taken = queue.take(100).await.unwrap();
    assert!(ids(&taken).contains(&"1"), "beyond the window it is another one");
    // The first is refused, so its repetition is.
    let large = || Message { recognizable: true, ..Message::new(event("large", 2 << 20)) };
    let outcomes = process.topic.publish(vec![large(), large()], process.clock.now()).await;
    assert_eq!(outcomes, [Err(Error::TooLarge(1 << 20)), Err(Error::TooLarge(1 << 20))]);
}

fn small(full: Full) -> Options {
    Options { max_bytes: 10_000, full, ..Options::default() }
}

pub async fn a_full_topic_refuses_and_leaves_nothing(fixture: &impl Fixture) {
    let process =
        Process::new(fixture, fixture.engine(), 1, small(Full::Refuse), vec![member("a"), member("b")]);
    let large = |id: &str| Message { recognizable: true, ..Message::new(event(id, 4_000)) };
    process.publish(large("1")).await.unwrap();
    let mut published = 1;
    while process.publish(large(&format!("more {published}"))).await.is_ok() {
        published += 1;
    }
    assert!(published < 4);
    let before = content(&process.topic).await;
    let outcome = process.publish(large("last")).await;
    assert!(matches!(outcome, Err(Error::QuotaExceeded(_))), "{outcome:?}");
    let outcome = process.publish(Message::new(event("too large", 20_000))).await;
    assert!(matches!(outcome, Err(Error::QuotaExceeded(_))), "{outcome:?}");
    assert_eq!(content(&process.topic).await, before);
}

pub async fn a_part_is_taken_in_order(fixture: &impl Fixture) {
    let process = Process::new(fixture, fixture.engine(), 1, small(Full::Refuse), vec![member("a")]);
    let messages: Vec<_> = (0..20).map(|id| Message::new(event(&id.to_string(), 1_000))).collect();
    let outcomes = process.topic.publish(messages, process.clock.now()).await;
    let taken = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
    assert!((2..10).contains(&taken), "{taken} of 20");
    assert!(outcomes[taken..].iter().all(|outcome| matches!(outcome, Err(Error::QuotaExceeded(_)))));
    let expected: Vec<_> = (0..taken).map(|id| id.to_string()).collect();
    takes(&process.queue(0), &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

pub async fn a_publisher_waits_for_room(fixture: &impl Fixture) {
    let process = Process::new(fixture, fixture.engine(), 1, small(Full::Wait), vec![member("a")]);
    let queue = process.queue(0);
    process.publish(Message::new(event("1", 6_000))).await.unwrap();
    let late = process.publish(Message::new(event("late", 6_000))).await;
    assert!(matches!(late, Err(Error::Busy(Some(_)))), "{late:?}");
    let publisher = {
        let (topic, deadline) = (process.topic.clone(), process.clock.now() + LEASE);
        tokio::spawn(async move { topic.publish(vec![Message::new(event("2", 6_000))], deadline).await })
    };
    while process.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    done(&queue, &one(&queue, "1").await).await;
    assert_eq!(publisher.await.unwrap(), [Ok("2".into())]);
    one(&queue, "2").await;
}

pub async fn the_oldest_make_room(fixture: &impl Fixture) {
    let process = Process::new(fixture, fixture.engine(), 1, small(Full::DropOldest), vec![member("a")]);
    for id in 0..100 {
        process.publish(Message::new(event(&id.to_string(), 1_000))).await.unwrap();
        let queue = process.queue(0);
        if id % 10 == 9 {
            let taken = queue.take(100).await.unwrap();
            assert_eq!(ids(&taken).last(), Some(&&*id.to_string()), "the newest is there");
            assert!(taken.len() < 10, "all of ten would not have room");
            for delivery in &taken {
                done(&queue, delivery).await;
            }
        }
    }
    assert_eq!(content(&process.topic).await, [""; 0]);
}

pub async fn who_does_not_match_costs_nothing(fixture: &impl Fixture) {
    let others = (0..1_000).map(|index| {
        let filter = Filter::parse(&format!("event.type == 'other.{index}' && data.total > 1")).unwrap();
        Member { filter: Some(filter), ..member(&format!("other-{index}")) }
    });
    let members: Vec<_> = [member("a")].into_iter().chain(others).collect();
    let process = Process::new(fixture, fixture.engine(), 1, Options::default(), members);
    let version = Version::new(CallId(1), 0, 0);
    let publication = process.topic.publication(&[&message("1", "")], process.clock.now(), version, 0);
    assert_eq!(publication.changes.len(), 2, "an event and an entry");
    assert_eq!(publication.wake.len(), 1);
    assert_eq!(process.topic.candidates(&event("1", 10)), 1, "nobody asks the filters that cannot match");
    process.put("1", "").await;
    one(&process.queue(0), "1").await;
    assert!(process.queue(0).changed().now_or_never().is_some(), "the group was told");
    assert!(process.queue(1).changed().now_or_never().is_none());
}
