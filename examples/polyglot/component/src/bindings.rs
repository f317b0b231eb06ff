//! Events and calls, as they are in `wit/`.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::semicolon_if_nothing_returned,
    reason = "generated"
)]

#[cfg(target_arch = "wasm32")]
use crate::App;

wit_bindgen::generate!({
    path: ["../../../wit/pubsub", "../../../wit/invoke"],
    inline: "
        package polyglot:store;

        world component {
          include mecha:pubsub/subscriber@0.1.0;
          include mecha:invoke/imports@0.1.0;
        }
    ",
    world: "polyglot:store/component",
    generate_all,
});

pub use exports::mecha::pubsub::handler::Guest as Subscriber;
pub use mecha::{
    invoke::{targets, types as invoke},
    pubsub::{
        delivery_types::{Delivery, Nack},
        topics, types as pubsub,
    },
};

// Here, because what it makes is unsafe. A native linker does not take the symbol's name.
#[cfg(target_arch = "wasm32")]
export!(App with_types_in self);
