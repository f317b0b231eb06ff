//! One attempt at something leased: a call in a task of its own, and what its end means for the lease.

use std::sync::Arc;

use mecha_primitives::{delivery::Outcome, identity::Identity};
use mecha_runtime::fault::{Fault, Kind};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use super::{Dispatcher, Occasion};
use crate::apps::Target;

impl Dispatcher {
    /// Makes the call beside others, whoever polls the pump. It ends when nobody waits for it any more.
    ///
    /// # Errors
    /// What is to become of what was leased, if the call gave no answer.
    pub async fn attempt<T: Send + 'static, F: Future<Output = Result<T, Fault>> + Send + 'static>(
        &self,
        target: &Arc<Target>,
        occasion: Occasion<'_>,
        permit: OwnedSemaphorePermit,
        call: impl FnOnce(Arc<Target>, Arc<Identity>) -> F,
    ) -> Result<T, Outcome> {
        let identity = self.identify(target, occasion);
        let call = call(target.clone(), identity.clone());
        let (dispatcher, target) = (self.clone(), target.clone());
        let task = tokio::spawn(async move { dispatcher.run(&target, &identity, permit, call).await });
        match AbortOnDropHandle::new(task).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(again(&fault)),
            Err(error) => Err(Outcome::Retry { after: None, why: error.to_string().into() }),
        }
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
