//! One test for each law of [`Scheduler`], and of [`Jobs`] as a [`Source`](crate::delivery::Source), which every engine runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::jobs_conformance!(MyFixture::new());
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{sync::Arc, time::Duration};

use super::{Item, Job, Jobs, Missed, Options, Schedule, Scheduler};
use crate::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::Engine,
    delivery::{Outcome, Retry, Settled, Source as _},
    random::Seeded,
};

mod ends;
mod missed;
mod runs;
mod schedules;
mod units;

pub use ends::*;
pub use missed::*;
pub use runs::*;
pub use schedules::*;
pub use units::*;

/// An empty engine, and the clock that it goes by.
pub trait Fixture {
    /// The same data, as a process finds it that has just started.
    fn engine(&self) -> Arc<dyn Engine>;

    fn clock(&self) -> Arc<ManualClock>;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! jobs_conformance {
    ($fixture:expr) => { $crate::jobs_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::jobs_conformance! { @$then [$($with)*]
            a_scheduled_job_is_there,
            a_taken_name_is_refused,
            a_replaced_job_begins_anew,
            a_cancelled_job_is_gone,
            a_listing_is_bounded,
            nothing_runs_early,
            a_run_has_one_taker,
            each_due_time_is_settled_once,
            a_retry_is_the_same_run,
            a_rejected_run_is_over,
            a_returned_run_is_not_counted,
            a_lease_runs_out,
            a_changed_job_cannot_be_settled,
            missed_runs_are_skipped,
            missed_runs_run_once,
            missed_runs_run_for_all,
            a_job_has_an_end,
            a_clock_set_back_repeats_nothing,
            jobs_survive_their_process,
            a_definition_is_reconciled,
            a_change_is_heard,
            a_unit_changes_jobs_with_its_commit,
            a_unit_settles_a_run_with_its_commit,
            a_settled_run_may_change_its_job,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::jobs::conformance::$law(&fixture).await;
            });
        }
    )*};
}

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(30);

/// The jobs of a process that has just started: with another number, another process.
fn jobs(fixture: &impl Fixture, process: u64) -> Jobs {
    let options = Options {
        lease: LEASE,
        retry: Retry { max_attempts: Some(3), min: SECOND, max: SECOND, max_age: None },
        max_bytes: Some(1 << 30),
    };
    let random = Arc::new(Seeded::new(process << 32));
    Jobs::new(fixture.engine(), fixture.clock(), random, "app/jobs/worker/".into(), options)
}

fn every(seconds: u32) -> Schedule {
    Schedule::interval(seconds * SECOND, None).unwrap()
}

fn job(name: &str, schedule: Schedule) -> Job {
    Job { data: "data".into(), content_type: Some("text/plain".into()), ..Job::new(name, schedule) }
}

fn missing(missed: Missed) -> Job {
    Job { missed, ..job("a", every(10)) }
}

fn retry() -> Outcome {
    Outcome::Retry { after: Some(2 * SECOND), why: "not yet".into() }
}

/// The one run that is there.
async fn one(jobs: &Jobs) -> Item {
    let items = jobs.take(10).await.unwrap();
    let [item] = &*items else { panic!("{} runs instead of one", items.len()) };
    item.clone()
}

async fn none(jobs: &Jobs) {
    assert_eq!(jobs.take(10).await.unwrap(), [], "something runs");
}

async fn done(jobs: &Jobs, item: &Item) {
    assert_eq!(jobs.settle(item, Outcome::Done).await.unwrap(), Settled::Done);
}

/// Milliseconds from the fixture's beginning.
fn from(start: Timestamp, item: &Item) -> u64 {
    item.due.0 - start.0
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let table = include_str!("../jobs.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(table.collect::<Vec<_>>(), jobs_conformance! { @laws names });
    }
}
