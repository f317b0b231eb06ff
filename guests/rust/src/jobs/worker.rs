//! Runs of jobs.

use serde::de::DeserializeOwned;

use super::{Nack, raw::worker};
use crate::class::millis;

/// Something that runs jobs. Exported with [`export!`](super::export).
pub trait Worker {
    /// Called once in the life of an instance. `Ok` settles the run; a trap, or running out of time, counts as
    /// [`Nack::retry`].
    ///
    /// # Errors
    /// What is to become of the run: see [`Nack`].
    fn handle(run: Run) -> Result<(), Nack>;
}

/// One run of a job. Its `job` and `due_ms` together identify it, also when it is repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    pub job: String,
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    /// When the run was due, in milliseconds of Unix time.
    pub due_ms: u64,
    /// 1 for the first attempt.
    pub attempt: u32,
}

impl Run {
    /// The data, read from JSON.
    ///
    /// # Errors
    /// If it is not JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.data)
    }

    /// The data, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }
}

/// Hands one raw run to a [`Worker`]. [`export!`](super::export) calls this.
///
/// # Errors
/// What the worker says.
pub fn receive<W: Worker>(run: worker::Run) -> Result<(), worker::Failure> {
    let run = Run {
        job: run.job,
        data: run.data,
        content_type: run.content_type,
        due_ms: run.due_ms,
        attempt: run.attempt,
    };
    W::handle(run).map_err(|nack| match nack {
        Nack::Retry(after) => worker::Failure::Retry(after.map(millis)),
        Nack::Reject(reason) => worker::Failure::Reject(reason),
    })
}

/// Makes a [`Worker`] the component's `mecha:jobs/handler`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_worker {
    ($handler:ident) => {
        const _: () = {
            struct Component;

            impl $crate::jobs::raw::worker::Guest for Component {
                fn handle(
                    run: $crate::jobs::raw::worker::Run,
                ) -> Result<(), $crate::jobs::raw::worker::Failure> {
                    $crate::jobs::receive::<$handler>(run)
                }
            }

            // A native linker does not take the symbol's name.
            #[cfg(target_arch = "wasm32")]
            $crate::jobs::raw::worker::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn($crate::jobs::raw::worker::Run) -> Result<(), $crate::jobs::raw::worker::Failure> =
                <Component as $crate::jobs::raw::worker::Guest>::handle;
        };
    };
}
