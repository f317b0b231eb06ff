//! What a component for mecha-host is written with.
//!
//! - [`http`]: answer requests. A type that is a [`http::Handler`], and one line: [`http::export!`].
//! - [`state`]: keep values that outlive the call: `mecha:state`.
//! - [`events`]: publish to topics, and receive from them: `mecha:pubsub`.
//! - [`invoke`]: call other components, and be called: `mecha:invoke`.
//! - [`jobs`]: run at a given time: `mecha:jobs`.
//! - [`bindings`]: reach systems outside of the host, and be triggered by them: `mecha:bindings`.
//! - [`context`]: what is known about the call: `mecha:host`.
//! - [`mod@test`]: tests of an app, written as a component: `mecha:test`.
//! - [`json`]: `serde_json`, for values without a type of their own.
//! - [`wasi`]: everything else that WASI 0.2 has, as it is (crate `wasip2`).
//!
//! A component is a library crate with `crate-type = ["cdylib"]` that is built for `wasm32-wasip2`:
//!
//! ```no_run
//! use mecha_guest::http::{Error, Handler, Request, Response};
//! use mecha_guest::state::Store;
//!
//! struct App;
//!
//! impl Handler for App {
//!     fn handle(request: Request) -> Result<Response, Error> {
//!         let visits = Store::open("main")?.increment("visits", 1)?;
//!         Ok(Response::text(format!("{} was visited {visits} times\n", request.path())))
//!     }
//! }
//!
//! mecha_guest::http::export!(App);
//! ```
//!
//! A component may have several handlers: one `export!` for each, for one type or for several. It imports what it
//! uses, and nothing else.
//!
//! Each call has an instance of its own, so a `static` is as good as a local variable: whatever is to be there
//! in the next call belongs in a store. `guests/README.md` tells what an instance is given and what its limits
//! are.
//!
//! Natively this crate compiles, and a [`http::Request`] and a [`http::Response`] can be made and looked at in
//! unit tests, and so can what the other handlers are given. What needs the host (a store, a clock, a streamed
//! body) panics there.

pub mod bindings;
mod class;
mod content;
pub mod context;
pub mod events;
pub mod http;
pub mod invoke;
pub mod jobs;
mod nack;
pub mod state;
pub mod test;
#[doc(hidden)]
pub mod wit;

pub use serde_json as json;
pub use wasip2 as wasi;
