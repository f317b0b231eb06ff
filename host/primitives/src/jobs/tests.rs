//! The laws on the shortest engine that there can be, and random operations beside a model.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Error as Refused, Job, Jobs, MAX_JOBS, Options, Schedule, Scheduler as _, conformance::Fixture,
    schedule_account, scheduled_names,
};
use crate::{
    clock::{ManualClock, Timestamp},
    commit::{
        Action, Batch, Budget, Check, Committed, Engine, Error, Record, Seen, Slice, Snapshot, Span, Version,
    },
    delivery::{Retry, Source as _},
    name,
    random::Seeded,
};

mod model;

type Map = BTreeMap<Bytes, Record>;

/// An engine that is a map.
#[derive(Debug, Default)]
pub(super) struct Mapped(Mutex<Map>);

#[derive(Debug)]
pub(super) struct World {
    pub(super) engine: Arc<Mapped>,
    pub(super) clock: Arc<ManualClock>,
}

impl World {
    pub(super) fn new() -> Self {
        Self { engine: Arc::default(), clock: Arc::new(ManualClock::at(Timestamp(1_700_000_000_000))) }
    }

    /// The keys that are there, without their account.
    pub(super) fn keys(&self) -> Vec<String> {
        let map = self.engine.0.lock().unwrap();
        map.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }
}

impl Fixture for World {
    fn engine(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }
}

#[async_trait]
impl Engine for Mapped {
    fn is_durable(&self) -> bool {
        false
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        Ok(Box::new(Copied(self.0.lock().unwrap().clone())))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        let mut map = self.0.lock().unwrap();
        let mut next = map.clone();
        let version = |key: &Bytes| map.get(key).map(|record| record.version);
        if let Some(Check { key, .. }) =
            batch.checks.iter().find(|check| !check.expect.holds(version(&check.key)))
        {
            return Err(Error::Stale { key: key.clone() });
        }
        for Seen { span, records } in batch.spans {
            let end = span.end.expect("jobs always have an end");
            let found = map.range(span.start.clone()..end).map(|(key, record)| (key.clone(), record.version));
            if !found.eq(records) {
                return Err(Error::Stale { key: span.start });
            }
        }
        for (index, change) in batch.changes.into_iter().enumerate() {
            let found = next.get(&change.key).map(|record| record.version);
            if change.expect.is_some_and(|expect| !expect.holds(found)) {
                return Err(Error::Conflict { change: index, found });
            }
            match change.action {
                Action::Put(record) => drop(next.insert(change.key, record)),
                Action::Delete => drop(next.remove(&change.key)),
                Action::Add { delta, version, .. } => {
                    let old = next.get(&change.key).map_or(0, |record| number(&record.value));
                    let value = (old + delta).to_string().into();
                    next.insert(change.key, Record { version, expires_at: None, media_type: None, value });
                }
                other => panic!("jobs do not need {other:?}"),
            }
        }
        *map = next;
        Ok(Committed::default())
    }
}

fn number(value: &[u8]) -> i64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

struct Copied(Map);

#[async_trait]
impl Snapshot for Copied {
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        Ok(self.0.get(key).cloned())
    }

    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error> {
        let end = span.end.clone().expect("jobs always have an end");
        let mut found =
            self.0.range(span.start.clone()..end).map(|(key, record)| (key.clone(), record.clone()));
        let records = found.by_ref().take(budget.records).collect();
        Ok((records, found.next().is_some()))
    }
}

mod laws {
    crate::jobs_conformance!(super::World::new());
}

fn jobs(world: &World, account: Bytes) -> Jobs {
    let options = Options { lease: Duration::from_secs(30), retry: Retry::default(), max_bytes: None };
    Jobs::new(world.engine(), world.clock.clone(), Arc::new(Seeded::new(1)), account, options)
}

fn hourly(name: &str) -> Job {
    Job::new(name, Schedule::cron("0 * * * *", None).unwrap())
}

#[tokio::test]
async fn schedules_that_a_former_manifest_has_left_are_found() {
    let world = World::new();
    let app = name::App::new("app").unwrap();
    let schedules = ["b", "a", "a-b"].map(|text| name::Schedule::new(text).unwrap());
    for schedule in &schedules {
        let jobs = jobs(&world, schedule_account(&app, schedule));
        jobs.reconcile(schedule.as_str(), Some(hourly(schedule.as_str()))).await.unwrap();
    }
    let other = name::App::new("app2").unwrap();
    let foreign = jobs(&world, schedule_account(&other, &schedules[0]));
    foreign.schedule(hourly("b"), false).await.unwrap();
    let mut found = scheduled_names(&*world.engine, &app).await.unwrap();
    found.sort();
    assert_eq!(found, [schedules[1].clone(), schedules[2].clone(), schedules[0].clone()]);
}

#[tokio::test]
async fn there_are_so_many_jobs_and_no_more() {
    let world = World::new();
    let jobs = jobs(&world, "app/jobs/worker/".into());
    jobs.schedule(hourly("a"), false).await.unwrap();
    let record = |value: String| Record {
        version: Version::NEVER,
        expires_at: None,
        media_type: None,
        value: value.into(),
    };
    let full = record(MAX_JOBS.to_string());
    world.engine.0.lock().unwrap().insert("app/jobs/worker/n".into(), full);
    let refused = jobs.schedule(hourly("b"), false).await;
    assert!(matches!(refused, Err(Refused::QuotaExceeded(_))), "{refused:?}");
    jobs.schedule(hourly("a"), true).await.unwrap();
    jobs.cancel("a").await.unwrap();
    jobs.schedule(hourly("b"), false).await.unwrap();
}

#[tokio::test]
async fn a_job_that_cannot_be_read_stops_no_other() {
    let world = World::new();
    let jobs = jobs(&world, "app/jobs/worker/".into());
    for name in ["a", "b"] {
        jobs.schedule(hourly(name), false).await.unwrap();
    }
    {
        let mut map = world.engine.0.lock().unwrap();
        map.get_mut(&b"app/jobs/worker/j/a"[..]).unwrap().value = "\u{7f}".into();
    }
    world.clock.advance(Duration::from_secs(3600));
    let items = jobs.take(1).await.unwrap();
    assert_eq!(&*items[0].job, "b");
    let error = jobs.take(1).await.unwrap_err();
    assert!(error.to_string().contains("\"a\" cannot be read"), "{error}");
}
