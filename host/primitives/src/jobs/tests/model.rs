//! Random operations on the jobs and on a model of them: thousands of steps, a clock that jumps.

use std::{collections::BTreeMap, time::Duration};

use super::World;
use crate::{
    clock::{Clock as _, Timestamp},
    delivery::{Outcome, Retry, Settled, Source as _},
    jobs::{Item, Job, Jobs, Missed, Options, Schedule, Scheduler as _, conformance::Fixture as _},
    random::{Random as _, Seeded},
};

const LEASE: u64 = 40;
const MAX_ATTEMPTS: u32 = 4;
const STEPS: usize = 6000;

/// A job as the model has it: times by counting, no index.
#[derive(Debug, Clone)]
struct Model {
    every: u64,
    missed: Missed,
    max_runs: Option<u32>,
    runs: u64,
    due: u64,
    attempts: u32,
    ready: u64,
    /// Whether the present attempt has not been settled.
    leased: bool,
    /// Which lease it is; none that is older can settle.
    lease: usize,
}

impl Model {
    fn next(mut self) -> Option<Self> {
        self.due += self.every;
        (self.ready, self.attempts, self.leased) = (self.due, 0, false);
        Some(self)
    }

    fn finish(mut self) -> Option<Self> {
        self.runs += 1;
        if self.max_runs.is_some_and(|max| self.runs >= max.into()) { None } else { self.next() }
    }

    /// The model of [`Missed::RunAll`] has no bound: the steps are too short for it.
    fn begin(mut self, now: u64) -> (Option<Self>, bool) {
        if self.attempts == 0 {
            if self.missed != Missed::RunAll {
                while self.due + self.every <= now {
                    self.due += self.every;
                }
            }
            if self.missed == Missed::Skip && now - self.due > 60_000 {
                return (self.next(), false);
            }
        } else if self.leased && self.attempts >= MAX_ATTEMPTS {
            return (self.finish(), false);
        }
        self.attempts += 1;
        (self.ready, self.leased) = (now + LEASE, true);
        (Some(self), true)
    }
}

struct Run {
    world: World,
    jobs: Jobs,
    random: Seeded,
    model: BTreeMap<String, Model>,
    /// Leases that were given, live or not.
    items: Vec<(Item, usize)>,
    leases: usize,
    processes: u64,
    settled: BTreeMap<(String, usize, u64), ()>,
    generation: BTreeMap<String, usize>,
}

fn process(world: &World, number: u64) -> Jobs {
    let retry = Retry { max_attempts: Some(MAX_ATTEMPTS), ..Retry::default() };
    let options = Options { lease: Duration::from_millis(LEASE), retry, max_bytes: None };
    let random = std::sync::Arc::new(Seeded::new(number << 40));
    Jobs::new(world.engine(), world.clock.clone(), random, "app/schedules/jobs/".into(), options)
}

impl Run {
    fn below(&self, bound: u64) -> u64 {
        self.random.next() % bound
    }

    fn name(&self) -> String {
        format!("job{}", self.below(6))
    }

    fn now(&self) -> u64 {
        self.world.clock.now().0
    }

    async fn step(&mut self) {
        match self.below(20) {
            0 | 1 => self.schedule().await,
            2 => {
                let name = self.name();
                self.jobs.cancel(&name).await.unwrap();
                self.model.remove(&name);
            }
            3..=8 => self.take().await,
            9..=14 => self.settle().await,
            15..=17 => self.world.clock.set(Timestamp(self.now() + self.below(60))),
            18 => {
                let jump = if self.below(8) == 0 { 200_000 } else { 500 };
                let now = self.now();
                let back = self.below(2) == 0;
                let by = self.below(jump);
                self.world.clock.set(Timestamp(if back { now - by.min(300) } else { now + by }));
            }
            _ if self.below(10) == 0 => {
                self.processes += 1;
                self.jobs = process(&self.world, self.processes);
                self.jobs.recover().await.unwrap();
                let now = self.now();
                for job in self.model.values_mut().filter(|job| job.leased) {
                    job.ready = job.ready.min(now);
                    self.leases += 1;
                    job.lease = self.leases;
                }
            }
            _ => {}
        }
    }

    async fn schedule(&mut self) {
        let name = self.name();
        let every = 5 + self.below(400);
        let missed = [Missed::Skip, Missed::RunOnce, Missed::RunAll][usize::try_from(self.below(3)).unwrap()];
        // So many runs would be missed by a jump that the bound on them would matter.
        let every = if missed == Missed::RunAll { every + 2000 } else { every };
        let max_runs = (self.below(3) == 0).then(|| 1 + u32::try_from(self.below(5)).unwrap());
        let replace = self.below(2) == 0;
        let schedule = Schedule::interval(Duration::from_millis(every), None).unwrap();
        let job = Job { missed, max_runs, ..Job::new(&name, schedule) };
        let done = self.jobs.schedule(job, replace).await;
        assert_eq!(done.is_ok(), replace || !self.model.contains_key(&name));
        if done.is_ok() {
            let due = self.now() + every;
            *self.generation.entry(name.clone()).or_default() += 1;
            let model = Model {
                every,
                missed,
                max_runs,
                runs: 0,
                due,
                attempts: 0,
                ready: due,
                leased: false,
                lease: 0,
            };
            self.model.insert(name, model);
        }
    }

    async fn take(&mut self) {
        let now = self.now();
        let max = usize::try_from(1 + self.below(4)).unwrap();
        let mut ready: Vec<_> = self.model.iter().filter(|(_, job)| job.ready <= now).collect();
        ready.sort_by_key(|(name, job)| (job.ready, (*name).clone()));
        let names: Vec<_> = ready.into_iter().take(max).map(|(name, _)| name.clone()).collect();
        let items = self.jobs.take(max).await.unwrap();
        let mut expected = vec![];
        for name in names {
            let (job, runs) = self.model.remove(&name).unwrap().begin(now);
            if let Some(mut job) = job {
                if runs {
                    self.leases += 1;
                    job.lease = self.leases;
                    expected.push((name.clone(), job.due, job.attempts, job.ready));
                    self.items.push((items[expected.len() - 1].clone(), self.leases));
                }
                self.model.insert(name, job);
            }
        }
        let taken: Vec<_> =
            items.iter().map(|item| (item.job.to_string(), item.due.0, item.attempt, item.until.0)).collect();
        assert_eq!(taken, expected);
    }

    async fn settle(&mut self) {
        if self.items.is_empty() {
            return;
        }
        let at = usize::try_from(self.below(self.items.len() as u64)).unwrap();
        let keep = self.below(4) == 0;
        let (item, lease) = if keep { self.items[at].clone() } else { self.items.swap_remove(at) };
        let name = item.job.to_string();
        let after = Duration::from_millis(self.below(50));
        let outcome = match self.below(5) {
            0 | 1 => Outcome::Done,
            2 => Outcome::Retry { after: Some(after), why: "".into() },
            3 => Outcome::Reject { why: "".into() },
            _ => Outcome::Returned,
        };
        let settled = self.jobs.settle(&item, outcome.clone()).await.unwrap();
        if !self.model.get(&name).is_some_and(|job| job.leased && job.lease == lease) {
            assert_eq!(settled, Settled::Stale);
            return;
        }
        let mut job = self.model.remove(&name).unwrap();
        let retry_at = self.now() + u64::try_from(after.as_millis()).unwrap();
        let (next, expected) = match outcome {
            Outcome::Retry { .. } if job.attempts < MAX_ATTEMPTS => {
                (job.ready, job.leased) = (retry_at, false);
                (Some(job), Settled::Later(Timestamp(retry_at)))
            }
            Outcome::Returned => {
                let due = job.due;
                (job.attempts, job.ready, job.leased) = (job.attempts - 1, due, false);
                (Some(job), Settled::Later(Timestamp(due)))
            }
            Outcome::Done => (self.finished(&name, job), Settled::Done),
            Outcome::Retry { .. } | Outcome::Reject { .. } => (self.finished(&name, job), Settled::Dead),
        };
        assert_eq!(settled, expected);
        if let Some(next) = next {
            self.model.insert(name, next);
        }
    }

    /// Each due time of a definition is settled once.
    fn finished(&mut self, name: &str, job: Model) -> Option<Model> {
        let run = (name.to_owned(), self.generation[name], job.due);
        assert_eq!(self.settled.insert(run, ()), None, "{name} is settled twice for {}", job.due);
        job.finish()
    }

    async fn compare(&self) {
        let listing = self.jobs.list("", 100).await.unwrap();
        let there: Vec<_> = (listing.jobs.iter())
            .map(|status| (status.job.name.to_string(), status.runs, status.next_run.0))
            .collect();
        let expected: Vec<_> =
            self.model.iter().map(|(name, job)| (name.clone(), job.runs, job.due)).collect();
        assert_eq!(there, expected);
        let next = self.model.values().map(|job| job.ready).min().map(Timestamp);
        assert_eq!(self.jobs.next_due().await.unwrap(), next);
        let keys = self.world.keys();
        let of = |table: &str| {
            keys.iter().filter(|key| key.starts_with(&format!("app/schedules/jobs/{table}"))).count()
        };
        let leased = self.model.values().filter(|job| job.leased).count();
        assert_eq!(
            (of("j/"), of("t/"), of("l/")),
            (there.len(), there.len(), leased),
            "something is left over"
        );
    }
}

#[tokio::test]
async fn random_operations_agree_with_a_model() {
    for seed in 0..8 {
        let world = World::new();
        let jobs = process(&world, 0);
        let mut run = Run {
            jobs,
            world,
            random: Seeded::new(seed),
            model: BTreeMap::new(),
            items: vec![],
            leases: 0,
            processes: 0,
            settled: BTreeMap::new(),
            generation: BTreeMap::new(),
        };
        for _ in 0..STEPS {
            run.step().await;
            run.compare().await;
        }
        assert!(run.settled.len() > 100, "only {} runs were settled", run.settled.len());
    }
}
