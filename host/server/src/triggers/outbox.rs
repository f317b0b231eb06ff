//! Deferred operations: what atomic calls have put into their commits is carried out, at least once.

use std::sync::Arc;

use async_trait::async_trait;
use mecha_primitives::{
    bindings::{Error, Output, deferred},
    commit,
    delivery::{
        Outcome, Settled,
        pump::{Attempts, Ended},
    },
    name,
    pubsub::{group::Taken, queue::Delivery},
};
use tokio::sync::watch;

use super::sink::is_passing;
use crate::dispatch::Dispatcher;

/// The outbox of one output, as its pump sees it.
#[derive(Debug)]
pub struct Carrier {
    pub dispatcher: Dispatcher,
    pub app: name::App,
    pub name: name::Binding,
    pub output: Arc<dyn Output>,
    /// Whether it is paused right now.
    pub paused: watch::Receiver<bool>,
}

impl Carrier {
    async fn carry_out(&self, delivery: &Delivery) -> Outcome {
        let request = match deferred::request(&delivery.event.event) {
            Ok(request) => request,
            Err(why) => return Outcome::Reject { why: format!("it cannot be read: {why}").into() },
        };
        let error = match self.output.invoke(request.clone()).await {
            Ok(_) => return Outcome::Done,
            Err(error) => error,
        };
        // An attempt before may have done it, and nobody heard.
        if delivery.attempt > 1 && is_final(&error) && self.output.is_there(&request).await {
            return Outcome::Done;
        }
        let why = error.to_string().into();
        match error {
            Error::Busy(after) => Outcome::Retry { after, why },
            error if is_final(&error) => Outcome::Reject { why },
            _ => Outcome::Retry { after: None, why },
        }
    }
}

/// Whether another attempt would end no better.
fn is_final(error: &Error) -> bool {
    match error {
        Error::NoSuchBinding(_)
        | Error::AccessDenied(_)
        | Error::NoSuchOperation(_)
        | Error::InvalidArgument(_)
        | Error::TooLarge(_) => true,
        // An upstream that is down answers, too.
        Error::Rejected { code, .. } => !code.parse().is_ok_and(is_passing),
        Error::QuotaExceeded(_)
        | Error::Busy(_)
        | Error::Timeout
        | Error::Unavailable(_)
        | Error::Other(_) => false,
    }
}

#[async_trait]
impl Attempts<Taken> for Carrier {
    type Permit = ();

    async fn permit(&self) {
        let mut paused = self.paused.clone();
        // An error: nobody can pause it any more.
        _ = paused.wait_for(|paused| !*paused).await;
    }

    fn free_permit(&self) -> Option<()> {
        Some(())
    }

    async fn attempt(&self, items: &[Taken], (): ()) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(items.len());
        for taken in items {
            ended.push(self.carry_out(&taken.delivery).await.into());
        }
        ended
    }

    fn settled(&self, item: &Taken, outcome: &Outcome, settled: &Settled) {
        let (app, output, delivery) = (&self.app, &self.name, &item.delivery);
        let (key, attempt, why) = (delivery.event.event.id(), delivery.attempt, outcome.why());
        match settled {
            Settled::Done => {}
            Settled::Later(at) => {
                tracing::info!(%app, %output, key, attempt, why, at = at.0, "deferred operation is tried again later");
            }
            Settled::Dead => {
                tracing::warn!(%app, %output, key, attempt, why, "deferred operation is given up");
            }
            Settled::Stale => {
                tracing::warn!(%app, %output, key, attempt, "the lease of a deferred operation had gone to another attempt");
            }
        }
        self.dispatcher.metrics.settled(&self.app, "outbox", self.name.as_str(), settled);
    }

    fn hindered(&self, error: &commit::Error) {
        tracing::warn!(app = %self.app, output = %self.name, %error, "storage is in the way of deferred operations");
    }
}
