//! Calls a component's `mecha:pubsub/handler` or `batch-handler`.

use std::{sync::Arc, time::Duration};

use mecha_primitives::{delivery::Outcome, identity::Identity, name, pubsub::queue};

use super::{lacking, reason, run};
use crate::{
    bindings::{
        exports::mecha::pubsub::{batch_handler, handler},
        mecha::pubsub::{
            delivery_types::{DeadLetter, Delivery, Nack},
            types::Event,
        },
    },
    fault::Fault,
    micrologic::Micrologic,
};

/// The interfaces, without their versions.
pub const INTERFACE: &str = "mecha:pubsub/handler";
pub const BATCH_INTERFACE: &str = "mecha:pubsub/batch-handler";

/// Calls the handler with one event.
///
/// # Errors
/// What ended the call instead.
pub async fn handle(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    subscription: &name::Subscription,
    delivery: &queue::Delivery,
) -> Result<Outcome, Fault> {
    let indices = micrologic.handlers().event.as_ref().ok_or_else(|| lacking(INTERFACE))?;
    let delivery = told(subscription, delivery);
    let answer = run(micrologic, identity, async |store, instance| {
        let guest: handler::Guest = indices.load(&mut *store, instance)?;
        guest.call_handle(&mut *store, &delivery).await
    });
    Ok(outcome(answer.await?))
}

/// Calls the batch handler. An outcome that is missing counts as one more attempt that is needed.
///
/// # Errors
/// What ended the call instead.
pub async fn handle_batch(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    subscription: &name::Subscription,
    deliveries: impl IntoIterator<Item = &queue::Delivery>,
) -> Result<Vec<Outcome>, Fault> {
    let indices = micrologic.handlers().batch.as_ref().ok_or_else(|| lacking(BATCH_INTERFACE))?;
    let deliveries: Vec<_> = deliveries.into_iter().map(|delivery| told(subscription, delivery)).collect();
    let answers = run(micrologic, identity, async |store, instance| {
        let guest: batch_handler::Guest = indices.load(&mut *store, instance)?;
        guest.call_handle_batch(&mut *store, &deliveries).await
    });
    Ok(answers.await?.into_iter().map(outcome).collect())
}

fn told(subscription: &name::Subscription, delivery: &queue::Delivery) -> Delivery {
    let stored = &delivery.event;
    let event = &stored.event;
    Delivery {
        event: Event {
            id: event.id().to_owned(),
            source: event.source().to_owned(),
            event_type: event.kind().to_owned(),
            subject: event.subject().map(str::to_owned),
            time: event.time().map(str::to_owned),
            content_type: event.content_type().map(str::to_owned),
            schema: event.schema().map(str::to_owned),
            extensions: event.extensions().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            data: event.data().map(|data| data.to_vec()).unwrap_or_default(),
        },
        topic: delivery.topic.to_string(),
        subscription: subscription.to_string(),
        attempt: delivery.attempt,
        published_ms: stored.published.0,
        ordering_key: stored.key.clone(),
        dead_letter: stored.dead.as_ref().map(|dead| DeadLetter {
            topic: dead.topic.clone(),
            subscription: dead.group.clone(),
            reason: dead.reason.clone(),
            attempts: dead.attempts,
            at_ms: dead.at.0,
        }),
    }
}

fn outcome(answer: Result<(), Nack>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Done,
        Err(Nack::Retry(after)) => Outcome::Retry {
            after: after.map(Duration::from_millis),
            why: "the handler asked for another attempt".into(),
        },
        Err(Nack::Reject(why)) => Outcome::Reject { why: reason(&why) },
    }
}
