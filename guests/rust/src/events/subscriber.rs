//! Makes a type the component's handler of events.

use super::{Delivery, Nack, raw::delivery_types};
use crate::class::millis;

/// Something that receives events. Exported with [`export!`](super::export).
pub trait Subscriber {
    /// Called once in the life of an instance. `Ok` settles the delivery; a trap, or running out of time, counts
    /// as [`Nack::retry`].
    ///
    /// # Errors
    /// What is to become of the event: see [`Nack`].
    fn handle(delivery: Delivery) -> Result<(), Nack>;
}

/// Something that receives many events at a time. Exported with [`export_batch!`](super::export_batch).
pub trait BatchSubscriber {
    /// One outcome for each delivery, in the same order. Those that are missing count as [`Nack::retry`].
    fn handle_batch(deliveries: Vec<Delivery>) -> Vec<Result<(), Nack>>;
}

/// Hands one raw delivery to a [`Subscriber`]. [`export!`](super::export) calls this.
///
/// # Errors
/// What the subscriber says.
pub fn receive<S: Subscriber>(delivery: delivery_types::Delivery) -> Result<(), delivery_types::Nack> {
    S::handle(delivery.into()).map_err(into_raw)
}

/// Hands raw deliveries to a [`BatchSubscriber`]. [`export_batch!`](super::export_batch) calls this.
#[must_use]
pub fn receive_batch<S: BatchSubscriber>(
    deliveries: Vec<delivery_types::Delivery>,
) -> Vec<Result<(), delivery_types::Nack>> {
    let outcomes = S::handle_batch(deliveries.into_iter().map(Delivery::from).collect());
    outcomes.into_iter().map(|outcome| outcome.map_err(into_raw)).collect()
}

fn into_raw(nack: Nack) -> delivery_types::Nack {
    match nack {
        Nack::Retry(after) => delivery_types::Nack::Retry(after.map(millis)),
        Nack::Reject(reason) => delivery_types::Nack::Reject(reason),
    }
}

/// Makes a [`Subscriber`] the component's `mecha:pubsub/handler`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_subscriber {
    ($handler:ident) => {
        const _: () = {
            struct Component;

            impl $crate::events::raw::subscriber::Guest for Component {
                fn handle(
                    delivery: $crate::events::raw::delivery_types::Delivery,
                ) -> Result<(), $crate::events::raw::delivery_types::Nack> {
                    $crate::events::receive::<$handler>(delivery)
                }
            }

            // A native linker does not take the symbol's name.
            #[cfg(target_arch = "wasm32")]
            $crate::events::raw::subscriber::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                $crate::events::raw::delivery_types::Delivery,
            ) -> Result<(), $crate::events::raw::delivery_types::Nack> =
                <Component as $crate::events::raw::subscriber::Guest>::handle;
        };
    };
}

/// Makes a [`BatchSubscriber`] the component's `mecha:pubsub/batch-handler`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_batch_subscriber {
    ($handler:ident) => {
        const _: () = {
            struct Component;

            impl $crate::events::raw::batch_subscriber::Guest for Component {
                fn handle_batch(
                    deliveries: Vec<$crate::events::raw::delivery_types::Delivery>,
                ) -> Vec<Result<(), $crate::events::raw::delivery_types::Nack>> {
                    $crate::events::receive_batch::<$handler>(deliveries)
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::events::raw::batch_subscriber::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                Vec<$crate::events::raw::delivery_types::Delivery>,
            ) -> Vec<Result<(), $crate::events::raw::delivery_types::Nack>> =
                <Component as $crate::events::raw::batch_subscriber::Guest>::handle_batch;
        };
    };
}
