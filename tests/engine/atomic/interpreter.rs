//! Runs programs as a host runs guests: over a unit of work, or without one.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use mecha_primitives::{
    clock::{Clock as _, Timestamp},
    commit::Engine,
    delivery::Outcome,
    jobs::{self, Job, Schedule, Scheduler},
    pubsub::{self, Message, Publisher, event::Draft},
    state::{self, Action, Expect, Key, Page, Range, Store, StoreExt as _},
    unit::Unit,
};
use rand::RngExt as _;

use super::{
    bug::Bug,
    history::{Listed, Step},
    host::{Handler, Host},
    program::Op,
    world::World,
};

/// What a component has been granted.
#[derive(Clone)]
pub(super) struct Grants {
    pub(super) main: Arc<dyn Store>,
    /// Where a run leaves that it was there: the judges read it.
    pub(super) marks: Arc<dyn Store>,
    pub(super) topics: Vec<Arc<dyn Publisher>>,
    pub(super) jobs: Arc<dyn Scheduler>,
}

impl Grants {
    pub(super) fn over(&self, engine: &Arc<dyn Engine>) -> Self {
        Self {
            main: self.main.over(engine),
            marks: self.marks.over(engine),
            topics: self.topics.iter().map(|topic| topic.over(engine)).collect(),
            jobs: self.jobs.over(engine),
        }
    }
}

pub(super) type Boxed<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

/// Why a program has not come to its end.
pub(super) type Why = String;

/// One call.
pub(super) struct Interpreter<'h> {
    pub(super) host: &'h Host,
    pub(super) grants: Grants,
    /// The unit of work and the number of the run, if the call is atomic.
    pub(super) unit: Option<(Unit, u64)>,
    /// What was read so far, in a number: what is written depends on it.
    pub(super) read: u64,
    pub(super) deadline: Timestamp,
    /// How many events led to this call.
    pub(super) depth: usize,
}

/// Events that lead to events that lead to events.
const MAX_DEPTH: usize = 2;
const SECOND: Duration = Duration::from_secs(1);

impl Interpreter<'_> {
    /// Runs a component's handler to its end. Boxed, since programs call others.
    pub(super) fn run(&mut self, component: usize, handler: Handler) -> Boxed<'_, Result<(), Why>> {
        Box::pin(self.go(component, handler))
    }

    async fn go(&mut self, component: usize, handler: Handler) -> Result<(), Why> {
        let app = self.host.app.clone();
        let ops = handler.of(&app[component]);
        let (ends_at, end) = self.draw_an_end(ops.len());
        let mut is_left_out = false;
        for (index, op) in ops.iter().enumerate() {
            if index == ends_at {
                break;
            }
            if std::mem::replace(&mut is_left_out, *op == Op::UnlessOdd && self.read % 2 == 1) {
                continue;
            }
            self.op(*op).await?;
        }
        match end {
            None => Ok(()),
            Some("loop") => {
                self.host.clock.sleep_until(self.deadline).await;
                Err("the deadline has come".into())
            }
            Some(why) => Err(why.into()),
        }
    }

    /// Where the program fails, and how.
    fn draw_an_end(&self, len: usize) -> (usize, Option<&'static str>) {
        let mut world = self.world();
        if world.is_calm {
            return (len, None);
        }
        let end = match world.rng.random_range(0..100) {
            0..9 => "it fails",
            9..13 => "it traps",
            13..15 => "loop",
            _ => return (len, None),
        };
        (world.rng.random_range(0..=len), Some(end))
    }

    async fn op(&mut self, op: Op) -> Result<(), Why> {
        match op {
            Op::Get(key) => self.get(key).await,
            Op::Peek(key) => self.peek(key).await,
            Op::List { start, end, reverse, limit } => {
                self.list(Listed { start, end, reverse, limit, found: vec![], more: false }).await
            }
            Op::Put(key) => {
                let value = self.value();
                self.write(Step::Put { key, value }, None, set(value, self.host)).await
            }
            Op::Create(key) => {
                let value = self.value();
                self.write(
                    Step::Create { key, value, done: true },
                    Some(Expect::Absent),
                    set(value, self.host),
                )
                .await
            }
            Op::Delete(key) => self.write(Step::Delete { key }, None, Action::Delete).await,
            Op::Add(key, delta) if self.host.bug == Some(Bug::RereadAddition) && self.unit.is_some() => {
                let found = self.grants.main.peek(&name(key)).await.map_err(told)?;
                let sum = found.map_or(0, |item| number(&item)) + delta;
                self.write(Step::Add { key, delta, sum: None }, None, set(sum, self.host)).await
            }
            Op::Add(key, delta) => {
                let action = Action::Add { delta, ttl: None, version: self.host.version(), told: false };
                self.write(Step::Add { key, delta, sum: None }, None, action).await
            }
            Op::Increment(key, delta) => {
                let action = Action::Add { delta, ttl: None, version: self.host.version(), told: true };
                self.write(Step::Add { key, delta, sum: None }, None, action).await
            }
            Op::Publish(topic) => self.publish(topic).await,
            Op::Schedule(name) => self.schedule(name).await,
            Op::Cancel(name) => self.cancel(name).await,
            Op::Invoke(component) => self.invoke(component).await,
            Op::Sleep(millis) => {
                let until = self.host.clock.now() + Duration::from_millis(millis);
                self.host.clock.sleep_until(until).await;
                Ok(())
            }
            Op::UnlessOdd => Ok(()),
        }
    }

    async fn get(&mut self, key: usize) -> Result<(), Why> {
        let begin = self.world().history.tick();
        let found = self.grants.main.get(&name(key)).await.map_err(told)?.map(|item| number(&item));
        self.has_read(found);
        self.note_read(begin, Step::Get { key, found });
        Ok(())
    }

    async fn peek(&mut self, key: usize) -> Result<(), Why> {
        let begin = self.world().history.tick();
        let found = self.grants.main.peek(&name(key)).await.map_err(told)?.map(|item| number(&item));
        self.has_read(found);
        self.note_read(begin, Step::Peek { key, found });
        Ok(())
    }

    async fn list(&mut self, listed: Listed) -> Result<(), Why> {
        let begin = self.world().history.tick();
        let bound = |key: usize| Some(name(key).as_str().to_owned());
        let range = Range {
            start: bound(listed.start),
            end: bound(listed.end),
            reverse: listed.reverse,
            ..Range::default()
        };
        let page = Page { limit: listed.limit, values: true };
        let listing = self.grants.main.scan(&range, page).await.map_err(told)?;
        let entry = |(key, item): &(Key, state::Item)| (place(key), number(item));
        let found: Vec<_> = listing.entries.iter().map(entry).collect();
        found.iter().for_each(|(_, value)| self.has_read(Some(*value)));
        self.note_read(begin, Step::List(Listed { found, more: listing.more, ..listed }));
        Ok(())
    }

    /// Writes, and notes what was written.
    async fn write(&mut self, step: Step, expect: Option<Expect>, action: Action) -> Result<(), Why> {
        let (Step::Put { key, .. } | Step::Create { key, .. } | Step::Delete { key } | Step::Add { key, .. }) =
            step
        else {
            return Ok(());
        };
        // What nobody waits for any more may happen all the same.
        let noted = self.unit.is_none().then(|| self.world().history.begins(step.clone()));
        let wanted = state::Step { key: name(key), expect, action };
        let applied = self.grants.main.apply_one(wanted).await;
        let step = match (applied, step) {
            (Ok(applied), Step::Add { key, delta, .. }) => {
                applied.sum.into_iter().for_each(|sum| self.has_read(Some(sum)));
                Step::Add { key, delta, sum: applied.sum }
            }
            (Ok(_), step) => step,
            (Err(state::Error::Conflict(_)), Step::Create { key, value, .. }) => {
                Step::Create { key, value, done: false }
            }
            (Err(error), _) => {
                if let Some(noted) = noted.filter(|_| !matches!(error, state::Error::Timeout)) {
                    self.world().history.forget(noted);
                }
                return Err(told(error));
            }
        };
        match (noted, &self.unit) {
            (Some(noted), _) => self.world().history.ends(noted, step),
            (None, Some((_, token))) => self.world().step(*token, step),
            (None, None) => {}
        }
        Ok(())
    }

    async fn publish(&mut self, topic: usize) -> Result<(), Why> {
        if self.is_quiet() {
            return Ok(());
        }
        let (id, delay, key) = {
            let mut world = self.world();
            let id = format!("{topic}-{}-{}", self.depth + 1, world.number());
            let delay = world.rng.random_bool(0.15).then(|| world.rng.random_range(1..4) * SECOND);
            let key = world.rng.random_bool(0.5).then(|| ["k", "l"][world.rng.random_range(0..2)].into());
            (id, delay, key)
        };
        let mine = (topic, id.clone());
        if self.unit.is_none() {
            self.world().published.insert(mine.clone(), false);
        }
        let draft = Draft {
            id: Some(id),
            source: Some("/life".into()),
            kind: Some("life.v1".into()),
            ..Draft::default()
        };
        let event = draft.check().map_err(|wrong| format!("{wrong:?}"))?;
        let message = Message { event, recognizable: true, key, delay, ttl: None };
        let outcome = self.grants.topics[topic].publish(vec![message], self.deadline).await.pop();
        match (outcome, &self.unit) {
            (Some(Ok(_)), Some((_, token))) => self.world().run(*token).published.push(mine),
            (Some(Ok(_)), None) => _ = self.world().published.insert(mine, true),
            (Some(Err(error)), _) => {
                let mut world = self.world();
                world.totals.full +=
                    u64::from(matches!(error, pubsub::Error::QuotaExceeded(_) | pubsub::Error::Busy(_)));
                if error != pubsub::Error::Timeout {
                    world.published.remove(&mine);
                }
                return Err(error.to_string());
            }
            (None, _) => return Err("no outcome".into()),
        }
        Ok(())
    }

    /// Schedules a job; one of the same name is replaced.
    async fn schedule(&mut self, index: usize) -> Result<(), Why> {
        let Some((_, token)) = self.unit.clone().filter(|_| !self.is_quiet()) else { return Ok(()) };
        let name = format!("job{index}");
        let replaced = self.job(&name).await?;
        let (content, after) = {
            let mut world = self.world();
            (world.number(), Duration::from_millis(world.rng.random_range(0..3_000)))
        };
        let data = format!("{} {content}", self.depth + 1).into();
        let job = Job { data, ..Job::new(&name, Schedule::After(after)) };
        self.grants.jobs.schedule(job, true).await.map_err(|error| error.to_string())?;
        let mut world = self.world();
        let run = world.run(token);
        run.scheduled.push(content);
        run.cancelled.extend(replaced);
        Ok(())
    }

    async fn cancel(&mut self, index: usize) -> Result<(), Why> {
        let Some((_, token)) = self.unit.clone() else { return Ok(()) };
        let name = format!("job{index}");
        let found = self.job(&name).await?;
        self.grants.jobs.cancel(&name).await.map_err(|error| error.to_string())?;
        self.world().run(token).cancelled.extend(found);
        Ok(())
    }

    /// What is in the job of this name.
    async fn job(&self, name: &str) -> Result<Option<u64>, Why> {
        let found = self.grants.jobs.get(name).await.map_err(|error: jobs::Error| error.to_string())?;
        Ok(found.and_then(|status| content(&status.job.data)))
    }

    /// Calls another component: what it does is a part of this, if both are atomic.
    async fn invoke(&mut self, component: usize) -> Result<(), Why> {
        let Some((unit, token)) = self.unit.clone() else {
            // It failed, or others were first: this is for the caller to decide, who does not mind.
            _ = self.host.nested(component, self.read, self.depth).await;
            return Ok(());
        };
        let savepoint = unit.savepoint();
        self.world().nest(token);
        let mut callee = Interpreter {
            host: self.host,
            grants: self.grants.clone(),
            unit: self.unit.clone(),
            read: self.read,
            deadline: self.deadline,
            depth: self.depth,
        };
        let ended = callee.run(component, Handler::Call).await;
        self.world().unnest(token, ended.is_ok());
        if ended.is_ok() || self.host.bug == Some(Bug::KeptNested) {
            savepoint.keep();
        } else {
            drop(savepoint);
        }
        self.read = callee.read;
        Ok(())
    }

    /// Whether nothing is to come of this call: it would go on for ever.
    fn is_quiet(&self) -> bool {
        self.depth >= MAX_DEPTH || self.world().is_calm
    }

    /// A value that nobody else writes, and that depends on what was read.
    fn value(&self) -> i64 {
        let number = self.world().number();
        i64::try_from(number * 1000 + self.read % 1000).expect("a life is short")
    }

    fn has_read(&mut self, value: Option<i64>) {
        let value = value.map_or(7, |value| value.unsigned_abs());
        self.read = self.read.wrapping_mul(31).wrapping_add(value) % 1_000_003;
    }

    /// What is read outside of a unit of work is a transaction of its own.
    fn note_read(&self, begin: u64, step: Step) {
        let mut world = self.world();
        match &self.unit {
            Some((_, token)) => world.step(*token, step),
            None => world.history.happened(begin, vec![step], true),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.host.world)
    }
}

pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap()
}

/// What a job's data holds.
pub(super) fn content(data: &[u8]) -> Option<u64> {
    std::str::from_utf8(data).ok()?.split_once(' ')?.1.parse().ok()
}

pub(super) fn name(key: usize) -> Key {
    Key::new(&format!("k{key}")).expect("it is short")
}

fn place(key: &Key) -> usize {
    key.as_str()[1..].parse().expect("it is a key of a program")
}

pub(super) fn number(item: &state::Item) -> i64 {
    std::str::from_utf8(&item.value).ok().and_then(|text| text.parse().ok()).expect("programs write numbers")
}

fn set(value: i64, host: &Host) -> Action {
    Action::Set { value: value.to_string().into(), content_type: None, ttl: None, version: host.version() }
}

fn told(error: state::Error) -> Why {
    error.to_string()
}

/// What a failed call means for what was leased.
pub(super) fn again(why: &str) -> Outcome {
    Outcome::Retry { after: None, why: why.into() }
}
