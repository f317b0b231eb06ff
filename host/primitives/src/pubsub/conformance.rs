//! One test for each law of [`Publisher`](super::Publisher) and of [`Queue`], which every engine
//! runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::pubsub_conformance!(MyFixture::new());
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    Error, Event, Message, Publisher as _,
    event::Draft,
    queue::{Delivery, Options as Way, Queue},
    topic::{Member, Options, Topic},
};
use crate::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{Budget, Engine, Span},
    delivery::{Outcome, Retry, Settled},
    random::Seeded,
};

mod deliveries;
mod ends;
mod order;
mod publications;
mod troubled;
mod units;

pub use deliveries::*;
pub use ends::*;
pub use order::*;
pub use publications::*;
pub use units::*;

/// An empty engine, and the clock that it goes by.
pub trait Fixture {
    /// The same data, as a process finds it that has just started.
    fn engine(&self) -> Arc<dyn Engine>;

    fn clock(&self) -> Arc<ManualClock>;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! pubsub_conformance {
    ($fixture:expr) => { $crate::pubsub_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::pubsub_conformance! { @$then [$($with)*]
            every_group_gets_every_event,
            a_repetition_is_delivered_once,
            a_full_topic_refuses_and_leaves_nothing,
            a_part_is_taken_in_order,
            a_publisher_waits_for_room,
            the_oldest_make_room,
            who_does_not_match_costs_nothing,
            a_unit_publishes_with_its_commit,
            a_unit_finds_room_as_a_publisher_does,
            an_event_is_leased_once,
            a_lease_that_ran_out_goes_on,
            what_was_not_settled_comes_again,
            a_stale_lease_settles_nothing,
            a_unit_settles_with_its_commit,
            a_unit_without_its_lease_does_nothing,
            a_unit_of_which_nobody_knows_is_told,
            a_settlement_is_told_in_the_end,
            a_lease_of_nobody_is_no_attempt,
            order_holds_per_key,
            a_key_is_never_stuck,
            nothing_starves,
            a_delay_is_waited_for,
            what_comes_late_is_found,
            what_outlived_its_time_is_gone,
            what_was_returned_is_not_counted,
            what_is_given_up_is_a_dead_letter,
            a_dead_letter_may_be_elsewhere,
            a_dead_letter_waits_for_room,
            an_event_goes_with_its_last_group,
            what_cannot_be_read_is_told,
            a_dropped_take_takes_nothing,
            nothing_is_left_behind,
            a_forgotten_group_holds_nothing,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::pubsub::conformance::$law(&fixture).await;
            });
        }
    )*};
}

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(30);

/// A topic and its groups, as one process has them.
struct Process {
    clock: Arc<ManualClock>,
    random: Arc<Seeded>,
    number: u64,
    topic: Arc<Topic>,
    members: Vec<Member>,
    dead: Option<Arc<Topic>>,
}

fn member(group: &str) -> Member {
    Member { group: group.parse().unwrap(), filter: None, ordered: true, changed: Arc::new(Notify::new()) }
}

impl Process {
    /// With another number, another process; and another engine, if the law is of one that fails.
    fn new(
        fixture: &impl Fixture,
        engine: Arc<dyn Engine>,
        number: u64,
        options: Options,
        members: Vec<Member>,
    ) -> Self {
        let (clock, random) = (fixture.clock(), Arc::new(Seeded::new(number << 32)));
        let topic = topic("orders", engine, (&clock, &random), options, members.clone());
        Self { clock, random, number, topic, members, dead: None }
    }

    /// Groups `a` and `b` of a topic like any other.
    fn usual(fixture: &impl Fixture, number: u64) -> Self {
        Self::new(fixture, fixture.engine(), number, Options::default(), vec![member("a"), member("b")])
    }

    /// One group.
    fn one(fixture: &impl Fixture) -> Self {
        Self::new(fixture, fixture.engine(), 1, Options::default(), vec![member("a")])
    }

    fn with_dead_letters(self, engine: Arc<dyn Engine>, options: Options) -> Self {
        let dead = topic("failed", engine, (&self.clock, &self.random), options, vec![]);
        Self { dead: Some(dead), ..self }
    }

    fn queue(&self, group: usize) -> Queue {
        let retry = Retry { max_attempts: Some(3), max_age: None, min: SECOND, max: SECOND };
        let way = Way { retry, lease: LEASE, dead_letters: self.dead.clone() };
        let Member { group, changed, .. } = self.members[group].clone();
        Queue::new(&self.topic, group, changed, way, self.number, self.clock.clone(), self.random.clone())
    }

    async fn publish(&self, message: Message) -> Result<String, Error> {
        let now = self.clock.now();
        self.topic.publish(vec![message], now).await.pop().unwrap()
    }

    /// Publishes what is acknowledged.
    async fn put(&self, id: &str, key: &str) {
        self.publish(message(id, key)).await.unwrap();
    }
}

fn topic(
    name: &str,
    engine: Arc<dyn Engine>,
    (clock, random): (&Arc<ManualClock>, &Arc<Seeded>),
    options: Options,
    members: Vec<Member>,
) -> Arc<Topic> {
    let by = (clock.clone() as _, random.clone() as _);
    Arc::new(Topic::new(&"shop".parse().unwrap(), name.parse().unwrap(), engine, by, options, members))
}

fn event(id: &str, size: usize) -> Event {
    let draft = Draft {
        id: Some(id.into()),
        source: Some("/laws".into()),
        kind: Some("law.v1".into()),
        data: Some(vec![b'1'; size].into()),
        ..Draft::default()
    };
    draft.check().unwrap()
}

fn message(id: &str, key: &str) -> Message {
    let key = (!key.is_empty()).then(|| key.into());
    Message { key, ..Message::new(event(id, 10)) }
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.event.event.id()).collect()
}

async fn takes(queue: &Queue, expected: &[&str]) -> Vec<Delivery> {
    let taken = queue.take(100).await.unwrap();
    assert_eq!(ids(&taken), expected);
    taken
}

async fn one(queue: &Queue, id: &str) -> Delivery {
    takes(queue, &[id]).await.pop().unwrap()
}

async fn done(queue: &Queue, delivery: &Delivery) {
    assert_eq!(queue.settle(delivery, Outcome::Done).await.unwrap(), Settled::Done);
}

fn retry() -> Outcome {
    Outcome::Retry { after: Some(2 * SECOND), why: "not yet".into() }
}

fn reject() -> Outcome {
    Outcome::Reject { why: "never".into() }
}

/// Keys of everything that a topic holds.
async fn content(topic: &Topic) -> Vec<String> {
    let span = super::layout::within(&topic.keys().account());
    let span = Span { reverse: false, ..span };
    let budget = Budget { records: 10_000, bytes: usize::MAX, values: false };
    let (found, _) = topic.engine().snapshot().await.unwrap().scan(&span, budget).await.unwrap();
    found.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_tables_is_tested() {
        let laws = |text: &'static str| {
            text.lines().filter_map(|line| {
                let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
                law.strip_suffix('`')
            })
        };
        let table = laws(include_str!("../pubsub.rs")).chain(laws(include_str!("queue.rs")));
        assert_eq!(table.collect::<Vec<_>>(), pubsub_conformance! { @laws names });
    }
}
