//! The one place where Rust is made of `wit/` for guests.
//!
//! All that can be imported is in one world, so that its types are there once: what a component does not use is
//! dropped when it is linked. Each handler has a world of its own, which takes those types and is in a component
//! only if its `export!` is.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    clippy::all,
    clippy::semicolon_if_nothing_returned,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: [
        "../../wit/state",
        "../../wit/pubsub",
        "../../wit/invoke",
        "../../wit/bindings",
        "../../wit/jobs",
        "../../wit/host",
        "../../wit/test",
    ],
    inline: "
        package mecha:guest;
        world everything {
            include mecha:state/imports@0.1.0;
            include mecha:pubsub/imports@0.1.0;
            include mecha:invoke/imports@0.1.0;
            include mecha:bindings/imports@0.1.0;
            include mecha:jobs/imports@0.1.0;
            include mecha:host/imports@0.1.0;
            include mecha:test/imports@0.1.0;
            import mecha:pubsub/delivery-types@0.1.0;
        }
    ",
    world: "mecha:guest/everything",
    generate_all,
    generate_unused_types: true,
});

pub use mecha::*;

pub mod subscriber {
    wit_bindgen::generate!({
        path: "../../wit/pubsub",
        inline: "package mecha:guest; world subscriber { export mecha:pubsub/handler@0.1.0; }",
        world: "mecha:guest/subscriber",
        with: {
            "mecha:pubsub/types@0.1.0": crate::wit::pubsub::types,
            "mecha:pubsub/delivery-types@0.1.0": crate::wit::pubsub::delivery_types,
            "mecha:pubsub/handler@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "$crate::wit::subscriber",
    });
    pub use exports::mecha::pubsub::handler::Guest;
}

pub mod batch_subscriber {
    wit_bindgen::generate!({
        path: "../../wit/pubsub",
        inline: "package mecha:guest; world batch-subscriber { export mecha:pubsub/batch-handler@0.1.0; }",
        world: "mecha:guest/batch-subscriber",
        with: {
            "mecha:pubsub/types@0.1.0": crate::wit::pubsub::types,
            "mecha:pubsub/delivery-types@0.1.0": crate::wit::pubsub::delivery_types,
            "mecha:pubsub/batch-handler@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "$crate::wit::batch_subscriber",
    });
    pub use exports::mecha::pubsub::batch_handler::Guest;
}

pub mod callee {
    wit_bindgen::generate!({
        path: "../../wit/invoke",
        inline: "package mecha:guest; world callee { export mecha:invoke/handler@0.1.0; }",
        world: "mecha:guest/callee",
        with: {
            "mecha:invoke/types@0.1.0": crate::wit::invoke::types,
            "mecha:invoke/handler@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "$crate::wit::callee",
    });
    pub use exports::mecha::invoke::handler::{Caller, Guest};
}

pub mod worker {
    wit_bindgen::generate!({
        path: "../../wit/jobs",
        inline: "package mecha:guest; world worker { export mecha:jobs/handler@0.1.0; }",
        world: "mecha:guest/worker",
        with: { "mecha:jobs/handler@0.1.0": generate },
        pub_export_macro: true,
        default_bindings_module: "$crate::wit::worker",
    });
    pub use exports::mecha::jobs::handler::{Failure, Guest, Run};
}

pub mod triggered {
    wit_bindgen::generate!({
        path: "../../wit/bindings",
        inline: "package mecha:guest; world triggered { export mecha:bindings/input-handler@0.1.0; }",
        world: "mecha:guest/triggered",
        with: {
            "mecha:bindings/types@0.1.0": crate::wit::bindings::types,
            "mecha:bindings/input-handler@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "$crate::wit::triggered",
    });
    pub use exports::mecha::bindings::input_handler::{Failure, Guest, Reply, Trigger};
}

pub mod tests {
    wit_bindgen::generate!({
        path: "../../wit/test",
        inline: "package mecha:guest; world tests { export mecha:test/suite@0.1.0; }",
        world: "mecha:guest/tests",
        with: { "mecha:test/suite@0.1.0": generate },
        pub_export_macro: true,
        default_bindings_module: "$crate::wit::tests",
    });
    pub use exports::mecha::test::suite::Guest;
}
