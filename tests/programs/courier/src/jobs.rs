//! Schedules jobs, and writes down their runs.

use std::time::Duration;

use mecha_guest::{
    http::{Error, Request, Response},
    jobs::{self, Job, Missed, Nack, Run, Schedule, Status, Worker},
    json::{self, Value, json},
};
use serde::Deserialize;

use crate::{
    Courier,
    behave::behave,
    record::{append, now_ms, readable},
    refused,
};

/// A job as a story writes it. Exactly one of `at`, `after-ms`, `every-ms` and `cron`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Draft {
    name: String,
    at: Option<u64>,
    after_ms: Option<u64>,
    every_ms: Option<u64>,
    first_at: Option<u64>,
    cron: Option<String>,
    time_zone: Option<String>,
    #[serde(default)]
    data: Value,
    missed: Option<String>,
    max_runs: Option<u32>,
    until: Option<u64>,
    #[serde(default)]
    replace: bool,
}

pub fn schedule(request: &Request) -> Result<Response, Error> {
    let draft: Draft = request.json()?;
    let schedule = match (draft.at, draft.after_ms, draft.every_ms, draft.cron) {
        (Some(at), None, None, None) => Schedule::At(at),
        (None, Some(ms), None, None) => Schedule::After(Duration::from_millis(ms)),
        (None, None, Some(ms), None) => {
            Schedule::Every { interval: Duration::from_millis(ms), first_at_ms: draft.first_at }
        }
        (None, None, None, Some(expression)) => Schedule::Cron { expression, time_zone: draft.time_zone },
        _ => return Err(Error::status(422, "exactly one of `at`, `after-ms`, `every-ms` and `cron`")),
    };
    let mut job = Job::new(draft.name, schedule);
    if !draft.data.is_null() {
        job = job.json(&draft.data)?;
    }
    job = match draft.missed.as_deref() {
        None => job,
        Some("skip") => job.missed(Missed::Skip),
        Some("run-once") => job.missed(Missed::RunOnce),
        Some("run-all") => job.missed(Missed::RunAll),
        Some(_) => return Err(Error::status(422, "`missed` is skip, run-once or run-all")),
    };
    job.max_runs = draft.max_runs;
    job.until_ms = draft.until;
    match if draft.replace { job.replace() } else { job.schedule() } {
        Ok(()) => Ok(Response::new(204)),
        Err(error) => refused::response(refused::job(error)),
    }
}

pub fn list(request: &Request) -> Result<Response, Error> {
    match jobs::list(request.query("prefix").unwrap_or_default()) {
        Ok(found) => Response::json(&found.iter().map(shown).collect::<Vec<_>>()),
        Err(error) => refused::response(refused::job(error)),
    }
}

pub fn cancel(name: &str) -> Result<Response, Error> {
    match jobs::cancel(name) {
        Ok(()) => Ok(Response::new(204)),
        Err(error) => refused::response(refused::job(error)),
    }
}

fn shown(status: &Status) -> Value {
    json!({
        "name": status.job.name,
        "runs": status.runs,
        "next-run-ms": status.next_run_ms,
        "last-run-ms": status.last_run_ms,
        "max-runs": status.job.max_runs,
        "data": json::from_slice::<Value>(&status.job.data).unwrap_or_default(),
    })
}

impl Worker for Courier {
    fn handle(run: Run) -> Result<(), Nack> {
        let seen = json!({
            "due": run.due_ms,
            "attempt": run.attempt,
            "data": readable(&run.data),
            "content-type": run.content_type,
            "at": now_ms(),
        });
        append(&format!("runs/{}", run.job), &seen)?;
        behave(&run.data, run.attempt)
    }
}
