//! A case in which nothing goes wrong: what the others are compared with.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use mecha_manifest::{
    StoreKind, TopicKind,
    suite::{Action, Case, Given},
};
use mecha_primitives::{clock::Timestamp, name};

use super::{
    masks::Masks,
    picture::{Kind, Picture},
};
use crate::testing::{
    bench::Bench,
    case::{self, How, Run, number},
    plan::{Deed, Plan, Plot},
    recorder::Passing,
    storage,
};

pub struct Usual<'a> {
    pub bench: &'a Bench,
    pub case: Case,
    pub run: Run,
    pub picture: Picture,
    pub masks: Masks,
    /// What passed the gate, in this order.
    pub points: Vec<Point>,
    until: Timestamp,
    medium: Medium,
}

/// Where the app keeps what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Memory,
    /// What is to survive crashes.
    Disk,
}

/// Something at which something can be made to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The call, by its place among all calls.
    pub call: usize,
    /// The step of the case that it comes from, by its number.
    pub cause: Option<usize>,
    pub component: name::Component,
    pub primitive: &'static str,
    pub verb: &'static str,
    pub changes: bool,
}

/// How long a case goes on after its last step, so that what is tried again is. It is no round time: what is due after a
/// round one would be due at the very end.
const LINGER: Duration = Duration::from_secs(10 * 60 + 13);
/// How much later a case is run to see what time changes.
const LATER: Duration = Duration::from_secs(61);
/// How many times.
const OTHERS: u32 = 3;

impl<'a> Usual<'a> {
    /// Runs a case. If it is none that can be compared, the inner error says why.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn of(bench: &'a Bench, case: &Case, medium: Medium) -> anyhow::Result<Result<Self, String>> {
        if !case.given.faults.is_empty() {
            return Ok(Err("the case has faults of its own".to_owned()));
        }
        let mut case = case.clone();
        case.when.iter_mut().for_each(|step| step.then = None);
        answer_again(&mut case.given);
        let ended = run(bench, &case, medium, How::default())?.ended;
        let until = ended + LINGER;
        let seen = Arc::new(Mutex::new(vec![]));
        let plot = Box::new(Watch(seen.clone()));
        let plan = Plan::new(&[], Some(plot));
        let usual = run(bench, &case, medium, How { plan, until: Some(until), ..How::default() })?;
        if let Some(lacking) = usual.unanswered.first() {
            return Ok(Err(lacking.clone()));
        }
        let picture = kept(bench, Picture::of(&usual));
        let mut masks = Masks::default();
        let mut others = vec![];
        // What is drawn from few values may be the same twice.
        for again in 1..=OTHERS {
            let mut other = case.clone();
            let later = LATER * again;
            other.given.seed = other.given.seed.wrapping_add(again.into());
            other.given.clock = other.given.clock + later;
            let run = run(bench, &other, medium, How { until: Some(until + later), ..How::default() })?;
            others.push(kept(bench, Picture::of(&run)));
            masks = masks.and(Masks::between(&picture, &others[others.len() - 1]));
        }
        for other in others {
            if let Some(difference) = other.differs_from(&picture, &masks).first() {
                return Ok(Err(format!(
                    "what it leaves depends on the time or on chance: at another time, {difference}"
                )));
            }
        }
        let points = lock(&seen).clone();
        Ok(Ok(Self { bench, case, run: usual, picture, masks, points, until, medium }))
    }

    /// Runs the case with something going wrong. Who gets no answer, or is told of a failure, asks again.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn disturbed(&self, at: usize, deed: Deed) -> anyhow::Result<(Run, Picture)> {
        let plot = Box::new(Once { at, deed, passed: Mutex::new(0) });
        let how = How {
            plan: Plan::new(&[], Some(plot)),
            asks_again: true,
            usual: self.run.replies.clone(),
            until: Some(self.until),
            ..How::default()
        };
        let run = run(self.bench, &self.case, self.medium, how)?;
        let picture = kept(self.bench, Picture::of(&run));
        Ok((run, picture))
    }

    /// What there would be if the step of this number were not done.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn without(&self, wanted: usize) -> anyhow::Result<Picture> {
        let mut case = self.case.clone();
        for (at, step) in case.when.iter_mut().enumerate() {
            if let Action::AtOnce(steps) = &mut step.action {
                let mut index = 0;
                steps.retain(|_| {
                    index += 1;
                    number(at, index - 1) != wanted
                });
            } else if number(at, 0) == wanted {
                step.action = Action::Wait(Duration::ZERO);
            }
        }
        let run = run(self.bench, &case, self.medium, How { until: Some(self.until), ..How::default() })?;
        Ok(kept(self.bench, Picture::of(&run)))
    }

    /// How many host calls there are before a point.
    #[must_use]
    pub fn calls_before(&self, at: usize) -> usize {
        self.points.iter().take(at).filter(|point| !point.is_between()).count()
    }
}

impl Point {
    /// Whether it is no host call.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.primitive == "call"
    }
}

fn run(bench: &Bench, case: &Case, medium: Medium, how: How) -> anyhow::Result<Run> {
    let storage = (medium == Medium::Disk).then(|| storage::simulated(case.given.seed));
    case::run(bench, case, How { storage, ..how })
}

/// What is in memory is lost with the host, as its manifest has it: nobody's fault.
fn kept(bench: &Bench, mut picture: Picture) -> Picture {
    let app = &bench.loaded.app;
    let stores = app.stores.iter().filter(|store| store.kind == StoreKind::Memory);
    let stores: Vec<_> = stores.map(|store| store.name.as_str()).collect();
    let topics = app.topics.iter().filter(|topic| topic.kind == TopicKind::Memory);
    let topics: Vec<_> = topics.map(|topic| topic.name.as_str()).collect();
    picture.facts.retain(|fact| match fact.kind {
        Kind::State => !stores.contains(&fact.place.split('@').next().unwrap_or_default()),
        Kind::Event => !topics.contains(&fact.place.as_str()),
        _ => true,
    });
    picture
}

/// The last answer of each kind is there for who asks again.
pub(super) fn answer_again(given: &mut Given) {
    let mut known = vec![];
    for (name, answers) in &mut given.outputs {
        for answer in answers.iter_mut().rev() {
            let kind = (name.to_string(), answer.operation.clone());
            if !known.contains(&kind) {
                known.push(kind);
                answer.times = None;
            }
        }
    }
    known.clear();
    for answer in given.upstream.iter_mut().rev() {
        let kind = (answer.url.clone(), answer.method.clone());
        if !known.contains(&kind) {
            known.push(kind);
            answer.times = None;
        }
    }
    known.clear();
    for (name, answers) in &mut given.callees {
        for answer in answers.iter_mut().rev() {
            let kind = (name.to_string(), answer.method.clone());
            if !known.contains(&kind) {
                known.push(kind);
                answer.times = None;
            }
        }
    }
}

/// Notes what passes.
#[derive(Debug)]
struct Watch(Arc<Mutex<Vec<Point>>>);

#[async_trait]
impl Plot for Watch {
    async fn deed(&self, passing: &Passing<'_>) -> Option<Deed> {
        lock(&self.0).push(Point {
            call: passing.call,
            cause: passing.cause,
            component: passing.component.clone(),
            primitive: passing.primitive,
            verb: passing.verb,
            changes: passing.changes,
        });
        None
    }
}

/// Does something to what passes at one point, once.
#[derive(Debug)]
struct Once {
    at: usize,
    deed: Deed,
    passed: Mutex<usize>,
}

#[async_trait]
impl Plot for Once {
    async fn deed(&self, _: &Passing<'_>) -> Option<Deed> {
        let mut passed = lock(&self.passed);
        let at = *passed;
        *passed += 1;
        (at == self.at).then_some(self.deed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
