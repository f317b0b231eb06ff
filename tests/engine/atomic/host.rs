//! What a host makes of a trigger: a transaction, with the settlement first and the answer last; or a plain call.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use mecha_primitives::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{self, Engine, Version},
    delivery::{Settled, Source},
    idempotency::{self, Fingerprint, Found, Guard, Request, Scope, Stored, Terms},
    random::{Random as _, Seeded},
    state::{Action, Key, Step as StateStep, Store, StoreExt as _},
    unit::{Failed, Observer, Run, Transactions, Unit},
};

use super::{
    bug::Bug,
    engine::{Simulated, Spoiled, Written},
    interpreter::{Boxed, Grants, Interpreter, lock},
    program::{Component, Op},
    scheduler::Spawner,
    world::{Fate, World},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    Call,
    Event,
    Tick,
}

impl Handler {
    pub(super) fn of(self, component: &Component) -> &[Op] {
        match self {
            Self::Call => &component.call,
            Self::Event => &component.event,
            Self::Tick => &component.tick,
        }
    }
}

/// One process.
pub(super) struct Host {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) random: Arc<Seeded>,
    pub(super) engine: Arc<Simulated>,
    pub(super) bug: Option<Bug>,
    pub(super) app: Arc<Vec<Component>>,
    pub(super) grants: Grants,
    /// One for each component.
    pub(super) transactions: Vec<Transactions>,
    pub(super) in_flight: Guard,
    pub(super) spawner: Spawner,
}

/// What a call is made for.
#[derive(Clone)]
pub(super) struct Occasion {
    pub(super) component: usize,
    pub(super) handler: Handler,
    /// One for each item: what makes it different from others, and how many events led to it.
    pub(super) inputs: Vec<(u64, usize)>,
    /// What may have an effect once only.
    pub(super) triggers: Vec<String>,
    pub(super) deadline: Timestamp,
}

/// What belongs to an atomic call beside what its component does.
#[async_trait]
pub(super) trait Frame: Send + Sync {
    async fn begin(&self, engine: &Arc<dyn Engine>) -> Result<Option<Before>, commit::Error>;

    async fn end(&self, _: &Arc<dyn Engine>, _: u64) -> Result<(), commit::Error> {
        Ok(())
    }
}

/// Why a call is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// This one of the items is another attempt's.
    Stale(usize),
    /// It has been answered by this run.
    Replay(u64),
}

/// What came of an atomic call.
#[derive(Debug)]
pub(super) enum Came {
    /// It has happened: this run.
    Committed(u64),
    Before(Before),
    Failed(String),
}

/// Counts what is under way.
struct Open(Arc<Mutex<World>>);

impl Open {
    fn new(world: &Arc<Mutex<World>>) -> Self {
        lock(world).open += 1;
        Self(world.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0).open -= 1;
    }
}

/// Counts conflicts.
#[derive(Debug)]
pub(super) struct Conflicts(pub(super) Counted);

/// The world has no debug form of its own.
pub(super) struct Counted(pub(super) Arc<Mutex<World>>);

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted")
    }
}

impl Observer for Conflicts {
    fn conflicted(&self, key: &[u8]) {
        let mut world = lock(&self.0.0);
        world.totals.conflicts += 1;
        let key = String::from_utf8_lossy(key).into_owned();
        world.trace.push(format!("conflict about {key:?}"));
    }
}

impl Host {
    pub(super) fn version(&self) -> Version {
        Version::new(self.random.call_id(), 1, 0)
    }

    /// Makes a call as one transaction.
    pub(super) async fn transact(&self, occasion: &Occasion, frame: &dyn Frame) -> Came {
        let _open = Open::new(&self.world);
        let last = Mutex::new(None);
        let written = Written::default();
        let transactions = &self.transactions[occasion.component];
        let came = transactions.run(occasion.deadline, |unit| {
            let token = {
                let mut world = lock(&self.world);
                let token = world.begin_run(&occasion.triggers);
                // There is another run: the one before was in vain.
                let before = last.lock().unwrap().replace(token);
                before.into_iter().for_each(|before| world.ended(before, Fate::Aborted));
                token
            };
            let written = written.clone();
            async move {
                let engine = Spoiled::begin(unit.engine(), self.bug, &written).await;
                let came = self.framed(occasion, frame, &unit, &engine, token).await;
                let is_kept = matches!(came, Came::Committed(_));
                if is_kept {
                    lock(&self.world).ended(token, Fate::Committing);
                }
                let is_spoiled = self.bug == Some(Bug::KeptFailure) && matches!(came, Came::Failed(_));
                if is_kept || is_spoiled { Run::Keep(came) } else { Run::Discard(came) }
            }
        });
        let came = came.await;
        let token = last.lock().unwrap().unwrap_or_default();
        let mut world = lock(&self.world);
        match came {
            Ok(came) => {
                let is_committed = matches!(came, Came::Committed(_));
                world.ended(token, if is_committed { Fate::Committed } else { Fate::Aborted });
                came
            }
            Err(failed) => {
                if !matches!(failed, Failed::Commit(commit::Error::Unknown(_))) {
                    world.ended(token, Fate::Aborted);
                }
                world.totals.full += u64::from(matches!(failed, Failed::Commit(commit::Error::Quota { .. })));
                Came::Failed(failed.to_string())
            }
        }
    }

    /// One run: the beginning, the call and the end.
    async fn framed(
        &self,
        occasion: &Occasion,
        frame: &dyn Frame,
        unit: &Unit,
        engine: &Arc<dyn Engine>,
        token: u64,
    ) -> Came {
        match frame.begin(engine).await {
            Ok(None) => {}
            Ok(Some(before)) => return Came::Before(before),
            Err(error) => return Came::Failed(error.to_string()),
        }
        let grants = self.grants.over(engine);
        let call = async {
            self.mark(&*grants.marks, "run", token, &occasion.triggers).await?;
            for (input, depth) in &occasion.inputs {
                let unit = Some((unit.clone(), token));
                let deadline = occasion.deadline;
                let grants = grants.clone();
                let mut call =
                    Interpreter { host: self, grants, unit, read: *input, deadline, depth: *depth };
                call.run(occasion.component, occasion.handler).await?;
            }
            self.mark(&*grants.marks, "end", token, &occasion.triggers).await
        };
        let called = tokio::select! {
            biased;
            called = call => called,
            () = self.clock.sleep_until(occasion.deadline) => Err("the deadline has come".into()),
        };
        if let Err(why) = called {
            return Came::Failed(why);
        }
        match frame.end(engine, token).await {
            Ok(()) => Came::Committed(token),
            Err(error) => Came::Failed(error.to_string()),
        }
    }

    /// Leaves that the run was there, for each of its triggers.
    async fn mark(
        &self,
        marks: &dyn Store,
        what: &str,
        token: u64,
        triggers: &[String],
    ) -> Result<(), String> {
        let none = [String::new()];
        let triggers = if triggers.is_empty() { &none } else { triggers };
        for (index, trigger) in triggers.iter().enumerate() {
            let key = Key::new(&format!("{what}/{token}/{index}")).map_err(|error| error.to_string())?;
            let value = trigger.clone().into();
            let action = Action::Set { value, content_type: None, ttl: None, version: self.version() };
            let step = StateStep { key, expect: None, action };
            marks.apply_one(step).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Makes a plain call: what it does happens at once.
    pub(super) async fn plain(&self, occasion: &Occasion, input: (u64, usize)) -> Result<(), String> {
        let _open = Open::new(&self.world);
        let (grants, deadline) = (self.grants.clone(), occasion.deadline);
        let mut call =
            Interpreter { host: self, grants, unit: None, read: input.0, deadline, depth: input.1 };
        tokio::select! {
            biased;
            called = call.run(occasion.component, occasion.handler) => called,
            () = self.clock.sleep_until(deadline) => Err("the deadline has come".into()),
        }
    }

    /// A call by a plain component.
    pub(super) fn nested(&self, component: usize, input: u64, depth: usize) -> Boxed<'_, Came> {
        let deadline = self.clock.now() + Duration::from_secs(2);
        let (handler, inputs) = (Handler::Call, vec![(input, depth)]);
        let occasion = Occasion { component, handler, inputs, triggers: vec![], deadline };
        Box::pin(async move { self.transact(&occasion, &Nothing).await })
    }

    /// A request with a key: the run that answers it. `None`: it has no answer.
    pub(super) async fn request(
        &self,
        component: usize,
        key: &str,
        tell: &(dyn Fn(u64) + Send + Sync),
    ) -> Option<u64> {
        let (app, name) = ("shop".parse().unwrap(), format!("c{component}").parse().unwrap());
        let header = idempotency::Key::parse(key.as_bytes()).unwrap();
        let scope = Scope { app: &app, component: &name, route: "/", caller: None };
        let record = scope.record(&header);
        let _in_flight = self.in_flight.enter(&record)?;
        let request =
            Request { method: "POST", path_and_query: "/", content_type: None, body: key.as_bytes() };
        let keyed = Keyed { host: self, key: record, fingerprint: Fingerprint::of(&request), tell };
        let input = key.bytes().fold(0, |sum: u64, byte| sum * 31 + u64::from(byte));
        let occasion = Occasion {
            component,
            handler: Handler::Call,
            inputs: vec![(input, 0)],
            triggers: vec![format!("h:{key}")],
            deadline: self.clock.now() + Duration::from_secs(3),
        };
        match self.transact(&occasion, &keyed).await {
            Came::Committed(token) => {
                if self.bug == Some(Bug::AnswerKeptApart) {
                    _ = keyed.keep(&*self.engine, token).await;
                }
                Some(token)
            }
            Came::Before(Before::Replay(token)) => {
                lock(&self.world).totals.replayed += 1;
                Some(token)
            }
            Came::Before(Before::Stale(_)) | Came::Failed(_) => None,
        }
    }
}

/// Nothing is settled.
struct Nothing;

#[async_trait]
impl Frame for Nothing {
    async fn begin(&self, _: &Arc<dyn Engine>) -> Result<Option<Before>, commit::Error> {
        Ok(None)
    }
}

/// What was leased is settled first.
pub(super) struct Leased<'l, S: Source> {
    pub(super) source: &'l S,
    pub(super) items: &'l [S::Item],
    pub(super) bug: Option<Bug>,
}

#[async_trait]
impl<S: Source> Frame for Leased<'_, S> {
    async fn begin(&self, engine: &Arc<dyn Engine>) -> Result<Option<Before>, commit::Error> {
        if self.bug == Some(Bug::SettledApart) {
            return Ok(None);
        }
        for (index, item) in self.items.iter().enumerate() {
            if self.source.settle_over(engine, item).await? != Settled::Done {
                return Ok(Some(Before::Stale(index)));
            }
        }
        Ok(None)
    }
}

/// A request is recognized first, and its answer kept last.
struct Keyed<'k> {
    host: &'k Host,
    key: Bytes,
    fingerprint: Fingerprint,
    tell: &'k (dyn Fn(u64) + Send + Sync),
}

impl Keyed<'_> {
    async fn keep(&self, engine: &dyn Engine, token: u64) -> Result<(), commit::Error> {
        let stored = Stored::new(self.fingerprint, 200, vec![], token.to_string().into());
        let stored = stored.expect("200 is kept");
        let expires_at = self.host.clock.now() + Duration::from_secs(24 * 3600);
        let terms = Terms { expires_at, version: self.host.version(), only_if_absent: true, max_bytes: None };
        idempotency::keep(engine, &self.key, &stored, terms).await.map(drop)
    }
}

#[async_trait]
impl Frame for Keyed<'_> {
    async fn begin(&self, engine: &Arc<dyn Engine>) -> Result<Option<Before>, commit::Error> {
        Ok(match idempotency::find(&**engine, &self.key, &self.fingerprint).await? {
            Found::New => None,
            Found::Replay(stored) => {
                let token = std::str::from_utf8(&stored.body).ok().and_then(|text| text.parse().ok());
                Some(Before::Replay(token.unwrap_or_default()))
            }
            Found::Mismatch => {
                lock(&self.host.world).wrong("a request is not recognized as itself".into());
                None
            }
        })
    }

    async fn end(&self, engine: &Arc<dyn Engine>, token: u64) -> Result<(), commit::Error> {
        if self.host.bug == Some(Bug::EarlyAnswer) {
            (self.tell)(token);
        }
        match self.host.bug {
            Some(Bug::AnswerKeptApart) => Ok(()),
            _ => self.keep(&**engine, token).await,
        }
    }
}
