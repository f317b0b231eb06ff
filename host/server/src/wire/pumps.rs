//! What runs beside HTTP: a pump for each subscription, schedule, component with jobs, and folder.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZero,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use mecha_backends::file;
use mecha_manifest::{self as manifest, App, Due, InputKind, Missed, SettledFile};
use mecha_primitives::{
    bindings::Output,
    clock::Clock,
    commit::{self, Engine},
    delivery::{
        Retry, Source,
        pump::{Attempts, Pace, pump},
    },
    jobs::{self, Job, Jobs, Schedule, schedule_account, scheduled_names},
    name,
    pubsub::group::Group,
    random::Random,
};
use tokio_util::sync::CancellationToken;

use super::{
    Doubles, Engines, bindings,
    events::{Events, filter},
    meta_of,
    outbox::{self, Outboxes},
};
use crate::{
    apps::Target,
    dispatch::{Dispatcher, lease},
    shutdown::Shutdown,
    triggers::{
        events::{Destination, Subscriber},
        files::{Files, Marks, Reader},
        jobs::Ticker,
        outbox::Carrier,
    },
};

type Targets = HashMap<name::Component, Arc<Target>>;
type Started = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// Everything that is to be pumped.
pub struct Pumps {
    app: name::App,
    dispatcher: Dispatcher,
    engine: Option<Arc<dyn Engine>>,
    /// With what the manifest says of each.
    schedules: Vec<(Arc<Jobs>, Job)>,
    jobs: Vec<Arc<Jobs>>,
    /// All that there are, the host's own as well.
    topics: BTreeSet<name::Topic>,
    ready: Vec<Started>,
}

/// Deferred operations of one output that are carried out at once.
const CARRIED_AT_ONCE: usize = 16;
/// Jobs of one component that run at once, if its own limit is not smaller.
const JOBS_AT_ONCE: usize = 10;

impl Pumps {
    pub(super) fn new(
        app: &App,
        folders: (&Doubles<'_>, &Path),
        dispatcher: &Dispatcher,
        events: &Events,
        engines: &Engines,
        targets: &Targets,
        jobs: Vec<(name::Component, Arc<Jobs>)>,
    ) -> anyhow::Result<Self> {
        let mut pumps = Self {
            app: app.name.clone(),
            dispatcher: dispatcher.clone(),
            engine: engines.embedded.clone(),
            schedules: vec![],
            jobs: vec![],
            topics: events.topics().map(|topic| topic.name().clone()).collect(),
            ready: vec![],
        };
        for (meta, subscription) in app.subscriptions.iter().zip(&events.subscriptions) {
            let group = subscription.group.clone();
            let subscriber =
                subscriber(app, meta, dispatcher, targets, group, subscription.paused.subscribe())?;
            pumps.add(subscription.group.clone(), subscriber, pace(meta));
        }
        for meta in &app.schedules {
            pumps.schedule(app, meta, targets)?;
        }
        for (component, jobs) in jobs {
            let Some(target) = targets.get(&component).cloned() else { continue };
            let at_once = JOBS_AT_ONCE.min(target.micrologic.limits().concurrency as usize);
            let atomic = target.atomic.jobs();
            let ticker = pumps.ticker(component.to_string(), target, jobs.clone(), atomic);
            pumps.jobs.push(jobs.clone());
            pumps.add(jobs, ticker, Pace::single(at_least_one(at_once)));
        }
        for input in &app.inputs {
            if let InputKind::File(meta) = &input.kind {
                pumps.folder(app, folders, input, meta, targets)?;
            }
        }
        Ok(pumps)
    }

    fn add<S: Source, A: Attempts<S::Item>>(&mut self, source: Arc<S>, attempts: A, pace: Pace) {
        let clock = self.dispatcher.clock.clone();
        let start = move |stop| -> BoxFuture<'static, ()> {
            Box::pin(pump(source, Arc::new(attempts), pace, clock, stop))
        };
        self.ready.push(Box::new(start));
    }

    /// Carries out what is put off.
    pub(super) fn carry(
        &mut self,
        outboxes: &Outboxes,
        events: &Events,
        outputs: &BTreeMap<name::Binding, Arc<dyn Output>>,
    ) {
        for (name, topic) in outboxes.carried() {
            let mut taking = events.subscriptions.iter();
            let taking = taking.find(|one| one.topics.iter().any(|taken| Arc::ptr_eq(taken, topic)));
            let (Some(subscription), Some(output)) = (taking, outputs.get(name).cloned()) else { continue };
            let carrier = Carrier {
                dispatcher: self.dispatcher.clone(),
                app: self.app.clone(),
                name: name.clone(),
                output,
                paused: subscription.paused.subscribe(),
            };
            self.add(subscription.group.clone(), carrier, Pace::single(at_least_one(CARRIED_AT_ONCE)));
        }
    }

    fn ticker(&self, name: String, target: Arc<Target>, jobs: Arc<Jobs>, atomic: bool) -> Ticker {
        Ticker { dispatcher: self.dispatcher.clone(), app: self.app.clone(), name, target, jobs, atomic }
    }

    fn schedule(&mut self, app: &App, meta: &manifest::Schedule, targets: &Targets) -> anyhow::Result<()> {
        let target = targets.get(&meta.to.value).context("a schedule without its component")?.clone();
        let engine = self.engine.clone().context("there is no storage for a schedule")?;
        let options = jobs::Options {
            lease: lease(target.micrologic.limits().wall_time),
            retry: meta.retry,
            max_bytes: None,
        };
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) =
            (self.dispatcher.clock.clone(), self.dispatcher.random.clone());
        let account = schedule_account(&self.app, &meta.name);
        let source = Arc::new(Jobs::new(engine, clock, random, account, options));
        self.schedules.push((source.clone(), job(meta)?));
        let atomic = meta_of(app, &target.component).is_some_and(|of| meta.is_atomic(of));
        let ticker = self.ticker(meta.name.to_string(), target, source.clone(), atomic);
        self.add(source, ticker, Pace::single(NonZero::<usize>::MIN));
        Ok(())
    }

    fn folder(
        &mut self,
        app: &App,
        (doubles, folder): (&Doubles<'_>, &Path),
        input: &manifest::Input,
        meta: &manifest::FileInput,
        targets: &Targets,
    ) -> anyhow::Result<()> {
        let target = targets.get(&input.to.value).context("an input without its component")?.clone();
        let open = |directory: &manifest::Spanned<String>| bindings::open(folder, &directory.value);
        let options = file::InboxOptions {
            pattern: file::Pattern::new(&meta.pattern.to_string()),
            settled: match &meta.settled {
                SettledFile::Delete => file::Settle::Delete,
                SettledFile::Move(folder) => file::Settle::Move(open(folder)?),
            },
            failed: meta.failed.as_ref().map(open).transpose()?,
            max_size: meta.max_size,
            stirred: doubles.stirred.clone(),
        };
        let dispatcher = self.dispatcher.clone();
        let inbox = file::Inbox::open(open(&meta.directory)?, options, dispatcher.clock.clone())
            .with_context(|| format!("the input `{}`", input.name))?;
        let engine = target.transactions.as_ref().map(|transactions| transactions.engine().clone());
        let marks = engine.filter(|_| meta_of(app, &target.component).is_some_and(|of| input.is_atomic(of)));
        let is_marked = marks.is_some();
        let marks = marks.map(|engine| Marks { engine, app: app.name.clone(), input: input.name.clone() });
        let (clock, random) = (dispatcher.clock.clone(), dispatcher.random.clone());
        let files = Arc::new(Files::new(inbox.clone(), meta.retry, clock, random, marks));
        let marked = is_marked.then(|| files.clone());
        let reader = Reader { dispatcher, name: input.name.clone(), target, inbox, marked };
        self.add(files, reader, Pace::single(at_least_one(meta.concurrency as usize)));
        Ok(())
    }

    /// Brings what is stored of schedules in line with the manifest, takes back what a former process had leased, and tells
    /// what nobody carries out any more.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn begin(&self) -> Result<(), commit::Error> {
        for (jobs, job) in &self.schedules {
            jobs.reconcile(&job.name, Some(job.clone())).await.map_err(|error| unavailable(&error))?;
            jobs.recover().await?;
        }
        for jobs in &self.jobs {
            jobs.recover().await?;
        }
        let Some(engine) = &self.engine else { return Ok(()) };
        for left in scheduled_names(&**engine, &self.app).await? {
            let is_meant = self.schedules.iter().any(|(_, job)| *job.name == *left.as_str());
            if !is_meant {
                self.forget(engine, &left).await?;
            }
        }
        let is_meant = |topic: &name::Topic| self.topics.contains(topic);
        for (topic, operations) in outbox::left(&**engine, &self.app, is_meant).await? {
            tracing::warn!(app = %self.app, %topic, operations, "deferred operations are left in an outbox that no atomic component of the manifest uses any more");
        }
        Ok(())
    }

    /// Removes a schedule that the manifest no longer has.
    async fn forget(&self, engine: &Arc<dyn Engine>, schedule: &name::Schedule) -> Result<(), commit::Error> {
        let options = jobs::Options { lease: Duration::ZERO, retry: Retry::default(), max_bytes: None };
        let account = schedule_account(&self.app, schedule);
        let (clock, random) = (self.dispatcher.clock.clone(), self.dispatcher.random.clone());
        let jobs = Jobs::new(engine.clone(), clock, random, account, options);
        jobs.reconcile(schedule.as_str(), None).await.map_err(|error| unavailable(&error))?;
        tracing::info!(app = %self.app, %schedule, "the schedule is no longer in the manifest, and was removed");
        Ok(())
    }

    /// Starts all pumps. They end when the shutdown begins, and finish what they have in work.
    pub fn start(self, shutdown: &Shutdown) {
        for start in self.ready {
            shutdown.tasks().spawn(start(shutdown.token()));
        }
    }
}

fn unavailable(error: &jobs::Error) -> commit::Error {
    commit::Error::Unavailable(error.to_string().into())
}

fn at_least_one(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap_or(NonZero::<usize>::MIN)
}

fn pace(meta: &manifest::Subscription) -> Pace {
    let single = Pace::single(at_least_one(meta.concurrency as usize));
    meta.batch.map_or(single, |batch| Pace {
        batch: at_least_one(batch.size as usize),
        fill: batch.wait,
        ..single
    })
}

fn job(meta: &manifest::Schedule) -> anyhow::Result<Job> {
    let schedule = match &meta.due {
        Due::Cron { expression, time_zone } => Schedule::cron(&expression.value, Some(&time_zone.value)),
        Due::Every(every) => Schedule::interval(*every, None),
    };
    let schedule = schedule.map_err(|invalid| anyhow!("the schedule `{}`: {invalid}", meta.name))?;
    Ok(Job {
        data: meta.data.clone().map(Bytes::from).unwrap_or_default(),
        content_type: meta.content_type.as_deref().map(Arc::from),
        missed: match meta.missed {
            Missed::Skip => jobs::Missed::Skip,
            Missed::RunOnce => jobs::Missed::RunOnce,
            Missed::RunAll => jobs::Missed::RunAll,
        },
        ..Job::new(meta.name.as_str(), schedule)
    })
}

fn subscriber(
    app: &App,
    meta: &manifest::Subscription,
    dispatcher: &Dispatcher,
    targets: &Targets,
    group: Arc<Group>,
    paused: tokio::sync::watch::Receiver<bool>,
) -> anyhow::Result<Subscriber> {
    let destination = |target: &manifest::Target| -> anyhow::Result<Destination> {
        Ok(match target {
            manifest::Target::Component(name) => {
                let target = targets.get(&name.value).context("a subscription without its component")?;
                let atomic = meta_of(app, &target.component).is_some_and(|of| meta.is_atomic(of));
                Destination::Component { target: target.clone(), atomic }
            }
            manifest::Target::Sink(sink) => Destination::Sink(Arc::new(bindings::sink(sink)?)),
        })
    };
    let route = |case: &manifest::Case| Ok((filter(&case.when.value)?, destination(&case.to)?));
    Ok(Subscriber {
        dispatcher: dispatcher.clone(),
        app: app.name.clone(),
        name: meta.name.clone(),
        group,
        routes: meta.routes.iter().map(route).collect::<anyhow::Result<_>>()?,
        otherwise: meta.to.as_ref().map(destination).transpose()?,
        batch: meta.batch.is_some(),
        paused,
    })
}
