//! Calls components. It names no backend and no trigger: it is given grants, and asked for calls.
//!
//! ```text
//!   Engines ── compile, cache ──▶ Component ── grants, limits ──▶ Micrologic
//!                                                                    │ one call
//!                                     exports/<handler>  ◀───────────┤
//!                                          guest                     ▼
//!                                     imports/<interface> ──▶ Call::enter ──▶ primitives
//! ```
//!
//! | module | idea |
//! |---|---|
//! | [`engine`] | wasmtime engines, and how code is compiled for them |
//! | [`component`] | from bytes to compiled code, and what it imports and exports |
//! | [`cache`] | compiled code on disk, believed only with its MAC |
//! | [`micrologic`] | a component with its grants, ready to be called |
//! | [`call`] | the data of one call |
//! | [`gate`] | the one place that authorises, counts, limits and traces host calls |
//! | [`grants`] | what a component may reach |
//! | [`limits`] | what a call may use |
//! | [`fault`] | how a call can fail |
//! | [`outbound`] | outgoing HTTP to granted, checked addresses |

mod bindings;
pub mod cache;
pub mod call;
pub mod component;
pub mod engine;
pub mod exports;
pub mod fault;
pub mod gate;
pub mod grants;
pub mod imports;
pub mod limits;
pub mod micrologic;
pub mod outbound;
mod stdio;
mod wasi;
