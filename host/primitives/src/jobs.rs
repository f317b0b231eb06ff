//! Jobs: work at a given time, once or again and again.
//!
//! [`Scheduler`] is what a component sees of its jobs. [`Jobs`] keeps them in any [`Engine`], and
//! is the [`Source`](crate::delivery::Source) of their runs; the schedules of a manifest are the same thing under
//! another account. [`Schedule`] says when, `progress` what becomes of a run, both without a clock of their own.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    class::Class,
    clock::Timestamp,
    commit::{self, Engine, Version},
};

pub mod conformance;
mod cron;
mod progress;
mod record;
mod schedule;
mod stored;

pub use cron::{Cron, Invalid as InvalidCron, MAX_EXPRESSION};
pub use progress::{GRACE, MAX_CATCH_UP};
pub use schedule::{Invalid, MAX_ZONE, Schedule, Zoned};
pub use stored::{Jobs, Options, Reconciled, component_account, schedule_account, scheduled_names};

/// The longest name of a job, in bytes of UTF-8.
pub const MAX_NAME: usize = 255;
/// The most bytes of data that a job has.
pub const MAX_DATA: usize = 64 * 1024;
/// The longest content type, in bytes.
pub const MAX_CONTENT_TYPE: usize = 255;
/// The most jobs of one component. It is looked up before the commit: callers at the same moment may exceed it by
/// their number.
pub const MAX_JOBS: u64 = 10_000;
/// The most jobs in one listing.
pub const MAX_LIST: usize = 1000;
/// About how many bytes one listing holds.
pub const MAX_LIST_BYTES: usize = 4 << 20;

/// What happens to runs that were due while nothing could run them: the host was down, or the run before took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Runs that are late by more than [`GRACE`] are left out.
    Skip,
    /// One run makes up for all of them. It has the newest of their times.
    #[default]
    RunOnce,
    /// All of them run, one after the other; after [`MAX_CATCH_UP`] of them it goes on with the newest.
    RunAll,
}

/// A job as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub name: Arc<str>,
    pub schedule: Schedule,
    pub data: Bytes,
    pub content_type: Option<Arc<str>>,
    pub missed: Missed,
    /// No further run after this many.
    pub max_runs: Option<u32>,
    /// Nothing is due after this time.
    pub until: Option<Timestamp>,
}

impl Job {
    /// A job without data or bounds.
    #[must_use]
    pub fn new(name: &str, schedule: Schedule) -> Self {
        Self {
            name: name.into(),
            schedule,
            data: Bytes::new(),
            content_type: None,
            missed: Missed::default(),
            max_runs: None,
            until: None,
        }
    }

    /// # Errors
    /// [`Error::InvalidArgument`] or [`Error::TooLarge`] if a guest may not have such a job.
    pub fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        let content_type = self.content_type.as_deref().unwrap_or_default();
        match () {
            () if self.data.len() > MAX_DATA => Err(Error::TooLarge(MAX_DATA as u64)),
            () if content_type.len() > MAX_CONTENT_TYPE => Err(Error::TooLarge(MAX_CONTENT_TYPE as u64)),
            () if self.max_runs == Some(0) => Err(Error::InvalidArgument("max-runs cannot be 0".into())),
            () => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    match name.len() {
        0 => Err(Error::InvalidArgument("a job's name cannot be empty".into())),
        1..=MAX_NAME => Ok(()),
        _ => Err(Error::InvalidArgument(format!("a job's name has at most {MAX_NAME} bytes"))),
    }
}

/// A job, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub job: Job,
    /// Runs that have been settled for good.
    pub runs: u64,
    /// When the next run, or the present one, is due.
    pub next_run: Timestamp,
    /// When the last settled run was due.
    pub last_run: Option<Timestamp>,
}

/// A part of a component's jobs, in the order of their names, and whether there are more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub jobs: Vec<Status>,
    pub more: bool,
}

/// A run that is leased to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub job: Arc<str>,
    pub data: Bytes,
    pub content_type: Option<Arc<str>>,
    /// When the run was due. With the job's name it identifies the run, also when it is repeated.
    pub due: Timestamp,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When the lease ends, and the run may go to another attempt.
    pub until: Timestamp,
    /// The version that the job's record was given with the lease. Whatever happens to the job changes it.
    lease: Version,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is a job `{0}` already")]
    AlreadyExists(String),
    #[error("access denied: {0}")]
    AccessDenied(String),
    #[error("{0}")]
    InvalidArgument(String),
    /// The limit in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    #[error("busy")]
    Busy(Option<std::time::Duration>),
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// It is unknown whether the change happened.
    #[error("timed out")]
    Timeout,
    #[error("{0}")]
    Other(String),
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::AlreadyExists(_) => Class::Conflict,
            Self::AccessDenied(_) => Class::Denied,
            Self::InvalidArgument(_) => Class::Invalid,
            Self::TooLarge(_) => Class::TooLarge,
            Self::QuotaExceeded(_) => Class::Quota,
            Self::Busy(after) => Class::Busy(*after),
            Self::Unavailable(_) => Class::Unavailable,
            Self::Timeout => Class::Timeout,
            Self::Other(_) => Class::Internal,
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::InvalidArgument(invalid.to_string())
    }
}

impl From<commit::Error> for Error {
    fn from(error: commit::Error) -> Self {
        match error {
            commit::Error::Stale { .. } | commit::Error::Conflict { .. } => Self::Busy(None),
            commit::Error::Quota { .. } | commit::Error::Held { .. } => {
                Self::QuotaExceeded(error.to_string())
            }
            commit::Error::Busy(after) => Self::Busy(after),
            commit::Error::Unavailable(why) => Self::Unavailable(why.to_string()),
            commit::Error::Unknown(_) => Self::Timeout,
            commit::Error::NotANumber { .. } | commit::Error::Overflow { .. } => {
                Self::Other(error.to_string())
            }
        }
    }
}

/// The jobs of one component.
///
/// A job whose last run is settled is gone. A run is leased to an attempt and settled by it, or by a later one.
///
/// # Laws                                                                              checked by
/// - What is scheduled is there, for every handle.                                     `a_scheduled_job_is_there`
/// - Without `replace`, a name that is taken is refused.                               `a_taken_name_is_refused`
/// - A replaced job begins anew.                                                       `a_replaced_job_begins_anew`
/// - Cancelling what is not there is no error, and makes room.                         `a_cancelled_job_is_gone`
/// - A listing is in order, has the prefix, and says whether there is more.            `a_listing_is_bounded`
/// - Nothing runs before it is due.                                                    `nothing_runs_early`
/// - Of those who take, one gets a run; while it runs, nobody gets the next.           `a_run_has_one_taker`
/// - Each due time is settled once.                                                    `each_due_time_is_settled_once`
/// - A run that is tried again has the same due time, and a higher attempt.            `a_retry_is_the_same_run`
/// - What is given up is over, and the next time comes.                                `a_rejected_run_is_over`
/// - What was not attempted goes back uncounted.                                       `a_returned_run_is_not_counted`
/// - A lease that has run out goes to another attempt; the old one cannot settle.      `a_lease_runs_out`
/// - An attempt of a job that was replaced or cancelled cannot settle.                 `a_changed_job_cannot_be_settled`
/// - What was missed is skipped.                                                       `missed_runs_are_skipped`
/// - Or it runs once.                                                                  `missed_runs_run_once`
/// - Or it runs for all, up to a bound.                                                `missed_runs_run_for_all`
/// - A job ends after so many runs, or at a time.                                      `a_job_has_an_end`
/// - A clock that is set back makes nothing run twice.                                 `a_clock_set_back_repeats_nothing`
/// - Jobs and their state survive; what the former process had leased runs again.      `jobs_survive_their_process`
/// - The same definition changes nothing, another replaces, none removes.              `a_definition_is_reconciled`
/// - A change that makes something due earlier is heard.                               `a_change_is_heard`
/// - In a unit of work jobs change with the commit, or not at all.                     `a_unit_changes_jobs_with_its_commit`
/// - So is a run settled, and a unit whose lease has gone does nothing.                `a_unit_settles_a_run_with_its_commit`
/// - Who has settled its run in a unit may change its own job there.                   `a_settled_run_may_change_its_job`
#[async_trait]
pub trait Scheduler: fmt::Debug + Send + Sync + 'static {
    /// # Errors
    /// [`Error::AlreadyExists`] if the name is taken and `replace` is not set.
    async fn schedule(&self, job: Job, replace: bool) -> Result<(), Error>;

    async fn get(&self, name: &str) -> Result<Option<Status>, Error>;

    /// Not an error if there is no such job.
    async fn cancel(&self, name: &str) -> Result<(), Error>;

    /// Up to `limit` jobs (at most [`MAX_LIST`]) whose names begin with `prefix`.
    async fn list(&self, prefix: &str, limit: usize) -> Result<Listing, Error>;

    /// The same jobs over another engine: the unit of work of an atomic call.
    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Scheduler>;
}

#[cfg(test)]
mod tests;
