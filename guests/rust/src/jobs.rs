//! Work at a given time: `mecha:jobs`.
//!
//! ```no_run
//! use std::time::Duration;
//! use mecha_guest::jobs::{self, Job, Missed, Nack, Run, Worker};
//!
//! struct App;
//!
//! impl Worker for App {
//!     fn handle(run: Run) -> Result<(), Nack> {
//!         println!("{} was due at {}: {:?}", run.job, run.due_ms, run.text());
//!         Ok(())
//!     }
//! }
//!
//! mecha_guest::jobs::export!(App);
//!
//! # fn example() -> Result<(), mecha_guest::http::Error> {
//! Job::after("reminder", Duration::from_secs(3600)).text("pay the bill").schedule()?;
//! Job::cron("report", "0 8 * * MON-FRI").time_zone("Europe/Berlin").missed(Missed::Skip).replace()?;
//! jobs::cancel("reminder")?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Job`]: what is to run, and when. [`get`], [`list`] and [`cancel`] know it by its name.
//! - [`Worker`], with [`export!`]: is given each [`Run`], also those of the manifest's `schedules`.
//! - [`Error`]: why a job was not scheduled. [`Nack`]: why a run was not done.
//!
//! The generated bindings are at [`raw`].

mod error;
mod job;
mod worker;

pub use error::Error;
pub use job::{Job, Missed, Schedule, Status, cancel, get, list};
pub use worker::{Run, Worker, receive};

pub use crate::{__export_worker as export, nack::Nack};

/// `mecha:jobs` as `wit-bindgen` made it.
pub mod raw {
    pub use crate::wit::{jobs::scheduler, jobs::types, worker};
}
