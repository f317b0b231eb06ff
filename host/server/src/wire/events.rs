//! Topics, and the groups that take from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use mecha_manifest::{self as manifest, App, TopicKind, WhenFull};
use mecha_primitives::{
    clock::Clock,
    commit::{self, Engine},
    name,
    pubsub::{
        begin::Start,
        census::groups,
        filter::Filter,
        group::Group,
        queue::{self, Queue},
        topic::{Full, Member, Options, Topic},
    },
    random::Random,
};
use tokio::sync::{Notify, watch};

use super::{Engines, meta_of};
use crate::dispatch::lease;

/// All of an app's topics and subscriptions.
#[derive(Debug)]
pub struct Events {
    topics: BTreeMap<name::Topic, Arc<Topic>>,
    pub subscriptions: Vec<Subscription>,
    /// The topics that take dead letters.
    burials: BTreeSet<name::Topic>,
    sources: (Arc<dyn Clock>, Arc<dyn Random>),
}

/// A subscription, with the queues that it takes from.
#[derive(Debug)]
pub struct Subscription {
    pub name: name::Subscription,
    pub member: Member,
    pub start: Start,
    pub topics: Vec<Arc<Topic>>,
    pub group: Arc<Group>,
    /// Whether it is paused.
    pub paused: watch::Sender<bool>,
    /// Where it is noted that an operator paused or resumed it.
    pub engine: Arc<dyn Engine>,
}

pub(crate) type Sources<'a> = (&'a Arc<dyn Clock>, &'a Arc<dyn Random>);

impl Events {
    /// # Errors
    /// If a topic is on disk and there is no storage, or a filter cannot be read: the manifest's check found that.
    pub fn new(app: &App, engines: &Engines, sources: Sources<'_>) -> anyhow::Result<Self> {
        let members = app.subscriptions.iter().map(member).collect::<Result<Vec<_>, _>>()?;
        let mut topics = BTreeMap::new();
        for declared in &app.topics {
            let engine = match declared.kind {
                TopicKind::Embedded => {
                    engines.embedded.clone().context("there is no storage for a topic on disk")?
                }
                TopicKind::Memory => engines.memory.clone(),
            };
            let taking = app.subscriptions.iter().zip(&members).filter(|(meta, _)| meta.takes(declared));
            let taking = taking.map(|(_, member)| member.clone()).collect();
            let sources = (sources.0.clone(), sources.1.clone());
            let topic =
                Topic::new(&app.name, declared.name.clone(), engine, sources, options(declared), taking);
            topics.insert(declared.name.clone(), Arc::new(topic));
        }
        let owner = sources.1.next();
        let subscriptions = app
            .subscriptions
            .iter()
            .zip(members)
            .map(|(meta, member)| subscription(app, meta, member, &topics, owner, sources));
        let subscriptions = subscriptions.collect::<Result<_, _>>()?;
        let burials =
            app.subscriptions.iter().filter_map(|meta| Some(meta.dead_letter.as_ref()?.value.clone()));
        Ok(Self {
            topics,
            subscriptions,
            burials: burials.collect(),
            sources: (sources.0.clone(), sources.1.clone()),
        })
    }

    /// Adds a topic of the host's own, and who takes from it.
    pub(super) fn add(&mut self, topic: Arc<Topic>, subscription: Subscription) {
        self.topics.insert(topic.name().clone(), topic);
        self.subscriptions.push(subscription);
    }

    /// The topic of this name, as one that takes dead letters; made if there is none.
    pub(super) fn buried_at(
        &mut self,
        name: name::Topic,
        make: impl FnOnce(name::Topic) -> Topic,
    ) -> Arc<Topic> {
        self.burials.insert(name.clone());
        self.topics.entry(name.clone()).or_insert_with(|| Arc::new(make(name))).clone()
    }

    #[must_use]
    pub fn topic(&self, name: &name::Topic) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// Whether some subscription gives up its events to this topic.
    #[must_use]
    pub fn is_dead_letter_topic(&self, name: &name::Topic) -> bool {
        self.burials.contains(name)
    }

    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// Removes a group that the manifest no longer has from a topic. How many events it had not settled; `None`: it is
    /// not known.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn forget(
        &self,
        topic: &Arc<Topic>,
        group: &name::Group,
    ) -> Result<Option<u64>, commit::Error> {
        if !groups(&**topic.engine(), topic.keys()).await?.contains(group) {
            return Ok(None);
        }
        let options = queue::Options { retry: Default::default(), lease: Duration::ZERO, dead_letters: None };
        let (clock, random) = (self.sources.0.clone(), self.sources.1.clone());
        let queue = Queue::new(topic, group.clone(), Arc::default(), options, random.next(), clock, random);
        queue.forget().await.map(Some)
    }

    /// Makes all groups known, and takes back what a former process had leased.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn begin(&self, app: &name::App) -> Result<(), commit::Error> {
        for subscription in &self.subscriptions {
            for topic in &subscription.topics {
                topic.begin(&subscription.member, subscription.start).await?;
            }
            subscription.group.recover().await?;
        }
        self.look(app).await
    }

    /// Looks which subscriptions an operator has paused or resumed.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn look(&self, app: &name::App) -> Result<(), commit::Error> {
        for subscription in &self.subscriptions {
            let key = paused_key(app, &subscription.name);
            if let Some(noted) = subscription.engine.snapshot().await?.get(&key).await? {
                subscription.paused.send_replace(&*noted.value == b"paused");
            }
        }
        Ok(())
    }
}

/// Under which an operator's word is kept.
pub fn paused_key(app: &name::App, subscription: &name::Subscription) -> bytes::Bytes {
    format!("{app}/subscriptions/{subscription}/paused").into()
}

fn options(topic: &manifest::Topic) -> Options {
    Options {
        max_bytes: topic.max_size,
        max_event: topic.max_event,
        full: match topic.full {
            WhenFull::Refuse => Full::Refuse,
            WhenFull::Wait => Full::Wait,
            WhenFull::DropOldest => Full::DropOldest,
        },
        keep: topic.keep,
        window: topic.deduplicate,
    }
}

fn member(meta: &manifest::Subscription) -> anyhow::Result<Member> {
    Ok(Member {
        group: meta.group.clone(),
        filter: meta.filter.as_ref().map(|text| filter(&text.value)).transpose()?,
        ordered: meta.ordered,
        changed: Arc::new(Notify::new()),
    })
}

pub(super) fn filter(text: &str) -> anyhow::Result<Filter> {
    Filter::parse(text).map_err(|wrong| anyhow!("the condition `{text}` cannot be used: {wrong}"))
}

fn subscription(
    app: &App,
    meta: &manifest::Subscription,
    member: Member,
    topics: &BTreeMap<name::Topic, Arc<Topic>>,
    owner: u64,
    (clock, random): Sources<'_>,
) -> anyhow::Result<Subscription> {
    let taken =
        app.topics.iter().filter(|topic| meta.takes(topic)).filter_map(|topic| topics.get(&topic.name));
    let taken: Vec<_> = taken.cloned().collect();
    let options = queue::Options {
        retry: meta.retry,
        lease: lease(longest(app, meta)),
        dead_letters: meta.dead_letter.as_ref().and_then(|topic| topics.get(&topic.value)).cloned(),
    };
    let queue = |topic: &Arc<Topic>| {
        let (clock, random) = (clock.clone(), random.clone());
        Queue::new(topic, member.group.clone(), member.changed.clone(), options.clone(), owner, clock, random)
    };
    let queues: Vec<_> = taken.iter().map(queue).collect();
    let engine = taken.first().context("a subscription without a topic")?.engine().clone();
    Ok(Subscription {
        name: meta.name.clone(),
        start: match meta.start {
            manifest::Start::New => Start::New,
            manifest::Start::Earliest => Start::Earliest,
            manifest::Start::At(time) => Start::At(time),
        },
        group: Arc::new(Group::new(queues, member.changed.clone())),
        topics: taken,
        member,
        paused: watch::channel(meta.paused).0,
        engine,
    })
}

/// The longest that an attempt may take, wherever its event goes.
fn longest(app: &App, meta: &manifest::Subscription) -> Duration {
    let targets = meta.to.iter().chain(meta.routes.iter().map(|case| &case.to));
    let times = targets.map(|target| match target {
        manifest::Target::Sink(sink) => sink.timeout,
        manifest::Target::Component(name) => meta_of(app, &name.value).map_or(Duration::ZERO, |component| {
            // A batch of which nothing was committed leaves time for one event by itself at least. Otherwise one that
            // never ends would come back with its batch for ever.
            let calls = if meta.batch.is_some() && meta.is_atomic(component) { 2 } else { 1 };
            component.limits.wall_time * calls
        }),
    });
    let fill = meta.batch.map(|batch| batch.wait).unwrap_or_default();
    times.max().unwrap_or_default() + fill
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoSecrets;

    impl manifest::Secrets for NoSecrets {
        fn env(&self, _: &str) -> Option<String> {
            None
        }

        fn file(&self, _: &str) -> Result<String, String> {
            Err("none".to_owned())
        }
    }

    #[test]
    fn a_batch_that_commits_nothing_leaves_time_for_one_of_it_alone() {
        let cases = [("", "", 20), ("", "batch: { size: 9, wait: 3s }", 23), ("atomic: true", "", 20)];
        let both = ("atomic: true", "batch: { size: 9, wait: 3s }", 43);
        for (component, subscription, seconds) in cases.into_iter().chain([both]) {
            let text = format!(
                "name: a\ncomponents:\n  b:\n    source: b.wasm\n    limits: {{ wall-time: 20s }}\n    {component}\ntopics: {{ t: embedded }}\nsubscriptions:\n  s:\n    topic: t\n    to: b\n    {subscription}\n"
            );
            let (app, _) = manifest::load("mecha.yaml", &text, &NoSecrets).unwrap();
            assert_eq!(longest(&app, &app.subscriptions[0]).as_secs(), seconds, "{text}");
        }
    }
}
