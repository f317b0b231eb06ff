//! Laws: what is scheduled, looked up and cancelled.

use std::task::{Context, Waker};

use super::*;
use crate::jobs::{Error, MAX_DATA, MAX_NAME, Reconciled};

pub async fn a_scheduled_job_is_there(fixture: &impl Fixture) {
    let (ours, theirs) = (jobs(fixture, 1), jobs(fixture, 2));
    let now = fixture.clock().now();
    assert_eq!(ours.get("a").await.unwrap(), None);
    ours.schedule(job("a", every(10)), false).await.unwrap();
    let status = theirs.get("a").await.unwrap().expect("it was scheduled");
    assert_eq!((status.job, status.runs, status.last_run), (job("a", every(10)), 0, None));
    assert_eq!(status.next_run, now + 10 * SECOND);
    let cron = |text| Schedule::cron(text, Some("Europe/Berlin")).unwrap();
    let wrong = [
        job("", every(1)),
        job(&"x".repeat(MAX_NAME + 1), every(1)),
        job("b", cron("0 0 30 2 *")),
        Job { data: vec![0; MAX_DATA + 1].into(), ..job("b", every(1)) },
        Job { until: Some(Timestamp(1)), ..job("b", every(1)) },
        Job { max_runs: Some(0), ..job("b", every(1)) },
    ];
    for wrong in wrong {
        let refused = ours.schedule(wrong, false).await;
        assert!(matches!(refused, Err(Error::InvalidArgument(_) | Error::TooLarge(_))), "{refused:?}");
    }
    ours.schedule(job(&"ä".repeat(MAX_NAME / 2), cron("0 0 29 2 *")), false).await.unwrap();
}

pub async fn a_taken_name_is_refused(fixture: &impl Fixture) {
    let jobs = jobs(fixture, 1);
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    let refused = jobs.schedule(job("a", every(20)), false).await;
    assert_eq!(refused, Err(Error::AlreadyExists("a".into())));
    assert_eq!(jobs.get("a").await.unwrap().unwrap().job.schedule, every(10));
}

pub async fn a_replaced_job_begins_anew(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", every(10)), true).await.unwrap();
    clock.advance(10 * SECOND);
    done(&jobs, &one(&jobs).await).await;
    jobs.schedule(job("a", every(5)), true).await.unwrap();
    let status = jobs.get("a").await.unwrap().unwrap();
    assert_eq!((status.runs, status.next_run), (0, clock.now() + 5 * SECOND));
    clock.advance(5 * SECOND);
    assert_eq!(one(&jobs).await.due, clock.now(), "the former time has gone");
}

pub async fn a_cancelled_job_is_gone(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.cancel("a").await.unwrap();
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    jobs.cancel("a").await.unwrap();
    assert_eq!(jobs.get("a").await.unwrap(), None);
    assert_eq!(jobs.next_due().await.unwrap(), None);
    clock.advance(60 * SECOND);
    none(&jobs).await;
    jobs.schedule(job("a", every(10)), false).await.unwrap();
}

pub async fn a_listing_is_bounded(fixture: &impl Fixture) {
    let jobs = jobs(fixture, 1);
    for name in ["b", "ab", "a", "a/c", "ü"] {
        jobs.schedule(job(name, every(10)), false).await.unwrap();
    }
    for (prefix, limit, expected, more) in [
        ("", 10, vec!["a", "a/c", "ab", "b", "ü"], false),
        ("a", 10, vec!["a", "a/c", "ab"], false),
        ("a", 2, vec!["a", "a/c"], true),
        ("c", 10, vec![], false),
    ] {
        let listing = jobs.list(prefix, limit).await.unwrap();
        let names: Vec<_> = listing.jobs.iter().map(|status| &*status.job.name).collect();
        assert_eq!((names, listing.more), (expected, more), "{prefix:?}");
    }
}

pub async fn a_definition_is_reconciled(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let reconcile = async |definition| jobs.reconcile("a", definition).await.unwrap();
    assert_eq!(reconcile(None).await, Reconciled::Unchanged);
    assert_eq!(reconcile(Some(job("a", every(10)))).await, Reconciled::Created);
    let before = jobs.get("a").await.unwrap();
    clock.advance(5 * SECOND);
    assert_eq!(reconcile(Some(job("a", every(10)))).await, Reconciled::Unchanged);
    assert_eq!(jobs.get("a").await.unwrap(), before);
    assert_eq!(reconcile(Some(job("a", every(20)))).await, Reconciled::Replaced);
    assert_eq!(jobs.get("a").await.unwrap().unwrap().next_run, clock.now() + 20 * SECOND);
    assert_eq!(reconcile(None).await, Reconciled::Removed);
    assert_eq!(jobs.get("a").await.unwrap(), None);
}

pub async fn a_change_is_heard(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let heard = || {
        let mut cx = Context::from_waker(Waker::noop());
        std::pin::pin!(jobs.changed()).poll(&mut cx).is_ready()
    };
    assert!(!heard(), "nothing has changed");
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    assert!(heard());
    assert!(!heard(), "it is heard once");
    clock.advance(10 * SECOND);
    let item = one(&jobs).await;
    assert_eq!(jobs.next_due().await.unwrap(), Some(item.until));
    jobs.settle(&item, retry()).await.unwrap();
    assert!(heard(), "the run is due before its lease would have ended");
    assert_eq!(jobs.next_due().await.unwrap(), Some(clock.now() + 2 * SECOND));
}
