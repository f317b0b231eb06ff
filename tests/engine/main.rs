//! The embedded engine and its judges: the laws, a crash at any moment, comparison with memory and the model, and
//! what a group of commits costs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![allow(clippy::print_stdout, reason = "a simulation says what it covered")]

mod atomic;
mod crash;
mod dispatch;
mod engines;
mod groups;
mod idle;
mod laws;
mod model;
mod seeds;
mod topics;
