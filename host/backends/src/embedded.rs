//! The embedded engine: one redb file that holds all of a tenant's primitives, so that one commit can
//! cover them. No server is needed.
//!
//! ```text
//!   Engine    handle: opened at first use, closed when idle, opened again after an I/O error
//!     │ queue (bounded)
//!   writer    one thread: takes what is queued as a group, one commit and one sync for all of it
//!     │
//!   Database  the synchronous core: applies a group, gives snapshots, sweeps what has expired
//!     │
//!   Disk      redb's StorageBackend, injected: a file, or a simulation
//! ```

mod boxed;
mod database;
mod disk;
mod engine;
mod moment;
mod record;
pub mod simulated;
mod tables;
mod unfinished;
mod writer;

pub use database::{Broken, Database, OpenError};
pub use disk::{Disk, FileDisk};
pub use engine::{Engine, Options};
pub use moment::Moment;
