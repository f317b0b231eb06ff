//! The kit: what the tests stand on.
//!
//! | module | idea |
//! |---|---|
//! | [`simdisk`] | a disk that crashes, tears, fails and fills up, by seed |
//! | [`countdisk`] | a disk that counts what is asked of it |
//! | [`host`] | the real binary, started and killed |
//! | [`courier`] | a guest that publishes, calls and schedules, and tells what it was given |
//! | [`teller`] | a guest that carries out scripts of host calls |
//! | [`gate`] | a server at which a call waits until the story lets it go on |
//! | [`receiver`] | an HTTP server that keeps what it is sent |
//! | [`client`] | plain HTTP, and bytes that are no HTTP |
//! | [`transcript`] | recorded sessions, replayed |
//! | [`model`] | what an engine's records should be, without an engine |
//! | [`map`] | what state in an engine should be, in a map |

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a kit for tests: what cannot go on panics")]

pub mod client;
pub mod countdisk;
pub mod courier;
pub mod gate;
pub mod host;
pub mod map;
pub mod model;
pub mod receiver;
pub mod teller;
pub mod transcript;

pub use mecha_backends::embedded::simulated as simdisk;
