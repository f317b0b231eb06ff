//! One life of a host.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZero,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use mecha_primitives::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{Budget, Engine as _, Span},
    delivery::{Retry, pump},
    jobs::{self, Job, Jobs, Schedule, Scheduler as _},
    pubsub::{
        Error, Message, Publisher as _,
        event::Draft,
        group::Group,
        letters::Letters,
        queue::{self, Queue},
        topic::{Member, Options, Topic},
    },
    random::Seeded,
};
use mecha_tests::simdisk::{Fault, SimDisk};
use rand::RngExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    engine::Inline,
    world::{ATTEMPTS, Handler, Ticker, World},
};

/// A bug that is there on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// The engine does not look at versions: a stale lease settles.
    IgnoredVersions,
    /// A new process does not look for the leases of the former one.
    SkippedRecovery,
    /// The disk's syncs do nothing.
    LyingDisk,
    /// A commit that failed is acknowledged.
    EarlyAcknowledgment,
    /// A handler says that it is done, and has done nothing.
    EarlyHandler,
}

/// How a life went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) published: u64,
    pub(super) attempts: u64,
    pub(super) dead: u64,
    pub(super) stale: u64,
    pub(super) ticks: u64,
    pub(super) crashes: u64,
    trace: u64,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks that are polled until nothing moves.
struct Tasks {
    tasks: Vec<Task>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Tasks {
    fn run(&mut self) {
        let waker = Waker::from(self.woken.clone());
        self.woken.0.store(true, Ordering::Relaxed);
        while self.woken.0.swap(false, Ordering::Relaxed) {
            self.tasks.retain_mut(|task| task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
}

/// Everything here is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

struct Life {
    engine: Arc<Inline>,
    clock: Arc<ManualClock>,
    random: Arc<Seeded>,
    world: Arc<Mutex<World>>,
    bug: Option<Bug>,
    process: u64,
    topic: Arc<Topic>,
    dead: Arc<Topic>,
    tasks: Tasks,
    next: u64,
}

const GROUPS: [&str; 3] = ["single", "batch", "unordered"];
const ROUNDS: usize = 12;
const LEASE: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// Lives the life of `seed`.
///
/// # Errors
/// What was found wrong.
pub(super) fn live(seed: u64, bug: Option<Bug>) -> Result<Run, String> {
    let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
    let disk = SimDisk::new(seed);
    if bug == Some(Bug::LyingDisk) {
        disk.lie();
    }
    let engine = Arc::new(Inline { disk, clock: clock.clone(), bug, database: Mutex::new(None) });
    let random = Arc::new(Seeded::new(seed));
    let world = Arc::new(Mutex::new(World::new(seed)));
    let topic = |name: &str| {
        let by = (clock.clone() as _, random.clone() as _);
        let (app, name) = ("shop".parse().unwrap(), name.parse().unwrap());
        Arc::new(Topic::new(&app, name, engine.clone(), by, options(), vec![]))
    };
    let (topic, dead) = (topic("orders"), topic("failed"));
    let tasks = Tasks { tasks: vec![], woken: Arc::new(Woken(AtomicBool::new(false))) };
    let mut life = Life { engine, clock, random, world, bug, process: 0, topic, dead, tasks, next: 0 };
    life.begin();
    life.work();
    life.drain();
    let found = life.judge();
    let world = life.world.lock().unwrap();
    if let Some(why) = world.wrong.clone().or_else(|| found.as_ref().err().cloned()) {
        let last = world.trace.len().saturating_sub(60);
        return Err(format!("{why}\nafter\n  {}", world.trace[last..].join("\n  ")));
    }
    let mut trace = DefaultHasher::new();
    (&world.trace, life.engine.disk.trace()).hash(&mut trace);
    Ok(Run {
        published: world.published.len() as u64,
        attempts: world.attempts,
        dead: found.unwrap_or_default(),
        stale: world.stale,
        ticks: world.tick_count,
        crashes: life.engine.disk.crashes(),
        trace: trace.finish(),
    })
}

impl Life {
    fn is_wrong(&self) -> bool {
        self.world.lock().unwrap().wrong.is_some()
    }

    fn handler(&self, group: usize) -> Handler {
        Handler { group, world: self.world.clone(), clock: self.clock.clone(), bug: self.bug }
    }

    /// A process begins.
    fn begin(&mut self) {
        self.engine.disk.restart();
        *self.engine.database.lock().unwrap() = None;
        self.process += 1;
        self.world.lock().unwrap().running.values_mut().for_each(|until| *until = Timestamp(0));
        let members: Vec<_> = GROUPS
            .iter()
            .enumerate()
            .map(|(index, group)| Member {
                group: group.parse().unwrap(),
                filter: None,
                ordered: index != 2,
                changed: Arc::new(Notify::new()),
            })
            .collect();
        let by = (self.clock.clone() as _, self.random.clone() as _);
        let (app, name) = ("shop".parse().unwrap(), "orders".parse().unwrap());
        let (engine, options) = (self.engine.clone(), options());
        self.topic = Arc::new(Topic::new(&app, name, engine, by, options, members.clone()));
        let retry = Retry { max_attempts: Some(ATTEMPTS), max_age: None, min: SECOND, max: 4 * SECOND };
        for (index, member) in members.into_iter().enumerate() {
            let way = queue::Options { retry, lease: LEASE, dead_letters: Some(self.dead.clone()) };
            let Member { group, changed, .. } = member;
            let (clock, random) = (self.clock.clone(), self.random.clone());
            let queue = Queue::new(&self.topic, group, changed.clone(), way, self.process, clock, random);
            let group = Arc::new(Group::new(vec![queue], changed));
            if self.bug != Some(Bug::SkippedRecovery) {
                self.until_it_works(|| now(group.recover()).is_ok());
            }
            let some = |count| NonZero::new(count).unwrap();
            let pace = match index {
                1 => pump::Pace { concurrency: some(2), batch: some(4), fill: SECOND / 2 },
                _ => pump::Pace::single(some(3)),
            };
            let handler = Arc::new(self.handler(index));
            let stop = CancellationToken::new();
            self.tasks.tasks.push(Box::pin(pump::pump(group, handler, pace, self.clock.clone(), stop)));
        }
        self.no_former_leases();
        let options = jobs::Options { lease: LEASE, retry, max_bytes: None };
        let (engine, account) = (self.engine.clone(), "shop/jobs/web/".into());
        let jobs = Arc::new(Jobs::new(engine, self.clock.clone(), self.random.clone(), account, options));
        self.until_it_works(|| now(jobs.recover()).is_ok());
        // It is there already, but for the first time.
        _ = now(jobs.schedule(Job::new("tick", Schedule::interval(7 * SECOND, None).unwrap()), false));
        let handler = Arc::new(Ticker(self.handler(0)));
        let pace = pump::Pace::single(NonZero::<usize>::MIN);
        let stop = CancellationToken::new();
        self.tasks.tasks.push(Box::pin(pump::pump(jobs, handler, pace, self.clock.clone(), stop)));
    }

    fn until_it_works(&self, mut works: impl FnMut() -> bool) {
        for _ in 0..10 {
            if works() {
                return;
            }
            self.engine.disk.heal();
            self.engine.disk.restart();
        }
        self.world.lock().unwrap().wrong("the storage does not come back".into());
    }

    /// Nobody holds a lease when a process begins.
    fn no_former_leases(&self) {
        if let Some(found) = self.content("shop/pubsub/orders/g/") {
            let leased =
                found.iter().filter(|key| GROUPS.iter().any(|group| key.contains(&format!("{group}/l/"))));
            if leased.count() > 0 {
                self.world.lock().unwrap().wrong("a lease outlived its process and the recovery".into());
            }
        }
    }

    fn content(&self, prefix: &str) -> Option<Vec<String>> {
        let end = [&prefix.as_bytes()[..prefix.len() - 1], b"0"].concat();
        let span = Span { start: prefix.to_owned().into(), end: Some(end.into()), reverse: false };
        let budget = Budget { records: usize::MAX, bytes: usize::MAX, values: false };
        let (found, _) = now(now(self.engine.snapshot()).ok()?.scan(&span, budget)).ok()?;
        Some(found.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect())
    }

    fn work(&mut self) {
        for _ in 0..ROUNDS {
            if self.is_wrong() {
                return;
            }
            let (plan, kill, publish, jump) = {
                let rng = &mut self.world.lock().unwrap().rng;
                let fault = [Fault::Crash, Fault::Error, Fault::FailSync][rng.random_range(0..3)];
                let plan = rng.random_bool(0.1).then(|| (rng.random_range(0..60), fault));
                (plan, rng.random_bool(0.03), rng.random_bool(0.6), rng.random_range(0..3_000))
            };
            if let Some((after, fault)) = plan {
                self.engine.disk.plan(after, fault);
            }
            if publish {
                self.publish();
            }
            self.tasks.run();
            if kill || self.engine.disk.is_down() {
                self.tasks.tasks.clear();
                self.world.lock().unwrap().trace.push("a new process".into());
                self.begin();
            }
            let next =
                self.clock.next_wake().map_or(jump, |at| at.0.saturating_sub(self.clock.now().0).min(jump));
            self.clock.advance(Duration::from_millis(next.max(1)));
        }
    }

    /// Publishes some messages, and remembers those that were acknowledged.
    fn publish(&mut self) {
        let count = self.world.lock().unwrap().rng.random_range(1..5);
        let mut messages = vec![];
        for _ in 0..count {
            let rng = &mut self.world.lock().unwrap().rng;
            self.next += 1;
            let draft = Draft {
                id: Some(format!("e{}", self.next)),
                source: Some("/life".into()),
                kind: Some("life.v1".into()),
                ..Draft::default()
            };
            let key = rng.random_bool(0.8).then(|| ["k", "l", "m"][rng.random_range(0..3)].into());
            let ttl = rng.random_bool(0.1).then(|| rng.random_range(1..20) * SECOND);
            let delay = rng.random_bool(0.15).then(|| rng.random_range(1..6) * SECOND);
            messages.push(Message { event: draft.check().unwrap(), recognizable: true, key, delay, ttl });
        }
        // What is not known to be there is published again, as a publisher would.
        for attempt in 0..3 {
            let outcomes = now(self.topic.publish(messages.clone(), self.clock.now()));
            let world = &mut *self.world.lock().unwrap();
            world
                .trace
                .push(format!("published {:?}", outcomes.iter().map(Result::is_ok).collect::<Vec<_>>()));
            if outcomes.iter().all(Result::is_ok) {
                let known = messages.iter().map(|message| {
                    let key = message.key.as_deref().unwrap_or_default().to_owned();
                    (message.event.id().to_owned(), key, message.ttl.is_some())
                });
                world.published.extend(known);
                return;
            }
            let is_unknown = outcomes.contains(&Err(Error::Timeout));
            if !is_unknown || attempt == 2 || self.engine.disk.is_down() {
                return;
            }
        }
    }

    /// Nothing fails any more.
    fn drain(&mut self) {
        self.world.lock().unwrap().is_calm = true;
        self.engine.disk.heal();
        if self.engine.disk.is_down() {
            self.tasks.tasks.clear();
            self.begin();
        }
        let end = self.clock.now() + 60 * SECOND;
        while self.clock.now() < end && !self.is_wrong() {
            self.tasks.run();
            let now = self.clock.now();
            let next = self.clock.next_wake().unwrap_or(end).min(end);
            self.clock.set(next.max(now + Duration::from_millis(1)));
        }
        self.tasks.run();
    }

    /// Counts the dead letters.
    fn judge(&self) -> Result<u64, String> {
        let left = self.content("shop/pubsub/orders/").ok_or("the topic cannot be read")?;
        if !left.is_empty() {
            return Err(format!("after all was settled there is {left:?}"));
        }
        let letters = Letters::new(self.dead.clone(), self.clock.clone());
        let (letters, _) = now(letters.list(None, 10_000)).map_err(|error| error.to_string())?;
        let world = self.world.lock().unwrap();
        let mut dead = std::collections::BTreeSet::new();
        for letter in &letters {
            let by = letter.stored.dead.as_ref().ok_or("a letter without a reason")?;
            let group = GROUPS.iter().position(|group| *group == by.group).ok_or("a letter of no group")?;
            let mine = (group, letter.stored.event.id().to_owned());
            if world.told.get(&mine) == Some(&mecha_primitives::delivery::Settled::Done) {
                return Err(format!("{mine:?} is done and dead"));
            }
            if !dead.insert(mine.clone()) {
                return Err(format!("{mine:?} is dead twice"));
            }
        }
        for (id, _, expires) in &world.published {
            for group in 0..GROUPS.len() {
                let mine = (group, id.clone());
                if !expires && !world.worked.contains(&mine) && !dead.contains(&mine) {
                    return Err(format!("{mine:?} was acknowledged, and is neither done nor dead"));
                }
            }
        }
        Ok(letters.len() as u64)
    }
}

/// Repetitions are forgotten before the end, so that nothing is to be left then.
fn options() -> Options {
    Options { window: Some(20 * SECOND), ..Options::default() }
}
