//! What is to run, and when.

use std::time::Duration;

use serde::Serialize;

use super::{Error, raw};
use crate::{class::millis, content};

/// A job: what is to run, and when. Made with one of the constructors, amended, then scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a job runs only if it is scheduled"]
pub struct Job {
    /// Unique within the component.
    pub name: String,
    pub schedule: Schedule,
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    pub missed: Missed,
    pub max_runs: Option<u32>,
    pub until_ms: Option<u64>,
}

/// When a job runs. Points in time are milliseconds of Unix time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    At(u64),
    After(Duration),
    Every {
        interval: Duration,
        first_at_ms: Option<u64>,
    },
    Cron {
        expression: String,
        /// An IANA name. UTC unless given.
        time_zone: Option<String>,
    },
}

/// What becomes of runs that were due while nothing could run them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missed {
    Skip,
    /// One run makes up for all.
    #[default]
    RunOnce,
    RunAll,
}

/// A job and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub job: Job,
    pub runs: u64,
    /// In milliseconds of Unix time. `None` if no run is left.
    pub next_run_ms: Option<u64>,
    pub last_run_ms: Option<u64>,
}

impl Job {
    pub fn new(name: impl Into<String>, schedule: Schedule) -> Self {
        Self {
            name: name.into(),
            schedule,
            data: Vec::new(),
            content_type: None,
            missed: Missed::default(),
            max_runs: None,
            until_ms: None,
        }
    }

    /// Once, at this time in milliseconds of Unix time.
    pub fn at(name: impl Into<String>, at_ms: u64) -> Self {
        Self::new(name, Schedule::At(at_ms))
    }

    /// Once, when this time has passed.
    pub fn after(name: impl Into<String>, delay: Duration) -> Self {
        Self::new(name, Schedule::After(delay))
    }

    /// Again and again, first when one interval has passed.
    pub fn every(name: impl Into<String>, interval: Duration) -> Self {
        Self::new(name, Schedule::Every { interval, first_at_ms: None })
    }

    /// By a cron expression of five fields (minute to day of week) or six (seconds first).
    pub fn cron(name: impl Into<String>, expression: impl Into<String>) -> Self {
        Self::new(name, Schedule::Cron { expression: expression.into(), time_zone: None })
    }

    /// The time zone of a cron expression: an IANA name. Means nothing to other schedules.
    pub fn time_zone(mut self, zone: impl Into<String>) -> Self {
        if let Schedule::Cron { time_zone, .. } = &mut self.schedule {
            *time_zone = Some(zone.into());
        }
        self
    }

    /// When an interval begins, in milliseconds of Unix time. Means nothing to other schedules.
    pub fn first_at(mut self, at_ms: u64) -> Self {
        if let Schedule::Every { first_at_ms, .. } = &mut self.schedule {
            *first_at_ms = Some(at_ms);
        }
        self
    }

    /// Gives each run bytes of that media type.
    pub fn bytes(self, content_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { data: data.into(), content_type: Some(content_type.into()), ..self }
    }

    /// Gives each run plain text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.bytes(content::TEXT, text.into())
    }

    /// Gives each run JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, serde_json::Error> {
        Ok(self.bytes(content::JSON, content::to_json(value)?))
    }

    /// What becomes of runs that were missed. [`Missed::RunOnce`] unless said.
    pub fn missed(self, missed: Missed) -> Self {
        Self { missed, ..self }
    }

    /// Ends after so many runs.
    pub fn max_runs(self, runs: u32) -> Self {
        Self { max_runs: Some(runs), ..self }
    }

    /// Ends at this time, in milliseconds of Unix time.
    pub fn until(self, until_ms: u64) -> Self {
        Self { until_ms: Some(until_ms), ..self }
    }

    /// Schedules a new job. It is on disk when this returns.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if the name is taken.
    pub fn schedule(self) -> Result<(), Error> {
        Ok(raw::scheduler::schedule(&self.into_raw(), false)?)
    }

    /// Schedules a job, in the place of one of that name if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn replace(self) -> Result<(), Error> {
        Ok(raw::scheduler::schedule(&self.into_raw(), true)?)
    }

    fn into_raw(self) -> raw::types::Job {
        let schedule = match self.schedule {
            Schedule::At(at_ms) => raw::types::Schedule::At(at_ms),
            Schedule::After(delay) => raw::types::Schedule::After(millis(delay)),
            Schedule::Every { interval, first_at_ms } => {
                raw::types::Schedule::Interval(raw::types::Interval {
                    every_ms: millis(interval),
                    first_at_ms,
                })
            }
            Schedule::Cron { expression, time_zone } => {
                raw::types::Schedule::Cron(raw::types::Cron { expression, time_zone })
            }
        };
        let missed = match self.missed {
            Missed::Skip => raw::types::MissedRuns::Skip,
            Missed::RunOnce => raw::types::MissedRuns::RunOnce,
            Missed::RunAll => raw::types::MissedRuns::RunAll,
        };
        raw::types::Job {
            name: self.name,
            schedule,
            data: self.data,
            content_type: self.content_type,
            missed,
            max_runs: self.max_runs,
            until_ms: self.until_ms,
        }
    }
}

/// A job by its name.
///
/// # Errors
/// See [`Error`]: not that there is none.
pub fn get(name: &str) -> Result<Option<Status>, Error> {
    Ok(raw::scheduler::get(name)?.map(Status::from))
}

/// Ends a job. It is no error if there is none.
///
/// # Errors
/// See [`Error`].
pub fn cancel(name: &str) -> Result<(), Error> {
    Ok(raw::scheduler::cancel(name)?)
}

/// The component's jobs whose names begin with `prefix`. Empty for all.
///
/// # Errors
/// See [`Error`].
pub fn list(prefix: &str) -> Result<Vec<Status>, Error> {
    Ok(raw::scheduler::list_jobs(prefix)?.into_iter().map(Status::from).collect())
}

impl From<raw::types::JobStatus> for Status {
    fn from(status: raw::types::JobStatus) -> Self {
        Self {
            job: status.job.into(),
            runs: status.runs,
            next_run_ms: status.next_run_ms,
            last_run_ms: status.last_run_ms,
        }
    }
}

impl From<raw::types::Job> for Job {
    fn from(job: raw::types::Job) -> Self {
        let schedule = match job.schedule {
            raw::types::Schedule::At(at_ms) => Schedule::At(at_ms),
            raw::types::Schedule::After(delay_ms) => Schedule::After(Duration::from_millis(delay_ms)),
            raw::types::Schedule::Interval(every) => Schedule::Every {
                interval: Duration::from_millis(every.every_ms),
                first_at_ms: every.first_at_ms,
            },
            raw::types::Schedule::Cron(cron) => {
                Schedule::Cron { expression: cron.expression, time_zone: cron.time_zone }
            }
        };
        let missed = match job.missed {
            raw::types::MissedRuns::Skip => Missed::Skip,
            raw::types::MissedRuns::RunOnce => Missed::RunOnce,
            raw::types::MissedRuns::RunAll => Missed::RunAll,
        };
        Self {
            name: job.name,
            schedule,
            data: job.data,
            content_type: job.content_type,
            missed,
            max_runs: job.max_runs,
            until_ms: job.until_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_the_same_on_both_sides() {
        let second = Duration::from_secs(1);
        let jobs = [
            Job::at("a", 7).text("hi"),
            Job::after("b", second).missed(Missed::RunAll),
            Job::every("c", second).first_at(9).max_runs(3),
            Job::cron("d", "* * * * *").time_zone("Europe/Berlin").until(8).missed(Missed::Skip),
        ];
        for job in jobs {
            assert_eq!(Job::from(job.clone().into_raw()), job);
        }
    }
}
