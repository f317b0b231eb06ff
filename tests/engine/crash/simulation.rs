//! One life of a database: it works, fails, is opened again, and is compared with the model.

use std::{borrow::Cow, ops::Add, time::Duration};

use bytes::Bytes;
use mecha_backends::embedded::{Broken, Database};
use mecha_primitives::{
    clock::Timestamp,
    commit::{Batch, Budget, Committed, Error, Record, Span},
};
use mecha_tests::{
    model::Model,
    simdisk::{Fault, SimDisk},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::workload::Workload;

const CACHE: usize = 1 << 20;

/// A bug that is there on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// The disk's syncs do nothing.
    LyingDisk,
    /// A group is taken for acknowledged although its commit failed.
    EarlyAcknowledgment,
    /// A record is missing from what is expected.
    ForgottenPut,
    /// The engine numbers its commits anew whenever it is opened.
    ForgottenNumber,
    /// The engine does not look at what a batch has listed.
    ForgottenSpans,
}

/// How a life went.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) totals: Totals,
    /// A digest of all I/O.
    pub(super) trace: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) groups: u64,
    pub(super) batches: u64,
    pub(super) refused: u64,
    /// Batches that were committed with what they had listed.
    pub(super) listed: u64,
    /// Batches that were refused for it.
    pub(super) stale: u64,
    /// Batches that were given a number.
    pub(super) appended: u64,
    pub(super) crashes: u64,
    pub(super) errors: u64,
    /// Groups whose commit failed without saying whether they are there, and were found.
    pub(super) unknown_kept: u64,
    /// The same, and were not.
    pub(super) unknown_lost: u64,
    pub(super) openings: u64,
    pub(super) operations: u64,
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            groups: self.groups + other.groups,
            batches: self.batches + other.batches,
            refused: self.refused + other.refused,
            listed: self.listed + other.listed,
            stale: self.stale + other.stale,
            appended: self.appended + other.appended,
            crashes: self.crashes + other.crashes,
            errors: self.errors + other.errors,
            unknown_kept: self.unknown_kept + other.unknown_kept,
            unknown_lost: self.unknown_lost + other.unknown_lost,
            openings: self.openings + other.openings,
            operations: self.operations + other.operations,
        }
    }
}

/// Lives the life of `seed`.
///
/// # Errors
/// What was found wrong.
pub(super) fn simulate(seed: u64, bug: Option<Bug>) -> Result<Run, String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let disk = SimDisk::new(rng.random());
    if bug == Some(Bug::LyingDisk) {
        disk.lie();
    }
    let mut life = Life {
        rng,
        disk,
        bug,
        now: Timestamp(1_000_000),
        workload: Workload::default(),
        model: Model::default(),
        unknown: None,
        number: 0,
        forgotten: 0,
        seen: 0,
        story: vec![],
        totals: Totals::default(),
    };
    life.live().map_err(|why| format!("{why}\nafter\n  {}", life.story.join("\n  ")))?;
    life.totals.operations = life.disk.operations();
    life.totals.crashes = life.disk.crashes();
    life.totals.errors = life.disk.faults() - life.disk.crashes();
    Ok(Run { totals: life.totals, trace: life.disk.trace() })
}

struct Life {
    rng: StdRng,
    disk: SimDisk,
    bug: Option<Bug>,
    now: Timestamp,
    workload: Workload,
    /// What must be there.
    model: Model,
    /// What may be there instead, since the last change failed and did not say how.
    unknown: Option<Model>,
    /// The last number of a commit that was acknowledged: no model is needed to see that it is never given again.
    number: u64,
    /// The numbers that the engine has forgotten, if that is its bug.
    forgotten: u64,
    /// The faults of the disk that have excused a failure.
    seen: u64,
    /// What happened, for whoever reads the failure.
    story: Vec<String>,
    totals: Totals,
}

impl Life {
    fn live(&mut self) -> Result<(), String> {
        let mut database = self.recover()?;
        for _ in 0..self.rng.random_range(10..60) {
            if self.rng.random_bool(0.25) {
                self.plan_a_fault();
            }
            let sound = match self.rng.random_range(0..100) {
                0..75 => self.commit(&database)?,
                75..85 => self.sweep(&database)?,
                85..92 => {
                    self.now = self.now + Duration::from_millis(self.rng.random_range(0..4_000));
                    true
                }
                92..96 => {
                    self.story.push("the power failed".into());
                    self.disk.crash();
                    false
                }
                // Closed in good order, as far as a planned fault lets it.
                _ => false,
            };
            if !sound || self.disk.is_down() {
                drop(database);
                database = self.recover()?;
            }
        }
        self.disk.crash();
        drop(database);
        self.recover().map(drop)
    }

    fn plan_a_fault(&mut self) {
        let after = if self.rng.random_bool(0.5) { 15 } else { 80 };
        let after = self.rng.random_range(0..after);
        match self.rng.random_range(0..10) {
            0..6 => self.disk.plan(after, Fault::Crash),
            6 | 7 => self.disk.plan(after, Fault::Error),
            8 => self.disk.plan(after, Fault::FailSync),
            _ => self.disk.leave_room(self.rng.random_range(0..100_000)),
        }
    }

    /// Commits a group. Whether the database is sound.
    fn commit(&mut self, database: &Database) -> Result<bool, String> {
        let group = self.workload.group(&mut self.rng, &self.model, self.now);
        let mut after = self.model.clone();
        let expected = after.commit(self.now, &group);
        let (listed, stale) = listings(&group, &expected);
        match database.commit(self.now, &self.given(&group)) {
            Ok(mut outcomes) => {
                self.number(&mut outcomes)?;
                let (outcomes, expected) = (format!("{outcomes:?}"), format!("{expected:?}"));
                if outcomes != expected {
                    return Err(format!("outcomes differ\n  {outcomes}\n  {expected}\nof {}", shown(&group)));
                }
                self.story.push(format!("committed a group of {}", group.len()));
                self.totals.groups += 1;
                self.totals.batches += group.len() as u64;
                self.totals.refused += expected.matches("Err(").count() as u64;
                self.totals.listed += listed;
                self.totals.stale += stale;
                self.model = after;
                if self.bug == Some(Bug::ForgottenPut) {
                    let newest = self.model.stored().last().map(|(key, _)| key.clone());
                    self.model.forget(&newest.unwrap_or_default());
                }
                Ok(true)
            }
            Err(broken) => self.failed("a commit", &broken, after).map(|()| false),
        }
    }

    /// The group as the engine is given it.
    fn given<'g>(&self, group: &'g [Batch]) -> Cow<'g, [Batch]> {
        if self.bug != Some(Bug::ForgottenSpans) {
            return group.into();
        }
        group.iter().map(|batch| Batch { spans: vec![], ..batch.clone() }).collect()
    }

    /// Numbers of commits grow, whatever has happened since the last one was given.
    fn number(&mut self, outcomes: &mut [Result<Committed, Error>]) -> Result<(), String> {
        for committed in outcomes.iter_mut().flatten().filter(|committed| committed.number > 0) {
            committed.number -= self.forgotten;
            if committed.number <= self.number {
                return Err(format!("after number {}, {} was given", self.number, committed.number));
            }
            self.number = committed.number;
            self.totals.appended += 1;
        }
        Ok(())
    }

    fn sweep(&mut self, database: &Database) -> Result<bool, String> {
        let limit = self.rng.random_range(1..20);
        let mut after = self.model.clone();
        let expected = after.sweep(self.now, limit);
        match database.sweep(self.now, limit) {
            Ok(swept) if swept == expected => {
                self.model = after;
                Ok(true)
            }
            Ok(swept) => Err(format!("{swept} records were swept, not {expected}")),
            Err(broken) => self.failed("a sweep", &broken, after).map(|()| false),
        }
    }

    /// A change failed: either it is there, or all is as before, and if it says so only the latter.
    fn failed(&mut self, what: &str, broken: &Broken, after: Model) -> Result<(), String> {
        self.excused(what, &broken.why)?;
        if self.bug == Some(Bug::EarlyAcknowledgment) {
            self.model = after;
        } else if broken.unknown {
            self.unknown = Some(after);
        }
        Ok(())
    }

    /// Nothing may fail but for a fault.
    fn excused(&mut self, what: &str, why: &str) -> Result<(), String> {
        let seen = std::mem::replace(&mut self.seen, self.disk.faults());
        if !self.disk.is_down() && self.seen == seen {
            return Err(format!("{what} failed on a sound disk: {why}"));
        }
        self.story.push(format!("{what} failed: {why}"));
        Ok(())
    }

    /// Opens the database, however often that fails, and compares its content.
    fn recover(&mut self) -> Result<Database, String> {
        for attempt in 0.. {
            self.disk.restart();
            self.disk.heal();
            // What happened before excuses nothing any more.
            self.seen = self.disk.faults();
            if attempt < 4 && self.rng.random_bool(0.3) {
                self.plan_a_fault();
            }
            self.totals.openings += 1;
            let database = match Database::open(&self.disk, CACHE) {
                Ok(database) => database,
                Err(error) => {
                    self.excused("opening", &error.to_string())?;
                    continue;
                }
            };
            match content(&database, self.now) {
                Ok(found) => {
                    self.story.push(format!("opened and found {} records", found.stored.len()));
                    self.compare(&found)?;
                    if self.bug == Some(Bug::ForgottenNumber) {
                        self.forgotten = found.number;
                    }
                    // What was planned and has not happened yet may happen later.
                    return Ok(database);
                }
                Err(broken) => self.excused("reading", &broken.why)?,
            }
        }
        unreachable!("the fifth attempt meets no fault")
    }

    /// The content must be what is known, or, once, what is unknown; and is known from then on.
    fn compare(&mut self, found: &Content) -> Result<(), String> {
        let Some(unknown) = self.unknown.take() else {
            return differences(found, &self.model, self.now);
        };
        if let Err(why) = differences(found, &self.model, self.now) {
            differences(found, &unknown, self.now).map_err(|other| {
                format!("neither as before the failed change ({why}) nor as after ({other})")
            })?;
            self.story.push("the failed change is there".into());
            self.totals.unknown_kept += 1;
            self.model = unknown;
        } else if self.model != unknown {
            self.totals.unknown_lost += 1;
        }
        Ok(())
    }
}

/// How many batches were committed with what they had listed, and how many were refused for that alone.
fn listings(group: &[Batch], outcomes: &[Result<Committed, Error>]) -> (u64, u64) {
    let with_spans = group.iter().zip(outcomes).filter(|(batch, _)| !batch.spans.is_empty());
    with_spans.fold((0, 0), |(listed, stale), (batch, outcome)| match outcome {
        Ok(_) => (listed + 1, stale),
        Err(Error::Stale { .. }) if batch.checks.is_empty() => (listed, stale + 1),
        Err(_) => (listed, stale),
    })
}

/// All that a database shows.
struct Content {
    /// Also what has expired and is not swept.
    stored: Vec<(Bytes, Record)>,
    live: Vec<(Bytes, Record)>,
    usage: std::collections::HashMap<Bytes, u64>,
    number: u64,
}

fn content(database: &Database, now: Timestamp) -> Result<Content, Broken> {
    let everything = |now| {
        let span = Span { start: Bytes::new(), end: None, reverse: false };
        let budget = Budget { records: usize::MAX, bytes: usize::MAX, values: true };
        database.snapshot(now)?.scan(&span, budget).map(|(records, _)| records)
    };
    // At the beginning of time nothing had expired.
    Ok(Content {
        stored: everything(Timestamp(0))?,
        live: everything(now)?,
        usage: database.usage()?,
        number: database.number()?,
    })
}

fn differences(found: &Content, model: &Model, now: Timestamp) -> Result<(), String> {
    same("stored", &found.stored, model.stored())?;
    same("live", &found.live, model.live(now))?;
    if found.usage != model.usage() {
        return Err(format!("usage is {:?}, not {:?}", found.usage, model.usage()));
    }
    if found.number != model.number() {
        return Err(format!("the last number is {}, not {}", found.number, model.number()));
    }
    Ok(())
}

fn same<'m>(
    what: &str,
    found: &[(Bytes, Record)],
    expected: impl Iterator<Item = (&'m Bytes, &'m Record)>,
) -> Result<(), String> {
    let expected: Vec<_> = expected.collect();
    if found.len() == expected.len() && found.iter().zip(&expected).all(|((k, r), e)| (k, r) == *e) {
        return Ok(());
    }
    let line = |key: &Bytes, record: &Record| {
        let size = record.value.len();
        format!("{} = {} of {size} bytes", String::from_utf8_lossy(key), record.version)
    };
    let missing = expected.iter().filter(|e| !found.iter().any(|(k, r)| (k, r) == **e));
    let missing: Vec<_> = missing.map(|(k, r)| line(k, r)).collect();
    let extra = found.iter().filter(|(k, r)| !expected.contains(&(k, r)));
    let extra: Vec<_> = extra.map(|(k, r)| line(k, r)).collect();
    Err(format!("{what} records differ: missing {missing:#?}, not expected {extra:#?}"))
}

fn shown(group: &[Batch]) -> String {
    let text = format!("{group:?}");
    text.chars().take(4_000).collect()
}
