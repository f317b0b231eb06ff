//! Events: those of a subscription go to the component, or the URL, that its routes choose.

use std::sync::Arc;

use async_trait::async_trait;
use mecha_primitives::{
    clock::Timestamp,
    commit,
    delivery::{Outcome, Settled, pump::Attempts},
    identity::Trigger,
    name,
    pubsub::{
        filter::{Facts, Filter, Verdict},
        group::Taken,
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
    Component(Arc<Target>),
    Sink(Arc<Sink>),
}

/// A subscription, as its pump sees it.
#[derive(Debug)]
pub struct Subscriber {
    pub dispatcher: Dispatcher,
    pub app: name::App,
    pub name: name::Subscription,
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

    async fn one(&self, delivery: &Delivery, permit: Option<OwnedSemaphorePermit>) -> Outcome {
        match self.destination(delivery) {
            None => Outcome::Done,
            Some(Destination::Sink(sink)) => sink.deliver(delivery).await,
            Some(Destination::Component(target)) => {
                let permit = match permit {
                    Some(permit) => Some(permit),
                    None => self.permit_within(target, delivery.leased_until).await,
                };
                let Some(permit) = permit else { return Outcome::Returned };
                self.call(target, vec![delivery.clone()], permit).await.pop().unwrap_or(Outcome::Returned)
            }
        }
    }

    /// Calls the component in a task of its own: guests of one subscription run beside each other.
    async fn call(
        &self,
        target: &Arc<Target>,
        deliveries: Vec<Delivery>,
        permit: OwnedSemaphorePermit,
    ) -> Vec<Outcome> {
        let Some(first) = deliveries.first() else { return vec![] };
        let trace = first.event.event.extension("traceparent").map(str::to_owned);
        let occasion = Occasion {
            attempt: first.attempt,
            traceparent: trace.as_deref(),
            ..Occasion::new(Trigger::Event(self.name.clone()))
        };
        let (name, count, batch) = (self.name.clone(), deliveries.len(), self.batch);
        let answer = self.dispatcher.attempt(target, occasion, permit, |target, identity| async move {
            match batch {
                true => handle_batch(&target.micrologic, identity, &name, &deliveries).await,
                false => {
                    handle(&target.micrologic, identity, &name, &deliveries[0]).await.map(|one| vec![one])
                }
            }
        });
        answer.await.unwrap_or_else(|outcome| vec![outcome; count])
    }

    /// A permit, if there is one early enough for a whole call within the lease. Who waits longer lets the event go back.
    async fn permit_within(&self, target: &Target, leased_until: Timestamp) -> Option<OwnedSemaphorePermit> {
        let wall_time = u64::try_from(target.micrologic.limits().wall_time.as_millis()).unwrap_or(u64::MAX);
        let latest = Timestamp(leased_until.0.saturating_sub(wall_time));
        tokio::select! {
            biased;
            permit = target.permit_in_turn() => permit,
            () = self.dispatcher.clock.sleep_until(latest) => None,
        }
    }

    /// Those of a batch that go to one destination go there together, and all destinations beside each other.
    async fn many(&self, deliveries: &[&Delivery], permit: Option<OwnedSemaphorePermit>) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Returned; deliveries.len()];
        let mut groups: Vec<(&Arc<Target>, Vec<usize>)> = vec![];
        for (index, delivery) in deliveries.iter().enumerate() {
            let target = match self.destination(delivery) {
                None => {
                    outcomes[index] = Outcome::Done;
                    continue;
                }
                Some(Destination::Sink(sink)) => {
                    outcomes[index] = sink.deliver(delivery).await;
                    continue;
                }
                Some(Destination::Component(target)) => target,
            };
            match groups.iter_mut().find(|(other, _)| Arc::ptr_eq(other, target)) {
                Some((_, indices)) => indices.push(index),
                None => groups.push((target, vec![index])),
            }
        }
        let mut permit = permit;
        let calls = groups.into_iter().map(|(target, indices)| {
            // There is one only if there is one destination.
            let permit = permit.take();
            async move {
                let chosen: Vec<_> = indices.iter().map(|index| deliveries[*index].clone()).collect();
                let until = chosen.iter().map(|delivery| delivery.leased_until).min().unwrap_or_default();
                let permit = match permit {
                    Some(permit) => Some(permit),
                    None => self.permit_within(target, until).await,
                };
                let answers = match permit {
                    Some(permit) => self.call(target, chosen, permit).await,
                    None => vec![Outcome::Returned; chosen.len()],
                };
                (indices, answers)
            }
        });
        for (indices, answers) in futures_util::future::join_all(calls).await {
            let mut answers = answers.into_iter();
            for index in indices {
                let missing =
                    || Outcome::Retry { after: None, why: "the handler gave no outcome for it".into() };
                outcomes[index] = answers.next().unwrap_or_else(missing);
            }
        }
        outcomes
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
            Some(Destination::Component(target)) if self.routes.is_empty() => target.permit_in_turn().await,
            _ => None,
        }
    }

    fn free_permit(&self) -> Option<Self::Permit> {
        match &self.otherwise {
            Some(Destination::Component(target)) if self.routes.is_empty() => target.free_permit().map(Some),
            _ => Some(None),
        }
    }

    async fn attempt(&self, items: &[Taken], permit: Self::Permit) -> Vec<Outcome> {
        match items {
            [only] if !self.batch => vec![self.one(&only.delivery, permit).await],
            many => {
                let deliveries: Vec<_> = many.iter().map(|taken| &taken.delivery).collect();
                self.many(&deliveries, permit).await
            }
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
