//! One attempt at something leased: a call in a task of its own, and what its end means for the lease.

use std::sync::Arc;

use async_trait::async_trait;
use mecha_primitives::{
    commit,
    delivery::{Outcome, Settled, Source, pump::Ended},
    identity::Identity,
    unit::Unit,
};
use mecha_runtime::fault::{Fault, Kind};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use super::{Dispatcher, Occasion, atomic::Frame};
use crate::apps::Target;

impl Dispatcher {
    /// Makes the call beside others, whoever polls the pump. It ends when nobody waits for it any more. With `settles`,
    /// it is atomic: what was leased is settled in its own commit.
    pub async fn attempt<S: Source, F: Future<Output = Result<Vec<Outcome>, Fault>> + Send + 'static>(
        &self,
        target: &Arc<Target>,
        occasion: Occasion<'_>,
        permit: OwnedSemaphorePermit,
        settles: Option<Arc<S>>,
        items: Arc<[S::Item]>,
        call: impl Fn(Arc<Target>, Arc<Identity>, Arc<[S::Item]>) -> F + Send + Sync + 'static,
    ) -> Vec<Ended> {
        let (dispatcher, target, occasion) = (self.clone(), target.clone(), occasion.into_owned());
        let count = items.len();
        let task = tokio::spawn(async move {
            let Some(source) = settles else {
                let identity = dispatcher.identify(&target, occasion);
                let call = call(target.clone(), identity.clone(), items);
                let outcomes = dispatcher.run(&target, &identity, permit, call).await?;
                target.micrologic.pass(&identity, "end").await?;
                return Ok(outcomes.into_iter().map(Ended::from).collect());
            };
            let frame = Leased { source, items: items.clone() };
            let call = |identity| told(call(target.clone(), identity, items.clone()));
            let ended = dispatcher.transact(&target, occasion, permit, &frame, call).await?;
            Ok(match ended.committed {
                true => vec![Ended::Settled(Settled::Done); count],
                false => ended.answer.into_iter().map(undone).collect(),
            })
        });
        match AbortOnDropHandle::new(task).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(fault)) => vec![again(&fault).into(); count],
            Err(error) => vec![Outcome::Retry { after: None, why: error.to_string().into() }.into(); count],
        }
    }
}

async fn told(call: impl Future<Output = Result<Vec<Outcome>, Fault>>) -> Result<Vec<Ended>, Fault> {
    Ok(call.await?.into_iter().map(Ended::from).collect())
}

/// What is leased, as the frame of an atomic call: it is settled first, and happens with the rest.
struct Leased<S: Source> {
    source: Arc<S>,
    items: Arc<[S::Item]>,
}

#[async_trait]
impl<S: Source> Frame<Vec<Ended>> for Leased<S> {
    async fn begin(&self, unit: &Unit) -> Result<Option<Vec<Ended>>, commit::Error> {
        let engine = unit.engine();
        for (index, item) in self.items.iter().enumerate() {
            if self.source.settle_over(&engine, item).await? == Settled::Done {
                continue;
            }
            // It is another attempt's by now. Those beside it are to be tried without it.
            let mut ended = vec![Ended::from(Outcome::Returned); self.items.len()];
            ended[index] = Ended::Settled(Settled::Stale);
            return Ok(Some(ended));
        }
        Ok(None)
    }

    fn succeeded(&self, answer: &Vec<Ended>) -> bool {
        answer.len() == self.items.len() && answer.iter().all(|ended| *ended == Ended::from(Outcome::Done))
    }
}

/// Nothing of the call has happened, so what it says is done is not: there were others in its batch, or more outcomes than
/// deliveries.
fn undone(ended: Ended) -> Ended {
    match ended {
        Ended::Outcome(Outcome::Done) => {
            Outcome::Retry { after: None, why: "nothing was committed of the batch that it came in".into() }
                .into()
        }
        ended => ended,
    }
}

/// A call that gave no answer is tried again.
fn again(fault: &Fault) -> Outcome {
    // The last line of a chain of errors says what the matter is.
    let detail = fault.detail.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let why = match fault.kind {
        Kind::Trap | Kind::Exit => format!("{}: {detail}", fault.kind.as_str()),
        kind => kind.as_str().to_owned(),
    };
    Outcome::Retry { after: None, why: why.into() }
}
