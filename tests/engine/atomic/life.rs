//! One life of a host: processes that come and go, clients that outlive them, a disk that fails.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZero,
    sync::{Arc, Mutex},
    time::Duration,
};

use mecha_primitives::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::Engine,
    delivery::{Retry, Source, pump},
    idempotency::Guard,
    jobs::{self, Job, Jobs, Schedule},
    pubsub::{
        Publisher,
        group::Group,
        queue::{self, Queue},
        topic::{Full, Member, Options, Topic},
    },
    random::Seeded,
    state::{Records, Scoped, Store},
    unit::{self, Transactions},
};
use mecha_tests::simdisk::{Fault, SimDisk};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    bug::Bug,
    engine::{Fresh, Simulated},
    history::{KEYS, State},
    host::{Conflicts, Counted, Handler, Host, Occasion},
    interpreter::{Grants, lock, name},
    judge,
    program::{self, Component},
    scheduler::{Place, Scheduler, now},
    workers::{ATTEMPTS, Item, Worker, client},
    world::{Totals, World},
};

/// How a life went.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) totals: Totals,
    pub(super) histories: u64,
    pub(super) transactions: u64,
    pub(super) events: u64,
    pub(super) dead: u64,
    pub(super) crashes: u64,
    pub(super) faults: u64,
    trace: u64,
}

/// Who is delivered to: the topic, the component, how many at once in one call, and whether in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscription {
    pub(super) topic: usize,
    pub(super) component: usize,
    batch: usize,
    ordered: bool,
}

pub(super) const SUBSCRIPTIONS: [Subscription; 4] = [
    Subscription { topic: 0, component: 1, batch: 1, ordered: true },
    Subscription { topic: 0, component: 3, batch: 1, ordered: true },
    Subscription { topic: 1, component: 2, batch: 3, ordered: false },
    Subscription { topic: 1, component: 0, batch: 1, ordered: false },
];

const ROUNDS: usize = 6;
const LEASE: Duration = Duration::from_secs(3);
const SECOND: Duration = Duration::from_secs(1);
/// A history that has so many transactions ends as soon as nothing is under way.
const ENOUGH: usize = 5;
/// Steps of a life, at the most: one that goes on for ever would be wrong, too.
const STEPS: usize = 300_000;

pub(super) struct Life {
    pub(super) engine: Arc<Simulated>,
    clock: Arc<ManualClock>,
    random: Arc<Seeded>,
    rng: StdRng,
    pub(super) world: Arc<Mutex<World>>,
    bug: Option<Bug>,
    app: Arc<Vec<Component>>,
    scheduler: Scheduler,
    /// The process that is there, for clients.
    host: Arc<Mutex<Option<Arc<Host>>>>,
    processes: u64,
    requests: u64,
    steps: usize,
}

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
    let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
    let engine = Arc::new(Simulated::new(disk, clock.clone(), bug, StdRng::seed_from_u64(rng.random())));
    let mut life = Life {
        engine,
        clock,
        random: Arc::new(Seeded::new(seed)),
        world: Arc::new(Mutex::new(World::new(rng.random()))),
        bug,
        app: Arc::new(program::app(&mut rng)),
        scheduler: Scheduler::default(),
        host: Arc::default(),
        processes: 0,
        requests: 0,
        steps: 0,
        rng,
    };
    let outcome = life.go().and_then(|()| judge::judge(&life));
    let world = lock(&life.world);
    let dead = outcome.map_err(|why| {
        let last = world.trace.len().saturating_sub(60);
        let app: Vec<_> = life.app.iter().map(|component| format!("{component:?}")).collect();
        format!("{why}\nafter\n  {}\nin\n  {}", world.trace[last..].join("\n  "), app.join("\n  "))
    })?;
    let mut trace = DefaultHasher::new();
    (&world.trace, life.engine.disk.trace()).hash(&mut trace);
    Ok(Run {
        totals: world.totals.clone(),
        histories: world.history.checked,
        transactions: world.history.transactions,
        events: world.seen.len() as u64,
        dead,
        crashes: life.engine.disk.crashes(),
        faults: life.engine.disk.faults(),
        trace: trace.finish(),
    })
}

impl Life {
    fn go(&mut self) -> Result<(), String> {
        self.begin()?;
        for _ in 0..ROUNDS {
            self.round()?;
        }
        self.drain()
    }

    /// A process begins.
    fn begin(&mut self) -> Result<(), String> {
        self.scheduler.end(Place::Host);
        self.engine.restart();
        self.processes += 1;
        lock(&self.world).trace.push("a process begins".into());
        // Whatever was under way has happened, or it has not.
        self.until_it_works(|life| life.close())?;
        let names: [_; SUBSCRIPTIONS.len()] = ["atomic", "plain", "batches", "single"];
        let members: Vec<_> = SUBSCRIPTIONS.iter().zip(names).map(|(of, name)| member(*of, name)).collect();
        let of_topic = |topic: usize| {
            let members = SUBSCRIPTIONS.iter().zip(&members).filter(move |(of, _)| of.topic == topic);
            members.map(|(_, member)| member.clone()).collect::<Vec<_>>()
        };
        let roomy = 1 << 20;
        let topics = [
            self.topic("orders", Full::Wait, 3_000, of_topic(0)),
            self.topic("notes", Full::Refuse, 3_000, of_topic(1)),
        ];
        let dead = self.dead_letters(roomy);
        let retry = Retry { max_attempts: Some(ATTEMPTS), max_age: None, min: SECOND / 4, max: 2 * SECOND };
        let jobs = self.jobs("shop/jobs/web/", retry);
        let schedule = self.jobs("shop/schedules/beat/", retry);
        let host = self.make(&topics, jobs.clone());
        for (index, (of, Member { group, changed, .. })) in SUBSCRIPTIONS.iter().zip(members).enumerate() {
            let way = queue::Options { retry, lease: LEASE, dead_letters: Some(dead.clone()) };
            let (clock, random) = (self.clock.clone(), self.random.clone());
            let queue =
                Queue::new(&topics[of.topic], group, changed.clone(), way, self.processes, clock, random);
            let source = Arc::new(Group::new(vec![queue], changed));
            self.until_it_works(|_| now(source.recover()).map_err(|error| error.to_string()))?;
            let worker = Worker {
                host: host.clone(),
                source,
                group: index,
                component: of.component,
                handler: Handler::Event,
            };
            self.pump(worker, pace(of.batch));
        }
        for (group, source) in [jobs, schedule.clone()].into_iter().enumerate() {
            self.until_it_works(|_| now(source.recover()).map_err(|error| error.to_string()))?;
            let worker =
                Worker { host: host.clone(), source, group, component: group, handler: Handler::Tick };
            self.pump(worker, pace(1));
        }
        let beat =
            || Job { data: "0 0".into(), ..Job::new("beat", Schedule::interval(7 * SECOND, None).unwrap()) };
        self.until_it_works(|_| {
            now(schedule.reconcile("beat", Some(beat()))).map_err(|error| error.to_string())
        })?;
        *self.host.lock().unwrap() = Some(host);
        Ok(())
    }

    fn until_it_works<T>(
        &mut self,
        mut what: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut last = String::new();
        for _ in 0..20 {
            match what(self) {
                Ok(done) => return Ok(done),
                Err(why) => last = why,
            }
            if last.starts_with("not serializable") {
                break;
            }
            self.engine.disk.heal();
            self.engine.disk.restart();
        }
        Err(last)
    }

    fn topic(&self, name: &str, full: Full, max_bytes: u64, members: Vec<Member>) -> Arc<Topic> {
        let by = (self.clock.clone() as _, self.random.clone() as _);
        // Repetitions are forgotten before the end, so that nothing is to be left then.
        let options = Options { max_bytes, full, window: Some(20 * SECOND), ..Options::default() };
        let (app, name) = ("shop".parse().unwrap(), name.parse().unwrap());
        Arc::new(Topic::new(&app, name, self.engine.clone(), by, options, members))
    }

    pub(super) fn dead_letters(&self, max_bytes: u64) -> Arc<Topic> {
        self.topic("failed", Full::Refuse, max_bytes, vec![])
    }

    pub(super) fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }

    fn jobs(&self, account: &str, retry: Retry) -> Arc<Jobs> {
        let options = jobs::Options { lease: LEASE, retry, max_bytes: None };
        let (engine, account) = (self.engine.clone(), account.to_owned().into());
        Arc::new(Jobs::new(engine, self.clock.clone(), self.random.clone(), account, options))
    }

    fn make(&self, topics: &[Arc<Topic>], jobs: Arc<Jobs>) -> Arc<Host> {
        let store = |name: &str| -> Arc<dyn Store> {
            let records = Arc::new(Records::new(self.engine.clone(), self.clock.clone()));
            Arc::new(Scoped::new(records, format!("shop/state/{name}/")))
        };
        let base: Arc<dyn Engine> = match self.bug {
            Some(Bug::FreshSnapshots) => Arc::new(Fresh(self.engine.clone())),
            _ => self.engine.clone(),
        };
        let transactions = self.app.iter().map(|_| {
            let observer = Arc::new(Conflicts(Counted(self.world.clone())));
            let options = unit::transactions::Options::default();
            Transactions::new(base.clone(), self.clock.clone(), self.random.clone(), observer, options)
        });
        Arc::new(Host {
            world: self.world.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            engine: self.engine.clone(),
            bug: self.bug,
            app: self.app.clone(),
            grants: Grants {
                main: store("main"),
                marks: store("marks"),
                topics: topics.iter().map(|topic| topic.clone() as Arc<dyn Publisher>).collect(),
                jobs,
            },
            transactions: transactions.collect(),
            in_flight: Guard::default(),
            spawner: self.scheduler.spawner(),
        })
    }

    fn pump<S: Source<Item: Item>>(&self, worker: Worker<S>, pace: pump::Pace) {
        let (source, clock, stop) = (worker.source.clone(), self.clock.clone(), CancellationToken::new());
        let pump = pump::pump(source, Arc::new(worker), pace, clock, stop);
        self.scheduler.spawner().spawn(Place::Host, pump);
    }

    /// Some requests, perhaps a fault, and some seconds.
    fn round(&mut self) -> Result<(), String> {
        if self.rng.random_bool(0.35) {
            let fault =
                [Fault::Crash, Fault::Crash, Fault::Error, Fault::FailSync][self.rng.random_range(0..4)];
            self.engine.disk.plan(self.rng.random_range(0..250), fault);
        }
        for _ in 0..self.rng.random_range(1..4) {
            self.send();
        }
        if self.rng.random_bool(0.5) {
            self.call_plainly();
        }
        let end = self.clock.now() + Duration::from_millis(self.rng.random_range(500..4_000));
        self.until(end, true)?;
        if self.rng.random_bool(0.08) {
            self.engine.disk.crash();
        }
        Ok(())
    }

    fn send(&mut self) {
        self.requests += 1;
        let (host, component) = (self.host.clone(), self.rng.random_range(0..3));
        let (key, by) = (format!("r{}", self.requests), (self.world.clone(), self.clock.clone()));
        let spawner = self.scheduler.spawner();
        let host = move || host.lock().unwrap().clone();
        self.scheduler.spawner().spawn(Place::Outside, client(host, spawner, component, key, by));
    }

    fn call_plainly(&mut self) {
        let Some(host) = self.host.lock().unwrap().clone() else { return };
        let input = (self.rng.random_range(0..1000), 0);
        let deadline = self.clock.now() + 3 * SECOND;
        let occasion =
            Occasion { component: 3, handler: Handler::Call, inputs: vec![], triggers: vec![], deadline };
        self.scheduler.spawner().spawn(Place::Host, async move { _ = host.plain(&occasion, input).await });
    }

    /// Lets all go on until a time.
    fn until(&mut self, end: Timestamp, can_jump: bool) -> Result<(), String> {
        while self.clock.now() < end {
            self.steps += 1;
            if self.steps > STEPS {
                return Err("it does not come to rest".into());
            }
            let has_moved = self.scheduler.step(&mut self.rng);
            if self.engine.disk.is_down() {
                self.begin()?;
                continue;
            }
            if let Some(why) = &lock(&self.world).wrong {
                return Err(why.clone());
            }
            let is_over = {
                let world = lock(&self.world);
                world.open == 0 && world.history.len() >= ENOUGH
            };
            if is_over {
                // Otherwise the disk has failed, and it is looked at later.
                self.close().or_else(|why| if why.starts_with("not s") { Err(why) } else { Ok(()) })?;
            }
            if has_moved && can_jump && self.rng.random_bool(0.002) {
                // Time passes while something is under way: leases run out.
                self.clock.advance(Duration::from_millis(self.rng.random_range(0..5_000)));
            }
            if !has_moved {
                let next = self.clock.next_wake().unwrap_or(end).min(end);
                self.clock.set(next.max(self.clock.now() + Duration::from_millis(1)));
            }
        }
        Ok(())
    }

    /// Nothing is under way: what is there is what came of it.
    fn close(&mut self) -> Result<(), String> {
        let failed = |error| format!("{error:?}");
        let moment = self.engine.moment().map_err(failed)?;
        let mut state: State = [None; KEYS];
        for (key, value) in state.iter_mut().enumerate() {
            let found = moment.get(format!("shop/state/main/{}", name(key).as_str()).as_bytes());
            let found = found.map_err(|broken| failed(broken.into()))?;
            *value = found.and_then(|record| std::str::from_utf8(&record.value).ok()?.parse().ok());
        }
        let unknown = lock(&self.world).unknown();
        let mut known = vec![];
        for token in unknown {
            let found = moment.get(format!("shop/state/marks/run/{token}/0").as_bytes());
            known.push((token, found.map_err(|broken| failed(broken.into()))?.is_some()));
        }
        let mut world = lock(&self.world);
        for (token, is_there) in known {
            world.told_by_storage(token, is_there);
        }
        world.history.close(state)
    }

    /// Nothing fails any more, and all is worked on.
    fn drain(&mut self) -> Result<(), String> {
        lock(&self.world).is_calm = true;
        self.engine.calm();
        self.engine.disk.heal();
        if self.engine.disk.is_down() {
            self.begin()?;
        }
        self.until(self.clock.now() + 45 * SECOND, false)?;
        // A job may have become due in this very moment.
        for _ in 0..100 {
            self.until(self.clock.now() + SECOND / 10, false)?;
            while self.scheduler.step(&mut self.rng) {}
            if lock(&self.world).open == 0 {
                break;
            }
        }
        self.until_it_works(|life| life.close())
    }
}

fn member(of: Subscription, name: &str) -> Member {
    Member {
        group: name.parse().unwrap(),
        filter: None,
        ordered: of.ordered,
        changed: Arc::new(Notify::new()),
    }
}

fn pace(batch: usize) -> pump::Pace {
    let some = |count| NonZero::new(count).unwrap();
    match batch {
        1 => pump::Pace::single(some(2)),
        _ => pump::Pace { concurrency: some(2), batch: some(batch), fill: SECOND / 10 },
    }
}
