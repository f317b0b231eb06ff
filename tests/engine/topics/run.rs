//! Random operations on a topic and on its model, which are to agree.

use std::{sync::Arc, time::Duration};

use mecha_backends::{embedded, memory};
use mecha_primitives::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{Budget, Engine, Span, Stamp, Unobserved},
    delivery::{Outcome, Settled},
    pubsub::{
        Publisher as _,
        begin::Start,
        census,
        letters::{Letter, Letters},
        queue::{Delivery, Queue},
        topic::{Member, Topic},
    },
    random::Seeded,
};
use mecha_tests::simdisk::SimDisk;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{
    model::{Bug, Draft, Event, GROUPS, LEASE, Model},
    process::{message, process, queue},
};

const STEPS: usize = 300;
const SECOND: Duration = Duration::from_secs(1);
const KEYS: [&str; 3] = ["k", "l", "m"];
const ALL: usize = 1000;

/// What was reached.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) published: u64,
    pub(super) repeated: u64,
    pub(super) taken: u64,
    pub(super) stale: u64,
    pub(super) dead: u64,
    pub(super) replayed: u64,
    pub(super) reopened: u64,
    pub(super) begun: u64,
    pub(super) expired: u64,
}

/// A delivery that was taken, and what the model knows of it.
struct Held {
    group: usize,
    lease: u64,
    event: Event,
    delivery: Delivery,
}

struct Beside {
    /// None: in memory.
    disk: Option<SimDisk>,
    embedded: Option<embedded::Engine>,
    engine: Arc<dyn Engine>,
    clock: Arc<ManualClock>,
    random: Arc<Seeded>,
    process: u64,
    topic: Arc<Topic>,
    letters: Letters,
    members: Vec<Member>,
    queues: Vec<Queue>,
    model: Model,
    rng: StdRng,
    held: Vec<Held>,
    run: Run,
    trace: Vec<String>,
}

/// Runs the operations of `seed` on both engines.
///
/// # Errors
/// Where a topic and the model differ.
pub(super) fn compare(seed: u64, bug: Option<Bug>) -> Result<Run, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut sum = Run::default();
    for disk in [None, Some(SimDisk::new(seed))] {
        runtime.block_on(async {
            let mut beside = Beside::new(seed, disk, bug);
            match beside.live().await {
                Ok(()) => sum.add(&beside.run),
                Err(why) => {
                    let last = beside.trace.len().saturating_sub(40);
                    let trace = beside.trace[last..].join("\n  ");
                    return Err(format!("{}: {why}\nafter\n  {trace}", beside.engine));
                }
            }
            Ok(())
        })?;
    }
    Ok(sum)
}

impl Run {
    fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.repeated += other.repeated;
        self.taken += other.taken;
        self.stale += other.stale;
        self.dead += other.dead;
        self.replayed += other.replayed;
        self.reopened += other.reopened;
        self.begun += other.begun;
        self.expired += other.expired;
    }
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> embedded::Engine {
    let options = embedded::Options { cache: 1 << 20, ..embedded::Options::default() };
    embedded::Engine::new(Arc::new(disk.clone()), clock.clone(), Arc::new(Unobserved), options)
}

impl Beside {
    fn new(seed: u64, disk: Option<SimDisk>, bug: Option<Bug>) -> Self {
        let (clock, random) = (Arc::new(ManualClock::at(Timestamp(1_000_000))), Arc::new(Seeded::new(seed)));
        let embedded = disk.as_ref().map(|disk| open(disk, &clock));
        let engine: Arc<dyn Engine> = match &embedded {
            Some(engine) => Arc::new(engine.clone()),
            None => Arc::new(memory::Engine::new(clock.clone())),
        };
        let keep = seed.is_multiple_of(2).then_some(20 * SECOND);
        let (topic, letters, members, queues) = process((&engine, &clock, &random), keep, 0);
        let model = Model::new(bug, keep);
        let rng = StdRng::seed_from_u64(seed);
        Self {
            disk,
            embedded,
            engine,
            clock,
            random,
            process: 0,
            topic,
            letters,
            members,
            queues,
            model,
            rng,
            held: vec![],
            run: Run::default(),
            trace: vec![],
        }
    }

    async fn live(&mut self) -> Result<(), String> {
        self.reopen().await;
        for _ in 0..STEPS {
            let group = self.rng.random_range(0..GROUPS.len());
            match self.rng.random_range(0..100) {
                0..20 => self.publish().await?,
                20..45 => {
                    let max = self.rng.random_range(1..6);
                    self.take(group, max).await?;
                }
                45..50 => self.take_all(group).await?,
                50..85 => self.settle().await?,
                85..93 => {
                    let most = if self.rng.random_bool(0.2) { 8_000 } else { 1_500 };
                    let by = Duration::from_millis(self.rng.random_range(1..most));
                    self.advance(by);
                }
                93 => self.reopen().await,
                94 => self.begin(group).await?,
                95 => self.drop_letter().await,
                _ => self.replay().await?,
            }
            self.check().await?;
        }
        self.drain().await?;
        self.run.expired = self.model.expired;
        Ok(())
    }

    fn say(&mut self, what: String) {
        self.trace.push(format!("{} {what}", self.clock.now().0));
    }

    fn advance(&mut self, by: Duration) {
        self.say(format!("waits {by:?}"));
        self.clock.advance(by);
    }

    /// A new process, which finds the leases of the former.
    async fn reopen(&mut self) {
        self.say("a new process".into());
        if let (Some(disk), Some(engine)) = (&self.disk, &self.embedded) {
            engine.close().await;
            let engine = open(disk, &self.clock);
            self.engine = Arc::new(engine.clone());
            self.embedded = Some(engine);
        }
        self.process += 1;
        self.run.reopened += u64::from(self.process > 1);
        let by = (&self.engine, &self.clock, &self.random);
        (self.topic, self.letters, self.members, self.queues) = process(by, self.model.keep, self.process);
        for (group, queue) in self.queues.iter().enumerate() {
            self.topic.begin(&self.members[group], Start::New).await.unwrap();
            queue.recover().await.unwrap();
            self.model.fail(group, self.clock.now(), true);
        }
    }

    async fn publish(&mut self) -> Result<(), String> {
        let mut drafts = vec![];
        for _ in 0..self.rng.random_range(1..5) {
            self.run.published += 1;
            let rng = &mut self.rng;
            let seconds = |rng: &mut StdRng, most| Duration::from_millis(rng.random_range(1..most));
            let id = rng.random_bool(0.3).then(|| format!("again {}", rng.random_range(0..10)));
            drafts.push(Draft {
                serial: self.run.published,
                kind: ["both", "both", "ordered", "loose", "none"][rng.random_range(0..5)],
                id,
                key: rng.random_bool(0.7).then(|| KEYS[rng.random_range(0..KEYS.len())]),
                delay: rng.random_bool(0.25).then(|| seconds(rng, 6_000)),
                ttl: rng.random_bool(0.25).then(|| seconds(rng, 12_000)),
            });
        }
        self.say(format!("publishes {drafts:?}"));
        let messages: Vec<_> = drafts.iter().map(message).collect();
        let outcomes = self.topic.publish(messages, self.clock.now()).await;
        if outcomes.iter().any(Result::is_err) {
            return Err(format!("refused: {outcomes:?}"));
        }
        let wanted = drafts.iter().filter(|draft| draft.kind != "none" || self.model.keep.is_some());
        let wanted = wanted.count();
        let made = self.model.publish(&drafts, self.clock.now());
        self.run.repeated += (wanted - made.len()) as u64;
        self.number(&made).await
    }

    /// Gives new events of the model their stamps.
    async fn number(&mut self, made: &[usize]) -> Result<(), String> {
        let newest = self.model.events.iter().map(|event| event.stamp).max().unwrap_or_default();
        let prefix = self.topic.keys().events();
        let start = [&*newest.key(&prefix), &[0]].concat().into();
        let end = Some([&prefix[..prefix.len() - 1], b"0"].concat().into());
        let budget = Budget { records: ALL, bytes: usize::MAX, values: false };
        let span = Span { start, end, reverse: false };
        let (found, _) = self.engine.snapshot().await.unwrap().scan(&span, budget).await.unwrap();
        if found.len() != made.len() {
            return Err(format!("{} new events, not {}", found.len(), made.len()));
        }
        for (event, (key, _)) in made.iter().zip(found) {
            self.model.events[*event].stamp = Stamp::of(&key).unwrap();
        }
        Ok(())
    }

    /// Takes, and says how many there were.
    async fn take(&mut self, group: usize, max: usize) -> Result<usize, String> {
        let now = self.clock.now();
        self.model.tidy(group, now);
        let queue = &self.queues[group];
        let mut taken = vec![];
        // Nothing may also mean that no more than `max` keys were looked at: then the queue says that it has work.
        for _ in 0..=KEYS.len() {
            taken = queue.take(max).await.map_err(|error| error.to_string())?;
            let due = queue.next_due().await.map_err(|error| error.to_string())?;
            if !taken.is_empty() || due.is_none_or(|due| due > now) {
                break;
            }
        }
        let what: Vec<_> = taken.iter().map(|one| one.stamp()).collect();
        self.say(format!("{} takes {max}: {what:?}", GROUPS[group]));
        let heads = self.model.heads(group, now);
        if taken.len() > max || (taken.is_empty() && !heads.is_empty()) {
            let event = |index: &usize| &self.model.events[self.model.entries[group][*index].event];
            let heads: Vec<_> = heads.iter().map(event).collect();
            return Err(format!("{what:?} were taken, up to {max}, of {heads:?}"));
        }
        let count = taken.len();
        self.run.taken += count as u64;
        for delivery in taken {
            let event_of = |index: &usize| &self.model.events[self.model.entries[group][*index].event];
            let index = heads.iter().find(|index| event_of(index).stamp == delivery.stamp());
            let index = *index.ok_or_else(|| format!("{} may not be taken", delivery.stamp()))?;
            let event = event_of(&index).clone();
            let is_as_published = delivery.event.event == message(&event.draft).event
                && delivery.event.key.as_deref() == event.draft.key;
            let lease = self.model.lease(group, index, now);
            let (attempt, until) = (self.model.entries[group][index].attempts, now + LEASE);
            if !is_as_published || delivery.attempt != attempt || delivery.leased_until != until {
                return Err(format!("not attempt {attempt} at {event:?}: {delivery:?}"));
            }
            self.held.push(Held { group, lease, event, delivery });
        }
        Ok(count)
    }

    /// Nothing that may be taken is withheld, and the queue knows when there is more.
    async fn take_all(&mut self, group: usize) -> Result<(), String> {
        while self.take(group, ALL).await? > 0 {}
        let due = self.queues[group].next_due().await.map_err(|error| error.to_string())?;
        let end = due.unwrap_or(Timestamp(u64::MAX));
        match self.model.next(group, self.clock.now(), end) {
            None => Ok(()),
            Some(next) => Err(format!("{} is to look at {next:?}, and looks at {due:?}", GROUPS[group])),
        }
    }

    async fn settle(&mut self) -> Result<(), String> {
        if self.held.is_empty() {
            return Ok(());
        }
        // One of the last: its lease may not have run out.
        let index = self.held.len() - 1 - self.rng.random_range(0..self.held.len().min(8));
        let outcome = match self.rng.random_range(0..10) {
            0..4 => Outcome::Done,
            4 => Outcome::Reject { why: "drawn".into() },
            5 => Outcome::Returned,
            6 | 7 => {
                let after = Duration::from_millis(self.rng.random_range(0..3_000));
                Outcome::Retry { after: Some(after), why: "drawn".into() }
            }
            _ => Outcome::Retry { after: None, why: "a trap".into() },
        };
        let is_twice = self.rng.random_bool(0.1);
        self.end(index, &outcome).await?;
        if !is_twice {
            self.held.remove(index);
        }
        Ok(())
    }

    async fn end(&mut self, index: usize, outcome: &Outcome) -> Result<(), String> {
        let Held { group, lease, event, delivery } = &self.held[index];
        let settled = self.queues[*group].settle(delivery, outcome.clone()).await;
        let settled = settled.map_err(|error| error.to_string())?;
        let what = format!("{} settles {}: {outcome:?}, {settled:?}", GROUPS[*group], delivery.stamp());
        self.run.stale += u64::from(settled == Settled::Stale);
        self.run.dead += u64::from(settled == Settled::Dead);
        let agrees = self.model.settle((*group, *lease, event), outcome, &settled, self.clock.now());
        self.say(what);
        agrees
    }

    async fn begin(&mut self, group: usize) -> Result<(), String> {
        let now = self.clock.now();
        let start = match self.rng.random_range(0..3) {
            0 => Start::New,
            1 => Start::Earliest,
            _ => Start::At(Timestamp(now.0.saturating_sub(self.rng.random_range(0..10_000)))),
        };
        self.say(format!("{} is forgotten, and begins with {start:?}", GROUPS[group]));
        self.run.begun += 1;
        self.queues[group].forget().await.map_err(|error| error.to_string())?;
        let root = format!("shop/pubsub/orders/g/{}/", GROUPS[group]);
        let mut left = self.content(&root).await;
        // That an entry expired is noted until the group is taken from.
        left.retain(|key| !key.starts_with(&format!("{root}t/")));
        if !left.is_empty() {
            return Err(format!("a group that was forgotten has {left:?}"));
        }
        self.topic.begin(&self.members[group], start).await.map_err(|error| error.to_string())?;
        self.model.begin(group, start, now);
        let by = (&self.engine, &self.clock, &self.random);
        self.queues[group] = queue(by, &self.topic, &self.members[group], self.process);
        Ok(())
    }

    /// A letter of the operator's choice, and its place in the model.
    async fn letter(&mut self) -> Option<(Letter, usize)> {
        let (mut letters, _) = self.letters.list(None, ALL).await.unwrap();
        if letters.is_empty() {
            return None;
        }
        let letter = letters.swap_remove(self.rng.random_range(0..letters.len()));
        let (by, event) = (letter.stored.dead.as_ref().unwrap(), &letter.stored.event);
        let place = self.model.letters.iter().position(|other| {
            GROUPS[other.group] == by.group
                && other.attempts == by.attempts
                && message(&other.event.draft).event == *event
        });
        Some((letter, place?))
    }

    async fn drop_letter(&mut self) {
        if let Some((letter, place)) = self.letter().await {
            self.say(format!("drops letter {}", letter.stamp));
            assert!(self.letters.drop(&letter).await.unwrap());
            self.model.letters.remove(place);
        }
    }

    async fn replay(&mut self) -> Result<(), String> {
        let Some((letter, place)) = self.letter().await else { return Ok(()) };
        self.say(format!("replays letter {}", letter.stamp));
        self.run.replayed += 1;
        let member = &self.members[self.model.letters[place].group];
        assert!(self.letters.replay(&letter, &self.topic, member).await.unwrap());
        assert!(!self.letters.replay(&letter, &self.topic, member).await.unwrap(), "it was replayed twice");
        self.model.replay(place, self.clock.now());
        self.number(&[self.model.events.len() - 1]).await
    }

    /// The topic has what the model has.
    async fn check(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        self.model.pass(now);
        let events = self.model.events.iter().filter(|event| event.is_there(now)).count() as u64;
        let found = census::events(&*self.engine, self.topic.keys()).await.unwrap();
        if events != found {
            return Err(format!("{found} events, not {events}"));
        }
        for (group, member) in self.members.iter().enumerate() {
            let found = census::census(&*self.engine, self.topic.keys(), &member.group).await.unwrap();
            let entries = &self.model.entries[group];
            let leased = entries.iter().filter(|entry| entry.is_leased()).count() as u64;
            // What is due and of which the event is gone may be there until somebody looks.
            let is_short = found.ready + found.waiting + found.leased < entries.len() as u64;
            if found.leased != leased || is_short {
                return Err(format!("{} has {found:?}, not {entries:?}", GROUPS[group]));
            }
        }
        let (letters, _) = self.letters.list(None, ALL).await.unwrap();
        let of = |letter: &Letter| {
            let by = letter.stored.dead.clone().unwrap();
            let (data, key) = (letter.stored.event.data().cloned(), letter.stored.key.clone());
            (by.group, data, key, by.attempts)
        };
        let mut found: Vec<_> = letters.iter().map(of).collect();
        let model = self.model.letters.iter().map(|letter| {
            let draft = &letter.event.draft;
            let (data, key) = (message(draft).event.data().cloned(), draft.key.map(ToOwned::to_owned));
            (GROUPS[letter.group].to_owned(), data, key, letter.attempts)
        });
        let mut model: Vec<_> = model.collect();
        found.sort();
        model.sort();
        if found == model { Ok(()) } else { Err(format!("letters {found:?}, not {model:?}")) }
    }

    /// Time goes on until all is settled, and nothing is left.
    async fn drain(&mut self) -> Result<(), String> {
        for _ in 0..60 {
            for group in 0..GROUPS.len() {
                self.take_all(group).await?;
            }
            for index in (0..self.held.len()).rev() {
                self.end(index, &Outcome::Done).await?;
            }
            self.held.clear();
            self.check().await?;
            self.advance(SECOND);
        }
        if let Some(open) = self.model.entries.iter().flatten().next() {
            return Err(format!("never settled: {open:?}"));
        }
        let left = self.content("shop/pubsub/orders/").await;
        if left != ["loose", "ordered"].map(|group| format!("shop/pubsub/orders/m/{group}")) {
            return Err(format!("after all was settled there is {left:?}"));
        }
        Ok(())
    }

    async fn content(&self, prefix: &str) -> Vec<String> {
        let end = [&prefix.as_bytes()[..prefix.len() - 1], b"0"].concat();
        let span = Span { start: prefix.to_owned().into(), end: Some(end.into()), reverse: false };
        let budget = Budget { records: usize::MAX, bytes: usize::MAX, values: false };
        let (found, _) = self.engine.snapshot().await.unwrap().scan(&span, budget).await.unwrap();
        found.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
    }
}
