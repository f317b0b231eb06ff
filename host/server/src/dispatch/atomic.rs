//! A call that is a transaction: run with a unit of work, committed with what triggered it and with its answer, and run
//! again if others were first.

use std::sync::Arc;

use async_trait::async_trait;
use mecha_primitives::{
    commit,
    identity::{CallId, Identity},
    unit::{Failed, Run, Unit},
};
use mecha_runtime::fault::{Fault, Kind};
use tokio::sync::OwnedSemaphorePermit;

use super::{Dispatcher, Occasion};
use crate::apps::Target;

/// What belongs to an atomic call beside what its component does.
#[async_trait]
pub trait Frame<T: Sync>: Send + Sync {
    /// The first thing in the unit: what triggered the call is settled, as if the call had succeeded. An answer, if there
    /// is one already, or nothing to be answered any more: then the call is not made.
    async fn begin(&self, _: &Unit) -> Result<Option<T>, commit::Error> {
        Ok(None)
    }

    /// Whether the call has succeeded, so that what it did is to happen.
    fn succeeded(&self, answer: &T) -> bool;

    /// The last thing in the unit, if it has succeeded.
    async fn end(&self, _: &Unit, _: &T) -> Result<(), commit::Error> {
        Ok(())
    }
}

/// An answer, and whether what the call did has happened.
#[derive(Debug)]
pub struct Ended<T> {
    pub answer: T,
    pub committed: bool,
}

/// What ended a call instead of an answer, and which call it was: the operator's log has more under its id.
#[derive(Debug)]
pub struct Failure {
    pub fault: Fault,
    pub call: CallId,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        failure.fault
    }
}

impl Dispatcher {
    /// Makes a call with a permit as one transaction, and notes how it ended.
    ///
    /// # Errors
    /// What ended it instead of an answer: nothing of it has happened, unless its commit failed in a way that does not
    /// tell. The operator has been told.
    pub async fn transact<T, F>(
        &self,
        target: &Arc<Target>,
        occasion: Occasion<'_>,
        permit: OwnedSemaphorePermit,
        frame: &dyn Frame<T>,
        mut call: impl FnMut(Arc<Identity>) -> F + Send,
    ) -> Result<Ended<T>, Failure>
    where
        T: Send + Sync,
        F: Future<Output = Result<T, Fault>> + Send,
    {
        let deadline = self.deadline(target, &occasion);
        let occasion = Occasion { deadline: Some(deadline), ..occasion };
        let mut running = self.begin(target, self.identify(target, occasion.clone()), permit);
        let outcome = match &target.transactions {
            Some(transactions) => {
                let run = |unit: Unit| {
                    let occasion = Occasion { unit: Some(unit.clone()), ..occasion.clone() };
                    running.identity = self.identify(target, occasion);
                    framed(frame, unit, target, running.identity.clone(), call(running.identity.clone()))
                };
                transactions.run(deadline, run).await.unwrap_or_else(|failed| Err(uncommitted(&failed)))
            }
            None => Err(Fault::new(Kind::Host, "the component has no storage for atomic calls")),
        };
        running.ended(outcome.as_ref().map(drop));
        outcome.map_err(|fault| Failure { fault, call: running.identity.call })
    }
}

/// One run: the beginning, the call and the end of a frame. Whether anything of it is to happen.
async fn framed<T: Send + Sync>(
    frame: &dyn Frame<T>,
    unit: Unit,
    target: &Target,
    identity: Arc<Identity>,
    call: impl Future<Output = Result<T, Fault>> + Send,
) -> Run<Result<Ended<T>, Fault>> {
    if let Err(fault) = target.micrologic.pass(&identity, "begin").await {
        return Run::Discard(Err(fault));
    }
    match frame.begin(&unit).await {
        Ok(None) => {}
        Ok(Some(answer)) => return Run::Discard(Ok(Ended { answer, committed: false })),
        Err(error) => return Run::Discard(Err(storage(&error))),
    }
    let answer = match call.await {
        Ok(answer) => answer,
        Err(fault) => return Run::Discard(Err(fault)),
    };
    if !frame.succeeded(&answer) {
        return Run::Discard(Ok(Ended { answer, committed: false }));
    }
    if let Err(error) = frame.end(&unit, &answer).await {
        return Run::Discard(Err(storage(&error)));
    }
    match target.micrologic.pass(&identity, "commit").await {
        Ok(()) => Run::Keep(Ok(Ended { answer, committed: true })),
        Err(fault) => Run::Discard(Err(fault)),
    }
}

/// What an error of the engine means to a call.
pub(super) fn storage(error: &commit::Error) -> Fault {
    let kind = match error {
        commit::Error::Quota { .. } | commit::Error::Held { .. } => Kind::Quota,
        commit::Error::Unknown(_) => Kind::Unknown,
        _ => Kind::Commit,
    };
    Fault::new(kind, error.to_string())
}

fn uncommitted(failed: &Failed) -> Fault {
    let kind = match failed {
        Failed::Busy { .. } => Kind::Conflict,
        Failed::Commit(error) => storage(error).kind,
    };
    Fault::new(kind, failed.to_string())
}

/// A frame that settles nothing: whether a call has succeeded is all that there is to say.
pub struct Plain<S>(pub S);

impl<T: Sync, S: Fn(&T) -> bool + Send + Sync> Frame<T> for Plain<S> {
    fn succeeded(&self, answer: &T) -> bool {
        self.0(answer)
    }
}
