//! `mecha:jobs/scheduler`: the component's own jobs.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_primitives::{
    class::Class,
    clock::Timestamp,
    jobs::{self as seam, Schedule as Times, Scheduler},
};
use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};

use super::millis;
use crate::{
    bindings::mecha::jobs::{
        scheduler,
        types::{self, Cron, Error, Interval, Job, JobStatus, MissedRuns, Schedule},
    },
    call::{Call, Data},
    gate::{Need, Operation, Refused},
};

pub(super) fn link(linker: &mut Linker<Data>) -> Result<()> {
    types::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    scheduler::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

type Answer<T> = Result<Result<T, Error>>;

impl types::Host for Data {}

impl scheduler::Host for Data {
    async fn schedule(&mut self, job: Job, replace: bool) -> Answer<()> {
        let now = self.call.shared.services.clock.now();
        let name = job.name.clone();
        let scheduled = scheduled(&self.call, ("schedule", &name), |jobs: Arc<dyn Scheduler>| async move {
            jobs.schedule(meant(job, now)?, replace).await
        });
        Ok(scheduled.await)
    }

    async fn get(&mut self, name: String) -> Answer<Option<JobStatus>> {
        let name = name.as_str();
        let found = scheduled(&self.call, ("get", name), |jobs| async move { jobs.get(name).await }).await;
        Ok(found.map(|status| status.map(told)))
    }

    async fn cancel(&mut self, name: String) -> Answer<()> {
        let name = name.as_str();
        Ok(scheduled(&self.call, ("cancel", name), |jobs| async move { jobs.cancel(name).await }).await)
    }

    async fn list_jobs(&mut self, prefix: String) -> Answer<Vec<JobStatus>> {
        let prefix = prefix.as_str();
        let listed = scheduled(&self.call, ("list-jobs", prefix), |jobs| async move {
            jobs.list(prefix, seam::MAX_LIST).await
        })
        .await;
        Ok(listed.and_then(|listing| match listing.more {
            false => Ok(listing.jobs.into_iter().map(told).collect()),
            true => Err(Error::TooLarge(seam::MAX_LIST as u64)),
        }))
    }
}

async fn scheduled<T, F: Future<Output = Result<T, seam::Error>>>(
    call: &Call,
    (verb, about): (&'static str, &str),
    operation: impl FnOnce(Arc<dyn Scheduler>) -> F,
) -> Result<T, Error> {
    let mut entered = call.enter(Operation { primitive: "jobs", verb, need: Need::Named(about) }).await?;
    let Some(jobs) = call.shared.grants.scheduler.clone().and_then(|jobs| call.joined(jobs)) else {
        entered.fail(Class::Denied);
        return Err(Error::AccessDenied("the component may not schedule jobs: grant `jobs: true`".into()));
    };
    match operation(jobs).await {
        Ok(value) => {
            entered.succeed()?;
            Ok(value)
        }
        Err(error) => {
            entered.fail(error.class());
            Err(error.into())
        }
    }
}

fn meant(job: Job, now: Timestamp) -> Result<seam::Job, seam::Error> {
    let schedule = match job.schedule {
        Schedule::At(at) => Times::At(Timestamp(at)),
        Schedule::After(ms) => Times::At(now + Duration::from_millis(ms)),
        Schedule::Interval(Interval { every_ms, first_at_ms }) => {
            Times::interval(Duration::from_millis(every_ms), first_at_ms.map(Timestamp))?
        }
        Schedule::Cron(Cron { expression, time_zone }) => Times::cron(&expression, time_zone.as_deref())?,
    };
    Ok(seam::Job {
        name: job.name.into(),
        schedule,
        data: Bytes::from(job.data),
        content_type: job.content_type.map(Arc::from),
        missed: match job.missed {
            MissedRuns::Skip => seam::Missed::Skip,
            MissedRuns::RunOnce => seam::Missed::RunOnce,
            MissedRuns::RunAll => seam::Missed::RunAll,
        },
        max_runs: job.max_runs,
        until: job.until_ms.map(Timestamp),
    })
}

fn told(status: seam::Status) -> JobStatus {
    let job = status.job;
    let schedule = match &job.schedule {
        Times::At(at) => Schedule::At(at.0),
        Times::After(after) => Schedule::After(millis(*after)),
        Times::Interval { every, first } => {
            Schedule::Interval(Interval { every_ms: millis(*every), first_at_ms: first.map(|at| at.0) })
        }
        Times::Cron(cron) => {
            Schedule::Cron(Cron { expression: cron.expression(), time_zone: cron.zone().map(str::to_owned) })
        }
    };
    JobStatus {
        job: Job {
            name: job.name.to_string(),
            schedule,
            data: job.data.into(),
            content_type: job.content_type.map(|text| text.to_string()),
            missed: match job.missed {
                seam::Missed::Skip => MissedRuns::Skip,
                seam::Missed::RunOnce => MissedRuns::RunOnce,
                seam::Missed::RunAll => MissedRuns::RunAll,
            },
            max_runs: job.max_runs,
            until_ms: job.until.map(|at| at.0),
        },
        runs: status.runs,
        next_run_ms: Some(status.next_run.0),
        last_run_ms: status.last_run.map(|at| at.0),
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(missing) => Self::AccessDenied(missing),
            Refused::Injected(Class::Busy(after)) => Self::Busy(after.map(millis)),
            Refused::Injected(Class::Timeout) => {
                Self::Other("it is unknown whether the change happened".into())
            }
            Refused::Injected(Class::Quota) => Self::QuotaExceeded("injected".into()),
            Refused::Injected(_) => Self::Unavailable("injected".into()),
        }
    }
}

impl From<seam::Error> for Error {
    fn from(error: seam::Error) -> Self {
        match error {
            seam::Error::AlreadyExists(name) => Self::AlreadyExists(name),
            seam::Error::AccessDenied(text) => Self::AccessDenied(text),
            seam::Error::InvalidArgument(text) => Self::InvalidArgument(text),
            seam::Error::TooLarge(max) => Self::TooLarge(max),
            seam::Error::QuotaExceeded(text) => Self::QuotaExceeded(text),
            seam::Error::Busy(after) => Self::Busy(after.map(millis)),
            seam::Error::Unavailable(text) => Self::Unavailable(text),
            seam::Error::Timeout => Self::Other("it is unknown whether the change happened".into()),
            seam::Error::Other(text) => Self::Other(text),
        }
    }
}
