//! The kit: what the tests stand on.
//!
//! | module | idea |
//! |---|---|
//! | [`simdisk`] | a disk that crashes, tears, fails and fills up, by seed |
//! | [`countdisk`] | a disk that counts what is asked of it |
//! | [`model`] | what an engine's records should be, without an engine |

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a kit for tests: what cannot go on panics")]

pub mod countdisk;
pub mod model;
pub mod simdisk;
