//! Systems outside of the host: `mecha:bindings`.
//!
//! ```no_run
//! use mecha_guest::bindings::{Input, Nack, Output, Reply, Request, Trigger};
//!
//! struct App;
//!
//! impl Input for App {
//!     fn handle(trigger: Trigger) -> Result<Option<Reply>, Nack> {
//!         let path = format!("{}.txt", trigger.id);
//!         let archive = Output::open("archive")?;
//!         archive.invoke(&Request::bytes("create", "text/plain", trigger.data).meta("path", path))?;
//!         Ok(Some(Reply::text("archived")))
//!     }
//! }
//!
//! mecha_guest::bindings::export!(App);
//! ```
//!
//! - [`Output`]: something that can be told to do something: an operation of a [`Request`].
//! - [`Input`], with [`export!`]: is given a [`Trigger`] when something came in.
//! - [`Error`]: why an operation failed. [`Nack`]: why an input was not accepted.
//!
//! The generated bindings are at [`raw`].

mod error;
mod input;
mod output;

pub use error::Error;
pub use input::{Input, Reply, Trigger, receive};
pub use output::{Output, Request, Response};

pub use crate::{__export_triggered as export, content::Metadata, nack::Nack};

/// `mecha:bindings` as `wit-bindgen` made it.
pub mod raw {
    pub use crate::wit::{bindings::outputs, bindings::types, triggered};
}
