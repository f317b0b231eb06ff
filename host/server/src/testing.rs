//! Micrologic under test: a case is an app in a world of its own, with its own time, chance and disk.
//!
//! | module | idea |
//! |---|---|
//! | [`fuel`] | where the fuel goes: recordings, tolerance, profiles |
//! | [`seen`] | what a case left behind |
//! | [`verdict`] | what became of it |

pub mod fuel;
pub mod seen;
pub mod verdict;
