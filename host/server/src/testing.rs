//! Micrologic under test: a case is an app in a world of its own, with its own time, chance and disk.
//!
//! | module | idea |
//! |---|---|
//! | [`suites`] | the test files of an app |
//! | [`run`] | many cases, at the same time |
//! | [`mod@bench`] | what all cases have in common: the app, compiled and linked once |
//! | [`world`] | the app, wired for one case |
//! | [`clock`] | its time |
//! | [`given`] | what is there before anything happens |
//! | [`outside`] | everything outside of the app |
//! | [`act`] | its steps |
//! | [`look`] | how it is looked at |
//! | [`recorder`] | who stands at its gate |
//! | [`plan`] | what is to go wrong |
//! | [`finders`] | what goes wrong if something else does |
//! | [`storage`] | the database, on a simulated disk |
//! | [`effects`] | which operations change something |
//! | [`trial`] | a case, tried and judged |
//! | [`case`] | a case from its beginning to its end |
//! | [`component`] | tests that are components |
//! | [`expect`] | what was expected against what is there |
//! | [`fuel`] | where the fuel goes: recordings, tolerance, profiles |
//! | [`seen`] | what a case left behind |
//! | [`verdict`] | what became of it |
//! | [`measure`], [`sampler`], [`stack`] | what it used, beside what is recorded, and where |
//! | [`receipts`] | what each call used and reached, for machines |
//! | [`tighten`] | the smallest manifest that receipts allow |
//! | [`finders`], [`search`] | what breaks it that its author did not think of |
//! | [`report`] | what people and machines are told |
//! | [`watch`] | when to run again |

pub mod act;
pub mod bench;
pub mod case;
pub mod clock;
pub mod component;
pub mod effects;
pub mod expect;
pub mod finders;
pub mod fuel;
pub mod given;
pub mod look;
pub mod measure;
pub mod outside;
pub mod plan;
pub mod receipts;
pub mod recorder;
pub mod report;
pub mod run;
pub mod sampler;
pub mod search;
pub mod seen;
pub mod stack;
pub mod storage;
pub mod suites;
pub mod tighten;
pub mod trial;
pub mod verdict;
pub mod watch;
pub mod world;
