//! The one place where Rust is made of `wit/` for guests.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::semicolon_if_nothing_returned,
    reason = "generated"
)]

wit_bindgen::generate!({ path: "../../wit/state", world: "mecha:state/imports" });

pub use mecha::state::{bulk, counters, stores, transactions, types};
