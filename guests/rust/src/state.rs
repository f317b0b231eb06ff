//! Values that outlive the call: `mecha:state`.
//!
//! ```no_run
//! use std::time::Duration;
//! use mecha_guest::state::{Error, Options, Store};
//! # use serde::{Serialize, Deserialize};
//! # #[derive(Serialize, Deserialize)] struct Cart { items: Vec<String> }
//!
//! # fn example() -> Result<(), Error> {
//! let store = Store::open("main")?;
//! store.set("greeting", "hello")?;
//!
//! // First writer wins.
//! let item = store.get("greeting")?;
//! let unchanged = item.map_or(Options::new().if_absent(), |item| Options::new().if_match(&item.etag));
//! match store.set_with("greeting", "hi", unchanged) {
//!     Ok(etag) => assert_eq!(store.get("greeting")?.map(|item| item.etag), Some(etag)),
//!     Err(Error::Conflict(_)) => { /* somebody was faster */ }
//!     Err(error) => return Err(error),
//! }
//!
//! // Typed values, and values that vanish by themselves.
//! store.set_json_with("carts/7", &Cart { items: vec![] }, Options::new().ttl(Duration::from_secs(3600)))?;
//! store.update_json("carts/7", |cart: Option<Cart>| {
//!     let mut cart = cart?;
//!     cart.items.push("tea".into());
//!     Some(cart)
//! })?;
//!
//! // In order, page by page.
//! for entry in store.scan("carts/").reverse() {
//!     let (key, cart) = entry.and_then(|entry| Ok((entry.key, entry.item.json::<Cart>()?)))?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`Store`]: one key at a time, counters, and many keys in one call.
//! - [`Scan`]: keys in order.
//! - [`Transaction`]: several keys, all or nothing.
//! - [`Error`]: why not.
//!
//! The generated bindings are at [`raw`].

mod bulk;
mod error;
mod item;
mod options;
mod scan;
mod store;
mod transaction;

pub use error::{Error, TransactionError};
pub use item::{Entry, Etag, Item};
pub use options::{Options, When};
pub use scan::{Entries, KeyPage, Keys, Page, Scan};
pub use store::Store;
pub use transaction::Transaction;

/// `mecha:state` as `wit-bindgen` made it.
pub mod raw {
    pub use crate::wit::state::{bulk, counters, stores, transactions, types};
}
