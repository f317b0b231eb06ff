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
        let outcome = self.output.invoke(request.clone()).await.map_or_else(outcome, |_| Outcome::Done);
        // An attempt before may have done it, and nobody heard.
        let is_repetition = delivery.attempt > 1 && matches!(outcome, Outcome::Reject { .. });
        if is_repetition && self.output.is_there(&request).await { Outcome::Done } else { outcome }
    }
}

/// What becomes of an operation that failed.
fn outcome(error: Error) -> Outcome {
    let why = error.to_string().into();
    match error {
        // It has taken place, and nobody looks at its answer.
        Error::Rejected { code, .. } if code == "too-large" => Outcome::Done,
        // An upstream that is down answers, too.
        Error::Rejected { code, .. } if code.parse().is_ok_and(is_passing) => {
            Outcome::Retry { after: None, why }
        }
        Error::NoSuchBinding(_)
        | Error::AccessDenied(_)
        | Error::NoSuchOperation(_)
        | Error::InvalidArgument(_)
        | Error::TooLarge(_)
        | Error::Rejected { .. } => Outcome::Reject { why },
        Error::Busy(after) => Outcome::Retry { after, why },
        Error::QuotaExceeded(_) | Error::Timeout | Error::Unavailable(_) | Error::Other(_) => {
            Outcome::Retry { after: None, why }
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_will_not_is_given_up() {
        let rejected = |code: &str| Error::rejected(code, "no");
        let minute = Duration::from_secs(60);
        for (error, expected) in [
            (Error::Busy(Some(minute)), "again after 60s"),
            (Error::Busy(None), "again"),
            (Error::Timeout, "again"),
            (Error::Unavailable("gone".into()), "again"),
            (Error::QuotaExceeded("full".into()), "again"),
            (Error::Other("odd".into()), "again"),
            (rejected("408"), "again"),
            (rejected("425"), "again"),
            (rejected("429"), "again"),
            (rejected("500"), "again"),
            (rejected("503"), "again"),
            (rejected("400"), "given up"),
            (rejected("403"), "given up"),
            (rejected("exists"), "given up"),
            (rejected("not-permitted"), "given up"),
            (rejected(""), "given up"),
            (rejected("too-large"), "done"),
            (Error::TooLarge(1), "given up"),
            (Error::InvalidArgument("no".into()), "given up"),
            (Error::AccessDenied("no".into()), "given up"),
            (Error::NoSuchOperation("no".into()), "given up"),
            (Error::NoSuchBinding("no".into()), "given up"),
        ] {
            let text = error.to_string();
            let found = match outcome(error) {
                Outcome::Done => "done".to_owned(),
                Outcome::Retry { after: Some(after), .. } => format!("again after {after:?}"),
                Outcome::Retry { after: None, .. } => "again".to_owned(),
                Outcome::Reject { .. } => "given up".to_owned(),
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{text}");
        }
    }
}
