//! Micrologic under test: a case is an app in a world of its own, with its own time, chance and disk.
//!
//! | module | idea |
//! |---|---|
//! | [`expect`] | what was expected against what is there |
//! | [`seen`] | what a case left behind |
//! | [`verdict`] | what became of it |

pub mod expect;
pub mod seen;
pub mod verdict;
