//! Drives the app for a test component: what it asks for is done in the world of its case.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::try_join_all;
use mecha_manifest::{
    App, StoreKind,
    suite::{self, Action, Case, Data, StoreRef},
};
use mecha_primitives::{
    commit::{self, Batch, Change, Engine, Record, Version},
    state,
};
use mecha_runtime::imports::test::{
    Answer, AnswerError, CalleeCall, Disturbance, Driver, Event, Failure, Fault, Given, Invocation, Job,
    Line, Message, OutputCall, Reply, Request, Response, SentRequest, Timing, Told, Upstream, Usage,
};
use tokio::sync::{Mutex as Turn, mpsc, oneshot};

use super::{EACH, GIVEN, LONGEST, answers, case_of, ended, names, time::Followed};
use crate::testing::{
    act::STEPS,
    bench::Bench,
    case::{Run, failures},
    look::Found,
    outside::Outside,
    plan::Plan,
    recorder::Notes,
    seen,
    seen::{End, Seen},
    verdict,
    world::{Around, World},
};

/// Stands between a test and the world that it drives, which is made when it is first needed.
pub struct Drive {
    app: Arc<App>,
    time: Arc<Followed>,
    outside: Arc<Outside>,
    plan: Arc<Plan>,
    stage: mpsc::Sender<Wanted>,
    world: Turn<Option<Arc<World>>>,
    found: Turn<Found>,
    steps: AtomicUsize,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// How long steps were waited for.
    waited: Duration,
    /// How many failures of calls the test has been told.
    failures: usize,
    /// Components that the test answers for.
    callees: Vec<mecha_primitives::name::Component>,
    /// Why the test says that it has failed.
    failed: Option<String>,
    /// The app comes to no end.
    restless: bool,
    /// Bytes that the test has put into the world.
    given: u64,
}

/// A world that is to be made, and who waits for it.
type Wanted = (Box<suite::Given>, oneshot::Sender<anyhow::Result<World>>);

/// Makes worlds. It is another than who drives since it borrows the bench.
pub struct Stage {
    around: Around,
    wanted: mpsc::Receiver<Wanted>,
}

impl Stage {
    /// Makes what is wanted, for as long as somebody may want something.
    pub async fn make_worlds(&mut self, bench: &Bench) -> Infallible {
        while let Some((given, reply)) = self.wanted.recv().await {
            let now = given.clock;
            let case = Case { given: *given, ..case_of(String::new()) };
            // Nobody waits any more: the test is over.
            _ = reply.send(World::new(bench, &case, &self.around, now, 0).await);
        }
        pending().await
    }
}

const RESTLESS: &str = "the app comes to no end: a component publishes what it is subscribed to, or is tried again without a pause";

impl Drive {
    pub fn new(bench: &Bench, plan: Plan, time: Arc<Followed>) -> anyhow::Result<(Arc<Self>, Stage)> {
        let around = Around::new(bench, plan, None)?;
        let (stage, wanted) = mpsc::channel(1);
        let drive = Self {
            app: Arc::new(bench.loaded.app.clone()),
            time,
            outside: around.outside.clone(),
            plan: around.plan.clone(),
            stage,
            world: Turn::default(),
            found: Turn::default(),
            steps: AtomicUsize::new(0),
            noted: Mutex::default(),
        };
        Ok((Arc::new(drive), Stage { around, wanted }))
    }

    /// What the test said when it failed, if it did so by [`Driver::fail`].
    pub fn failed(&self) -> Option<String> {
        self.noted().failed.clone()
    }

    pub fn unanswered(&self) -> Vec<String> {
        self.outside.asked().unanswered
    }

    /// What is there at the end of the case, what all calls used, and how long was waited.
    ///
    /// # Errors
    /// If the app came to no end.
    pub async fn end(&self) -> anyhow::Result<(Seen, verdict::Usage, Duration)> {
        anyhow::ensure!(!self.noted().restless, RESTLESS);
        let Some(world) = self.world.lock().await.clone() else {
            return Ok((Seen::default(), verdict::Usage::default(), Duration::ZERO));
        };
        let notes = world.recorder.notes().clone();
        let usage = usage(&notes);
        let seen = world.look(notes, &mut *self.found.lock().await).await?;
        Ok((seen, usage, self.noted().waited))
    }

    /// What speaks against a case of which its test says nothing bad.
    ///
    /// # Errors
    /// That is it.
    pub fn verdict(&self, run: &Run) -> Result<(), String> {
        if let Some(lacking) = run.unanswered.first() {
            return Err(lacking.clone());
        }
        let told = self.noted().failures;
        match failures(&run.seen).nth(told) {
            Some((_, call @ seen::Call { end: End::Failed(kind, detail), .. })) => {
                Err(ended::unexpected(call, *kind, detail))
            }
            _ => Ok(()),
        }
    }

    /// The world, which begins by the defaults if the test has not said how.
    async fn world(&self) -> Told<Arc<World>> {
        let mut world = self.world.lock().await;
        if let Some(world) = &*world {
            return Ok(world.clone());
        }
        Ok(world.insert(self.make(answers::defaults()).await?).clone())
    }

    async fn make(&self, given: suite::Given) -> Told<Arc<World>> {
        let (reply, made) = oneshot::channel();
        let gone = || "the case is over".to_owned();
        self.stage.send((Box::new(given), reply)).await.map_err(|_| gone())?;
        let world = Arc::new(made.await.map_err(|_| gone())?.map_err(shown)?);
        self.time.follow(world.clock.clone());
        self.happen(&world, async { Ok(()) }).await?;
        Ok(world)
    }

    /// Lets something happen, and all that follows from it at this moment.
    async fn happen<T>(&self, world: &World, what: impl Future<Output = anyhow::Result<T>>) -> Told<T> {
        let done = async {
            let value = what.await?;
            world.idle().await;
            world.find_events(&mut *self.found.lock().await).await?;
            anyhow::Ok(value)
        };
        tokio::select! {
            biased;
            _ = world.recorder.over() => {
                self.noted().restless = true;
                Err(RESTLESS.to_owned())
            }
            done = done => done.map_err(shown),
        }
    }

    async fn act(&self, action: Action) -> Told<seen::Reply> {
        let replies = self.act_at_once(vec![action]).await?;
        Ok(replies.into_iter().next().unwrap_or(seen::Reply::None))
    }

    async fn act_at_once(&self, actions: Vec<Action>) -> Told<Vec<seen::Reply>> {
        let world = self.world().await?;
        let first = self.steps.fetch_add(actions.len(), Ordering::Relaxed);
        if first + actions.len() > STEPS {
            return Err(format!("a case has {STEPS} steps at the most"));
        }
        let began = world.clock.now();
        let acts = actions.iter().enumerate().map(|(index, action)| world.act(action, first + index));
        let replies = self.happen(&world, try_join_all(acts)).await?;
        if !actions.iter().any(|action| matches!(action, Action::Wait(_) | Action::Tick(_))) {
            self.noted().waited += world.clock.now().since(began);
        }
        Ok(replies)
    }

    async fn notes(&self) -> Notes {
        match &*self.world.lock().await {
            Some(world) => world.recorder.notes().clone(),
            None => Notes::default(),
        }
    }

    async fn change(&self, store: &str, key: &str, action: commit::Action) -> Told<()> {
        let store = names::store(&self.app, store)?;
        let world = self.world().await?;
        let (engine, key) = (self.engine(&world, &store)?, self.place(&store, key));
        let changes = vec![Change { key, expect: None, action }];
        engine
            .commit(Batch { changes, ..Batch::default() })
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    fn engine<'w>(&self, world: &'w World, store: &StoreRef) -> Told<&'w Arc<dyn Engine>> {
        let declared = self.app.stores.iter().find(|declared| declared.name == store.store);
        match declared.is_some_and(|declared| declared.kind == StoreKind::Memory) {
            true => Ok(&world.engines.memory),
            false => world.engines.embedded.as_ref().ok_or_else(|| "there is no storage".to_owned()),
        }
    }

    fn place(&self, store: &StoreRef, key: &str) -> Bytes {
        let scope = match &store.component {
            Some(component) => state::private_scope(&self.app.name, component, &store.store),
            None => state::shared_scope(&self.app.name, &store.store),
        };
        (scope + key).into()
    }

    /// Counts what stays in memory until the case is over.
    fn keep(&self, bytes: usize) -> Told<()> {
        let mut noted = self.noted();
        noted.given += bytes as u64 + EACH;
        match noted.given <= GIVEN {
            true => Ok(()),
            false => Err(format!("a test puts {} MiB into its world at the most", GIVEN >> 20)),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn shown(error: anyhow::Error) -> String {
    format!("{error:#}")
}

fn size(answer: &Result<Answer, AnswerError>) -> usize {
    answer.as_ref().map_or(0, |answer| answer.data.len() + answers::size(&answer.metadata))
}

fn usage(notes: &Notes) -> verdict::Usage {
    verdict::Usage {
        fuel: notes.calls.iter().map(|call| call.fuel).sum(),
        memory: notes.calls.iter().map(|call| call.memory).max().unwrap_or_default(),
        host_calls: notes.steps.len() as u64,
        output: notes.printed,
    }
}

#[async_trait]
impl Driver for Drive {
    async fn begin(&self, given: Given) -> Told<()> {
        let mut world = self.world.lock().await;
        if world.is_some() {
            return Err("the world has begun: `begin` comes first, and once".to_owned());
        }
        let given = answers::given(&self.app, given)?;
        self.noted().callees = given.callees.iter().map(|(name, _)| name.clone()).collect();
        *world = Some(self.make(given).await?);
        Ok(())
    }

    async fn send(&self, request: Request) -> Told<Response> {
        answers::response(self.act(Action::Request(answers::request(request))).await?)
    }

    async fn send_at_once(&self, requests: Vec<Request>) -> Told<Vec<Response>> {
        let actions = requests.into_iter().map(|request| Action::Request(answers::request(request)));
        let replies = self.act_at_once(actions.collect()).await?;
        replies.into_iter().map(answers::response).collect()
    }

    async fn publish(&self, message: Message) -> Told<()> {
        self.keep(message.data.len())?;
        self.act(Action::Event(answers::message(&self.app, message)?)).await.map(|_| ())
    }

    async fn tick(&self, schedule: String) -> Told<()> {
        self.act(Action::Tick(names::schedule(&self.app, &schedule)?)).await.map(|_| ())
    }

    async fn put_file(&self, input: String, name: String, content: Vec<u8>) -> Told<()> {
        self.keep(name.len() + content.len())?;
        let input = names::input(&self.app, &input)?;
        let input = suite::Input { input, file: name, content: Data::Bytes(content) };
        self.act(Action::Input(input)).await.map(|_| ())
    }

    async fn invoke(&self, invocation: Invocation) -> Told<Result<Reply, Fault>> {
        let Invocation { component, method, data, content_type, idempotency_key } = invocation;
        let component = names::component(&self.app, &component)?;
        let data = Some(Data::Bytes(data));
        let meant = suite::Invoke { component, method, data, content_type, idempotency_key };
        match self.act(Action::Invoke(meant)).await? {
            seen::Reply::Invoked(Ok(reply)) => {
                Ok(Ok(Reply { data: reply.data.into(), content_type: reply.content_type }))
            }
            seen::Reply::Invoked(Err(error)) => Ok(Err(Fault { kind: error.kind, message: error.message })),
            _ => Err("there is no answer".to_owned()),
        }
    }

    async fn wait(&self, ms: u64) -> Told<()> {
        let time = Duration::from_millis(ms);
        if time > LONGEST {
            return Err("ten years are the most that can be waited for".to_owned());
        }
        self.act(Action::Wait(time)).await.map(|_| ())
    }

    async fn now(&self) -> u64 {
        use mecha_primitives::clock::Clock as _;
        self.time.now().0
    }

    async fn read_state(&self, store: String, key: String) -> Told<Option<Vec<u8>>> {
        let store = names::store(&self.app, &store)?;
        let world = self.world().await?;
        let snapshot = self.engine(&world, &store)?.snapshot().await.map_err(|error| error.to_string())?;
        let found = snapshot.get(&self.place(&store, &key)).await.map_err(|error| error.to_string())?;
        Ok(found.map(|record| record.value.into()))
    }

    async fn write_state(&self, store: String, key: String, value: Vec<u8>) -> Told<()> {
        self.keep(key.len() + value.len())?;
        let world = self.world().await?;
        let version = Version::new(world.dispatcher.random.call_id(), 0, 0);
        let record = Record { version, expires_at: None, media_type: None, value: value.into() };
        self.change(&store, &key, commit::Action::Put(record)).await
    }

    async fn delete_state(&self, store: String, key: String) -> Told<()> {
        self.change(&store, &key, commit::Action::Delete).await
    }

    async fn list_state(&self, store: String, prefix: String) -> Told<Vec<(String, Vec<u8>)>> {
        let store = names::store(&self.app, &store)?;
        let all = self.world().await?.state().await.map_err(shown)?;
        let found = all.into_iter().filter(|((of, key), _)| *of == store && key.starts_with(&prefix));
        Ok(found.map(|((_, key), value)| (key, value.into())).collect())
    }

    async fn events(&self, topic: String) -> Told<Vec<Event>> {
        let topic = names::topic(&self.app, &topic)?;
        let world = self.world().await?;
        let mut found = self.found.lock().await;
        let seen = world.look(Notes::default(), &mut found).await.map_err(shown)?;
        let events = seen.events.iter().filter(|(of, _)| *of == topic);
        Ok(events.map(|(_, event)| answers::event(event)).collect())
    }

    async fn jobs(&self, component: String) -> Told<Vec<Job>> {
        let component = names::component(&self.app, &component)?;
        let jobs = self.world().await?.jobs().await.map_err(shown)?;
        let own = jobs.into_iter().filter(|job| job.component == component);
        let told =
            |job: seen::Job| Job { name: job.name, due_ms: job.due.map(|due| due.0), data: job.data.into() };
        Ok(own.map(told).collect())
    }

    async fn answer_output(
        &self,
        output: String,
        operation: Option<String>,
        answer: Result<Answer, AnswerError>,
        timing: Timing,
    ) -> Told<()> {
        let name = names::output(&self.app, &output)?;
        self.keep(size(&answer))?;
        self.outside.added.outputs.add((name, answers::output(operation, answer, timing)?));
        Ok(())
    }

    async fn answer_requests(&self, upstream: Upstream) -> Told<()> {
        self.keep(upstream.body.len() + answers::size(&upstream.headers))?;
        self.outside.added.upstream.add(answers::upstream(upstream)?);
        Ok(())
    }

    async fn answer_calls(
        &self,
        component: String,
        method: Option<String>,
        answer: Result<Answer, AnswerError>,
        timing: Timing,
    ) -> Told<()> {
        let name = names::component(&self.app, &component)?;
        if !self.noted().callees.contains(&name) {
            return Err(format!(
                "the component `{name}` answers for itself: name it among the `callees` of `begin`"
            ));
        }
        self.keep(size(&answer))?;
        self.outside.added.callees.add((name, answers::callee(method, answer, timing)?));
        Ok(())
    }

    async fn output_calls(&self, output: String) -> Told<Vec<OutputCall>> {
        let name = names::output(&self.app, &output)?;
        let calls = self.outside.asked().outputs.into_iter().filter(|call| call.output == name);
        let told = |call: seen::OutputCall| OutputCall {
            operation: call.operation,
            data: call.data.into(),
            metadata: call.metadata,
        };
        Ok(calls.map(told).collect())
    }

    async fn sent_requests(&self) -> Vec<SentRequest> {
        let told = |request: seen::HttpCall| SentRequest {
            method: request.method.to_string(),
            url: request.url,
            headers: answers::fields(&request.headers),
            body: request.body.into(),
        };
        self.outside.asked().requests.into_iter().map(told).collect()
    }

    async fn callee_calls(&self, component: String) -> Told<Vec<CalleeCall>> {
        let name = names::component(&self.app, &component)?;
        let calls = self.outside.asked().callees.into_iter().filter(|call| call.component == name);
        Ok(calls.map(|call| CalleeCall { method: call.method, data: call.data.into() }).collect())
    }

    async fn disturb(&self, disturbance: Disturbance) -> Told<()> {
        self.keep(0)?;
        self.plan.add(&answers::fault(&self.app, disturbance)?);
        Ok(())
    }

    async fn lines(&self) -> Vec<Line> {
        let told = |line: seen::Line| Line {
            component: line.component.to_string(),
            stream: line.stream.to_owned(),
            text: line.text,
        };
        self.notes().await.lines.into_iter().map(told).collect()
    }

    async fn failures(&self) -> Vec<Failure> {
        let calls = self.notes().await.calls.into_iter();
        let failed: Vec<_> = calls
            .filter_map(|call| match call.end {
                End::Failed(kind, detail) => Some(Failure {
                    component: call.component.to_string(),
                    kind: kind.as_str().to_owned(),
                    detail: detail.to_string(),
                }),
                _ => None,
            })
            .collect();
        self.noted().failures = failed.len();
        failed
    }

    async fn used(&self) -> Usage {
        let verdict::Usage { fuel, memory, host_calls, output } = usage(&self.notes().await);
        Usage { fuel, memory, host_calls, output }
    }

    async fn fail(&self, why: String) {
        self.noted().failed.get_or_insert(why);
    }
}
