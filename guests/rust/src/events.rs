//! Publishing events and receiving them: `mecha:pubsub`.
//!
//! ```no_run
//! use std::time::Duration;
//! use mecha_guest::events::{Delivery, Message, Nack, Subscriber, Topic};
//! # use serde::{Serialize, Deserialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order { id: String, total: u64 }
//!
//! struct App;
//!
//! impl Subscriber for App {
//!     fn handle(delivery: Delivery) -> Result<(), Nack> {
//!         let order: Order = delivery.event.json()?;
//!         let reminder = Message::json("order.unpaid", &order)?
//!             .id(format!("reminder-{}", order.id))
//!             .key(&order.id)
//!             .delay(Duration::from_secs(86_400));
//!         Topic::open("reminders")?.publish(&reminder)?;
//!         Ok(())
//!     }
//! }
//!
//! mecha_guest::events::export!(App);
//! ```
//!
//! - [`Topic`]: where events are published. Each is a [`Message`].
//! - [`Subscriber`], with [`export!`]: receives one [`Delivery`] at a time.
//! - [`BatchSubscriber`], with [`export_batch!`]: receives many, for a subscription with a `batch`.
//! - [`Error`]: why something was not published. [`Nack`]: why a delivery was not accepted.
//!
//! An event is delivered at least once. So a subscriber may see one again, after a crash say, and has to be
//! written for it: what it does should be the same when it is done twice. An event is known by its `source` and
//! `id` together.
//!
//! The generated bindings are at [`raw`].

mod delivery;
mod error;
mod message;
mod subscriber;
mod topic;

pub use delivery::{DeadLetter, Delivery, Event};
pub use error::Error;
pub use message::Message;
pub use subscriber::{BatchSubscriber, Subscriber, receive, receive_batch};
pub use topic::Topic;

pub use crate::{__export_batch_subscriber as export_batch, __export_subscriber as export, nack::Nack};

/// `mecha:pubsub` as `wit-bindgen` made it.
pub mod raw {
    pub use crate::wit::{
        batch_subscriber, pubsub::delivery_types, pubsub::topics, pubsub::types, subscriber,
    };
}
