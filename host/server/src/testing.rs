//! Micrologic under test: a case is an app in a world of its own, with its own time, chance and disk.
//!
//! | module | idea |
//! |---|---|
//! | [`bench`] | what all cases have in common: the app, compiled and linked once |
//! | [`world`] | the app, wired for one case |
//! | [`clock`] | its time |
//! | [`given`] | what is there before anything happens |
//! | [`outside`] | everything outside of the app |
//! | [`act`] | its steps |
//! | [`look`] | how it is looked at |
//! | [`recorder`] | who stands at its gate |
//! | [`plan`] | what is to go wrong |
//! | [`effects`] | which operations change something |
//! | [`case`] | a case from its beginning to its end |
//! | [`component`] | tests that are components |
//! | [`seen`] | what a case left behind |
//! | [`verdict`] | what became of it |

pub mod act;
pub mod bench;
pub mod case;
pub mod clock;
pub mod component;
pub mod effects;
pub mod given;
pub mod look;
pub mod outside;
pub mod plan;
pub mod recorder;
pub mod seen;
pub mod verdict;
pub mod world;
