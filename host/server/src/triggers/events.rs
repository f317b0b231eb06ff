//! Events: those of a subscription go to the component, or the URL, that its routes choose.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use mecha_primitives::{
    clock::Timestamp,
    commit,
    delivery::{
        Outcome, Settled,
        pump::{Attempts, Ended},
    },
    identity::Trigger,
    name,
    pubsub::{
        filter::{Facts, Filter, Verdict},
        group::{Group, Taken},
        queue::Delivery,
    },
};
use mecha_runtime::exports::events::{handle, handle_batch};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::sink::Sink;
use crate::{
    apps::Target,
    dispatch::{Dispatcher, Occasion},
};

/// Where an event goes.
#[derive(Debug, Clone)]
pub enum Destination {
    Component {
        target: Arc<Target>,
        /// Whether the call and the end of the delivery are one.
        atomic: bool,
    },
    Sink(Arc<Sink>),
}

/// A subscription, as its pump sees it.
#[derive(Debug)]
pub struct Subscriber {
    pub dispatcher: Dispatcher,
    pub app: name::App,
    pub name: name::Subscription,
    /// Where deliveries come from.
    pub group: Arc<Group>,
    /// The first that matches wins.
    pub routes: Vec<(Filter, Destination)>,
    /// For what no route wants; without one it is settled unseen.
    pub otherwise: Option<Destination>,
    pub batch: bool,
    /// Whether it is paused right now.
    pub paused: watch::Receiver<bool>,
}

impl Subscriber {
    fn destination(&self, delivery: &Delivery) -> Option<&Destination> {
        if self.routes.is_empty() {
            return self.otherwise.as_ref();
        }
        let facts = Facts::new(&delivery.event.event, delivery.topic.as_str());
        let chosen = self.routes.iter().find(|(when, _)| when.matches(&facts) == Verdict::Yes);
        chosen.map(|(_, to)| to).or(self.otherwise.as_ref())
    }

    async fn one(&self, taken: &Taken, permit: Option<OwnedSemaphorePermit>) -> Ended {
        match self.destination(&taken.delivery) {
            None => Outcome::Done.into(),
            Some(Destination::Sink(sink)) => sink.deliver(&taken.delivery).await.into(),
            Some(Destination::Component { target, atomic }) => {
                let only = Arc::from([taken.clone()]);
                let ended = self.call(target, *atomic, only, permit).await.pop();
                ended.unwrap_or_else(|| Outcome::Returned.into())
            }
        }
    }

    /// Calls the component in a task of its own: guests of one subscription run beside each other.
    async fn call(
        &self,
        target: &Arc<Target>,
        atomic: bool,
        taken: Arc<[Taken]>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Vec<Ended> {
        let Some(first) = taken.first() else { return vec![] };
        let until = taken.iter().map(|taken| taken.delivery.leased_until).min().unwrap_or_default();
        let permit = match permit {
            Some(permit) => Some(permit),
            None => self.permit_within(target, until).await,
        };
        let Some(permit) = permit else { return vec![Outcome::Returned.into(); taken.len()] };
        let occasion = Occasion {
            attempt: first.delivery.attempt,
            traceparent: first.delivery.event.event.extension("traceparent").map(Cow::from),
            ..Occasion::new(Trigger::Event(self.name.clone()))
        };
        let (name, batch) = (self.name.clone(), self.batch);
        let settles = atomic.then(|| self.group.clone());
        let call = move |target: Arc<Target>, identity, taken: Arc<[Taken]>| {
            let name = name.clone();
            async move {
                let deliveries = taken.iter().map(|taken| &taken.delivery);
                match (batch, &*taken) {
                    (false, [one]) => {
                        handle(&target.micrologic, identity, &name, &one.delivery).await.map(|one| vec![one])
                    }
                    _ => handle_batch(&target.micrologic, identity, &name, deliveries).await,
                }
            }
        };
        self.dispatcher.attempt(target, occasion, permit, settles, taken.clone(), call).await
    }

    /// A permit, if there is one early enough for a whole call within the lease. Who waits longer lets the event go back.
    async fn permit_within(&self, target: &Target, leased_until: Timestamp) -> Option<OwnedSemaphorePermit> {
        let wall_time = u64::try_from(target.micrologic.limits().wall_time.as_millis()).unwrap_or(u64::MAX);
        let latest = Timestamp(leased_until.0.saturating_sub(wall_time));
        if self.dispatcher.clock.now() > latest {
            return None;
        }
        tokio::select! {
            biased;
            permit = target.permit_in_turn() => permit,
            () = self.dispatcher.clock.sleep_until(latest) => None,
        }
    }

    /// Those of a batch that go to one destination go there together, and all destinations beside each other.
    async fn many(&self, items: &[Taken], permit: Option<OwnedSemaphorePermit>) -> Vec<Ended> {
        let mut ended = vec![Ended::from(Outcome::Returned); items.len()];
        let mut groups: Vec<(&Arc<Target>, bool, Vec<usize>)> = vec![];
        for (index, taken) in items.iter().enumerate() {
            let (target, atomic) = match self.destination(&taken.delivery) {
                None => {
                    ended[index] = Outcome::Done.into();
                    continue;
                }
                Some(Destination::Sink(sink)) => {
                    ended[index] = sink.deliver(&taken.delivery).await.into();
                    continue;
                }
                Some(Destination::Component { target, atomic }) => (target, *atomic),
            };
            match groups.iter_mut().find(|(other, ..)| Arc::ptr_eq(other, target)) {
                Some((.., indices)) => indices.push(index),
                None => groups.push((target, atomic, vec![index])),
            }
        }
        let mut permit = permit;
        let calls = groups.into_iter().map(|(target, atomic, indices)| {
            // There is one only if there is one destination.
            let permit = permit.take();
            let chosen: Arc<[_]> = indices.iter().map(|index| items[*index].clone()).collect();
            async move { (indices, self.together(target, atomic, chosen, permit).await) }
        });
        for (indices, answers) in futures_util::future::join_all(calls).await {
            let mut answers = answers.into_iter();
            for index in indices {
                let missing =
                    || Outcome::Retry { after: None, why: "the handler gave no outcome for it".into() };
                ended[index] = answers.next().unwrap_or_else(|| missing().into());
            }
        }
        ended
    }

    /// One call for several. If it is atomic and some of them failed, nothing of it has happened: then they come one by
    /// one, so that what can be done is done.
    async fn together(
        &self,
        target: &Arc<Target>,
        atomic: bool,
        chosen: Arc<[Taken]>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Vec<Ended> {
        let ended = self.call(target, atomic, chosen.clone(), permit).await;
        let is_settled =
            |ended: &Ended| matches!(ended, Ended::Settled(_) | Ended::Outcome(Outcome::Returned));
        if !atomic || chosen.len() == 1 || ended.iter().any(is_settled) {
            return ended;
        }
        let mut singly = Vec::with_capacity(chosen.len());
        for taken in chosen.iter() {
            singly.extend(self.call(target, atomic, Arc::from([taken.clone()]), None).await);
        }
        singly
    }
}

#[async_trait]
impl Attempts<Taken> for Subscriber {
    /// The component's, if it can only be one. Otherwise the event says whose it is, and the attempt waits for it.
    type Permit = Option<OwnedSemaphorePermit>;

    async fn permit(&self) -> Self::Permit {
        let mut paused = self.paused.clone();
        // An error: nobody can pause it any more.
        _ = paused.wait_for(|paused| !*paused).await;
        match &self.otherwise {
            Some(Destination::Component { target, .. }) if self.routes.is_empty() => {
                target.permit_in_turn().await
            }
            _ => None,
        }
    }

    fn free_permit(&self) -> Option<Self::Permit> {
        match &self.otherwise {
            Some(Destination::Component { target, .. }) if self.routes.is_empty() => {
                target.free_permit().map(Some)
            }
            _ => Some(None),
        }
    }

    async fn attempt(&self, items: &[Taken], permit: Self::Permit) -> Vec<Ended> {
        match items {
            [only] if !self.batch => vec![self.one(only, permit).await],
            many => self.many(many, permit).await,
        }
    }

    fn settled(&self, item: &Taken, outcome: &Outcome, settled: &Settled) {
        let (app, subscription, delivery) = (&self.app, &self.name, &item.delivery);
        let (topic, event, attempt) = (&delivery.topic, delivery.event.event.id(), delivery.attempt);
        let why = outcome.why();
        match settled {
            Settled::Done => {}
            Settled::Later(at) => {
                tracing::info!(%app, %subscription, %topic, event, attempt, why, at = at.0, "event is delivered again later");
            }
            Settled::Dead => {
                tracing::warn!(%app, %subscription, %topic, event, attempt, why, "event is given up");
            }
            Settled::Stale => {
                tracing::warn!(%app, %subscription, %topic, event, attempt, "the lease had gone to another attempt, or the event had expired");
            }
        }
        self.dispatcher.metrics.settled(&self.app, "subscription", self.name.as_str(), settled);
    }

    fn hindered(&self, error: &commit::Error) {
        tracing::warn!(app = %self.app, subscription = %self.name, %error, "storage is in the way of deliveries");
    }
}
