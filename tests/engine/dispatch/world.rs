//! What the handlers and publishers have seen: it outlives every crash, and judges.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use mecha_primitives::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{self, Stamp},
    delivery::{
        Outcome, Settled,
        pump::{Attempts, Ended},
    },
    jobs,
    pubsub::group::Taken,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::life::Bug;

/// An event's id, as one group has it.
pub(super) type Mine = (usize, String);

pub(super) struct World {
    pub(super) rng: StdRng,
    /// Acknowledged publications in order: id, key, whether it may expire.
    pub(super) published: Vec<(String, String, bool)>,
    pub(super) worked: BTreeSet<Mine>,
    pub(super) told: BTreeMap<Mine, Settled>,
    /// The last stamp that an attempt began at, by group and key.
    last: BTreeMap<(usize, String), Stamp>,
    /// Attempts that run, and the ends of their leases.
    pub(super) running: BTreeMap<Mine, Timestamp>,
    /// Events that may be settled, whether that was told or not.
    over: BTreeSet<Mine>,
    ticks: BTreeSet<Timestamp>,
    /// Handlers do their best.
    pub(super) is_calm: bool,
    pub(super) wrong: Option<String>,
    pub(super) trace: Vec<String>,
    pub(super) attempts: u64,
    pub(super) stale: u64,
    pub(super) tick_count: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            published: vec![],
            worked: BTreeSet::new(),
            told: BTreeMap::new(),
            last: BTreeMap::new(),
            running: BTreeMap::new(),
            over: BTreeSet::new(),
            ticks: BTreeSet::new(),
            is_calm: false,
            wrong: None,
            trace: vec![],
            attempts: 0,
            stale: 0,
            tick_count: 0,
        }
    }

    pub(super) fn wrong(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }

    fn begins(&mut self, group: usize, taken: &Taken, now: Timestamp) {
        let (delivery, event) = (&taken.delivery, &taken.delivery.event);
        let mine = (group, event.event.id().to_owned());
        self.attempts += 1;
        self.trace.push(format!("{} begins {mine:?} {}", now.0, delivery.attempt));
        if self.running.get(&mine).is_some_and(|until| *until > now) {
            self.wrong(format!("two attempts at {mine:?} at once"));
        }
        self.running.insert(mine.clone(), delivery.leased_until);
        if delivery.attempt >= ATTEMPTS {
            // Whatever becomes of this attempt: it is the last.
            self.over.insert(mine.clone());
        }
        if matches!(self.told.get(&mine), Some(Settled::Done | Settled::Dead)) {
            self.wrong(format!("{mine:?} comes again, and was settled"));
        }
        let Some(key) = event.key.clone().filter(|_| group != 2) else { return };
        let last = self.last.entry((group, key.clone())).or_default();
        if *last > delivery.stamp() {
            let why = format!("{mine:?} begins after a later one of {key}");
            return self.wrong(why);
        }
        *last = delivery.stamp();
        if !self.published.iter().any(|(id, ..)| *id == mine.1) {
            return;
        }
        let before = self.published.iter().take_while(|(id, ..)| *id != mine.1);
        let before = before.filter(|(_, other, expires)| *other == key && !expires);
        let open = before.map(|(id, ..)| id).find(|id| !self.over.contains(&(group, (*id).clone())));
        if let Some(id) = open {
            let why = format!("{mine:?} begins before {id} of {key} is settled");
            self.wrong(why);
        }
    }
}

/// Attempts at an event.
pub(super) const ATTEMPTS: u32 = 4;

/// The handler of a group.
pub(super) struct Handler {
    pub(super) group: usize,
    pub(super) world: Arc<Mutex<World>>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) bug: Option<Bug>,
}

impl Handler {
    /// How long an attempt takes, and how it ends.
    fn draw(&self) -> (Duration, Outcome) {
        let mut world = self.world.lock().unwrap();
        let calm = world.is_calm;
        let millis = match world.rng.random_range(0..20) {
            0..10 => 0,
            // Beyond its lease.
            19 if !calm => world.rng.random_range(5_000..12_000),
            _ => world.rng.random_range(1..2_000),
        };
        let outcome = match world.rng.random_range(0..20) {
            0..13 => Outcome::Done,
            _ if calm => Outcome::Done,
            13 => Outcome::Reject { why: "drawn".into() },
            14 => Outcome::Returned,
            15 => Outcome::Retry { after: Some(Duration::from_millis(500)), why: "drawn".into() },
            _ => Outcome::Retry { after: None, why: "a trap".into() },
        };
        (Duration::from_millis(millis), outcome)
    }
}

#[async_trait]
impl Attempts<Taken> for Handler {
    type Permit = ();

    async fn permit(&self) {}

    async fn attempt(&self, items: &[Taken], (): ()) -> Vec<Ended> {
        let (took, _) = self.draw();
        let now = self.clock.now();
        items.iter().for_each(|item| self.world.lock().unwrap().begins(self.group, item, now));
        if !took.is_zero() {
            self.clock.sleep_until(now + took).await;
        }
        let outcome = |item: &Taken| {
            let (_, outcome) = self.draw();
            let forgets =
                self.bug == Some(Bug::EarlyHandler) && self.world.lock().unwrap().rng.random_bool(0.05);
            let mine = (self.group, item.delivery.event.event.id().to_owned());
            let mut world = self.world.lock().unwrap();
            if matches!(outcome, Outcome::Done | Outcome::Reject { .. }) {
                world.over.insert(mine.clone());
            }
            if outcome == Outcome::Done && !forgets {
                world.worked.insert(mine);
            }
            drop(world);
            outcome.into()
        };
        items.iter().map(outcome).collect()
    }

    fn settled(&self, item: &Taken, outcome: &Outcome, settled: &Settled) {
        let mut world = self.world.lock().unwrap();
        let mine = (self.group, item.delivery.event.event.id().to_owned());
        world.trace.push(format!("{mine:?} {outcome:?} {settled:?}"));
        if *settled == Settled::Stale {
            world.stale += 1;
            return;
        }
        // So that the next attempt does not overlap with this one.
        world.running.insert(mine.clone(), Timestamp(0));
        let before = world.told.insert(mine.clone(), settled.clone());
        if matches!(before, Some(Settled::Done | Settled::Dead)) {
            world.wrong(format!("{mine:?} was settled twice: {before:?}, {settled:?}"));
        }
    }

    fn hindered(&self, error: &commit::Error) {
        self.world.lock().unwrap().trace.push(format!("hindered {error}"));
    }
}

/// The handler of the job.
pub(super) struct Ticker(pub(super) Handler);

#[async_trait]
impl Attempts<jobs::Item> for Ticker {
    type Permit = ();

    async fn permit(&self) {}

    async fn attempt(&self, items: &[jobs::Item], (): ()) -> Vec<Ended> {
        let (took, outcome) = self.0.draw();
        self.0.clock.sleep_until(self.0.clock.now() + took).await;
        items.iter().map(|_| outcome.clone().into()).collect()
    }

    fn settled(&self, item: &jobs::Item, outcome: &Outcome, settled: &Settled) {
        let mut world = self.0.world.lock().unwrap();
        world.trace.push(format!("tick {} {outcome:?} {settled:?}", item.due.0));
        if matches!(settled, Settled::Done | Settled::Dead) {
            world.tick_count += 1;
            if !world.ticks.insert(item.due) {
                world.wrong(format!("the run of {} was settled twice", item.due.0));
            }
        }
    }

    fn hindered(&self, _: &commit::Error) {}
}
