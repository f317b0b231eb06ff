//! Calling another component and being called: `mecha:invoke`.
//!
//! ```no_run
//! use mecha_guest::invoke::{Call, Fault, Reply, Request, Service, Target};
//!
//! struct Prices;
//!
//! impl Service for Prices {
//!     fn handle(call: Call) -> Result<Reply, Fault> {
//!         match call.method.as_str() {
//!             "price" => match call.json::<String>()?.as_str() {
//!                 "tea" => Ok(Reply::json(&350)?),
//!                 item => Err(Fault::not_found(format!("`{item}` has no price"))),
//!             },
//!             method => Err(Fault::unknown_method(method)),
//!         }
//!     }
//! }
//!
//! mecha_guest::invoke::export!(Prices);
//!
//! // In another component:
//! # fn other() -> Result<(), mecha_guest::http::Error> {
//! let cents: u32 = Target::open("prices")?.call(&Request::json("price", "tea")?)?.json()?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Target`]: a component that may be called. It is sent a [`Request`] and gives an [`Answer`].
//! - [`Service`], with [`export!`]: is given a [`Call`], and answers with a [`Reply`] or a [`Fault`].
//! - [`Error`]: why a call failed. A fault of the callee is one of its cases.
//!
//! Two components that agree on a WIT interface need none of this: the manifest can `link` an import of the one
//! to the export of the other.
//!
//! The generated bindings are at [`raw`].

mod call;
mod error;
mod fault;
mod reply;
mod service;
mod target;

pub use call::Call;
pub use error::Error;
pub use fault::{Fault, FaultKind};
pub use reply::{Answer, Reply};
pub use service::{Service, answer};
pub use target::{Request, Target};

pub use crate::{__export_callee as export, content::Metadata};

/// `mecha:invoke` as `wit-bindgen` made it.
pub mod raw {
    pub use crate::wit::{callee, invoke::targets, invoke::types};
}
