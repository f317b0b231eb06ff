//! Micrologic under test: a case is an app in a world of its own, with its own time, chance and disk.
//!
//! | module | idea |
//! |---|---|
//! | [`suites`] | the test files of an app |
//! | [`run`] | many cases, at the same time |
//! | [`seen`] | what a case left behind |
//! | [`verdict`] | what became of it |
//! | [`report`] | what people and machines are told |
//! | [`watch`] | when to run again |

pub mod report;
pub mod run;
pub mod seen;
pub mod suites;
pub mod verdict;
pub mod watch;
