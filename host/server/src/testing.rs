//! Micrologic under test: a case is an app in a world of its own, with its own time, chance and disk.
//!
//! | module | idea |
//! |---|---|
//! | [`suites`] | the test files of an app |
//! | [`run`] | many cases, at the same time |
//! | [`bench`] | what all cases have in common: the app, compiled and linked once |
//! | [`world`] | the app, wired for one case |
//! | [`clock`] | its time |
//! | [`given`] | what is there before anything happens |
//! | [`outside`] | everything outside of the app |
//! | [`act`] | its steps |
//! | [`look`] | how it is looked at |
//! | [`recorder`] | who stands at its gate |
//! | [`plan`] | what is to go wrong |
//! | [`finders`] | what goes wrong if something else does |
//! | [`effects`] | which operations change something |
//! | [`case`] | a case from its beginning to its end |
//! | [`seen`] | what a case left behind |
//! | [`verdict`] | what became of it |
//! | [`report`] | what people and machines are told |
//! | [`watch`] | when to run again |

pub mod act;
pub mod bench;
pub mod case;
pub mod clock;
pub mod effects;
pub mod finders;
pub mod given;
pub mod look;
pub mod outside;
pub mod plan;
pub mod recorder;
pub mod report;
pub mod run;
pub mod seen;
pub mod suites;
pub mod verdict;
pub mod watch;
pub mod world;
