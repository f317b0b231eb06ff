//! Ticks: runs of schedules and of jobs that are due.

use std::sync::Arc;

use async_trait::async_trait;
use mecha_primitives::{
    commit,
    delivery::{
        Outcome, Settled,
        pump::{Attempts, Ended},
    },
    identity::Trigger,
    jobs::{Item, Jobs},
    name,
};
use mecha_runtime::{
    exports::jobs::handle,
    fault::{Fault, Kind},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    apps::Target,
    dispatch::{Dispatcher, Occasion},
};

/// A schedule of the manifest, or the jobs of a component, as its pump sees it.
#[derive(Debug)]
pub struct Ticker {
    pub dispatcher: Dispatcher,
    pub app: name::App,
    /// For the operator: the schedule's name, or the component's.
    pub name: String,
    pub target: Arc<Target>,
    pub jobs: Arc<Jobs>,
    /// Whether the call and the end of the run are one.
    pub atomic: bool,
}

#[async_trait]
impl Attempts<Item> for Ticker {
    type Permit = Option<OwnedSemaphorePermit>;

    async fn permit(&self) -> Self::Permit {
        self.target.permit_in_turn().await
    }

    async fn attempt(&self, items: &[Item], permit: Self::Permit) -> Vec<Ended> {
        let ([item], Some(permit)) = (items, permit) else {
            return vec![Outcome::Returned.into(); items.len()];
        };
        let late = self.dispatcher.clock.now().since(item.due);
        tracing::debug!(app = %self.app, job = %item.job, due = item.due.0, late_ms = late.as_millis(), "run is due");
        let occasion = Occasion { attempt: item.attempt, ..Occasion::new(Trigger::Job(item.job.clone())) };
        let settles = self.atomic.then(|| self.jobs.clone());
        let call = |target: Arc<Target>, identity, items: Arc<[Item]>| async move {
            let item = items.first().ok_or_else(|| Fault::new(Kind::Host, "there is no run"))?;
            handle(&target.micrologic, identity, item).await.map(|outcome| vec![outcome])
        };
        self.dispatcher.attempt(&self.target, occasion, permit, settles, [item.clone()].into(), call).await
    }

    fn settled(&self, item: &Item, outcome: &Outcome, settled: &Settled) {
        let (app, name, job, due, attempt) = (&self.app, &self.name, &item.job, item.due.0, item.attempt);
        let why = outcome.why();
        match settled {
            Settled::Done => {}
            Settled::Later(at) => {
                tracing::info!(%app, name, %job, due, attempt, why, at = at.0, "run is tried again later");
            }
            Settled::Dead => tracing::warn!(%app, name, %job, due, attempt, why, "run is given up"),
            Settled::Stale => {
                tracing::warn!(%app, name, %job, due, attempt, "the job was changed, or the run had gone to another attempt");
            }
        }
        self.dispatcher.metrics.settled(&self.app, "schedule", &self.name, settled);
    }

    fn hindered(&self, error: &commit::Error) {
        tracing::warn!(app = %self.app, name = self.name, %error, "storage is in the way of schedules");
    }
}
