//! Laws: jobs in a unit of work.

use futures_util::FutureExt as _;

use super::*;
use crate::{
    commit::Error as Refused,
    jobs::Error,
    unit::{Bounds, Unit},
};

fn unit(fixture: &impl Fixture) -> Unit {
    Unit::new(fixture.engine(), fixture.clock().now(), Bounds::default())
}

async fn commit(fixture: &impl Fixture, unit: &Unit) -> Result<(), Refused> {
    unit.commit(fixture.clock().now()).await
}

fn is_stale(outcome: &Result<(), Refused>) {
    assert!(matches!(outcome, Err(Refused::Stale { .. })), "{outcome:?}");
}

async fn names(jobs: &dyn Scheduler) -> Vec<Arc<str>> {
    jobs.list("", 100).await.unwrap().jobs.into_iter().map(|status| status.job.name).collect()
}

pub async fn a_unit_changes_jobs_with_its_commit(fixture: &impl Fixture) {
    let jobs = jobs(fixture, 1);
    jobs.schedule(job("old", every(10)), false).await.unwrap();
    jobs.changed().await;
    let thrown_away = unit(fixture);
    let within = jobs.over(&thrown_away.engine());
    within.schedule(job("a", every(10)), false).await.unwrap();
    within.cancel("old").await.unwrap();
    drop((thrown_away, within));
    let first = unit(fixture);
    let within = jobs.over(&first.engine());
    within.schedule(job("a", every(10)), false).await.unwrap();
    let taken = within.schedule(job("a", every(20)), false).await;
    assert_eq!(taken, Err(Error::AlreadyExists("a".into())));
    within.schedule(job("a", every(20)), true).await.unwrap();
    within.schedule(job("b", every(10)), false).await.unwrap();
    within.cancel("b").await.unwrap();
    within.cancel("old").await.unwrap();
    assert_eq!(within.get("a").await.unwrap().unwrap().job, job("a", every(20)));
    assert_eq!(names(&*within).await, ["a".into()]);
    assert_eq!(names(&jobs).await, ["old".into()]);
    assert!(jobs.changed().now_or_never().is_none(), "nothing has changed yet");
    // Of two who schedule the same one is first, and of two who schedule different jobs neither is.
    let (same, other) = (unit(fixture), unit(fixture));
    for (unit, name) in [(&same, "a"), (&other, "c")] {
        jobs.over(&unit.engine()).schedule(job(name, every(10)), false).await.unwrap();
    }
    commit(fixture, &first).await.unwrap();
    assert!(jobs.changed().now_or_never().is_some(), "who waits for runs is told");
    assert_eq!(names(&jobs).await, ["a".into()]);
    is_stale(&commit(fixture, &same).await);
    commit(fixture, &other).await.unwrap();
    assert_eq!(names(&jobs).await, ["a".into(), "c".into()]);
}

pub async fn a_unit_settles_a_run_with_its_commit(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", every(60)), false).await.unwrap();
    clock.advance(60 * SECOND);
    let slow = one(&jobs).await;
    let zombie = unit(fixture);
    assert_eq!(jobs.settle_over(&zombie.engine(), &slow).await.unwrap(), Settled::Done);
    jobs.over(&zombie.engine()).schedule(job("b", every(10)), false).await.unwrap();
    assert_eq!(jobs.get("a").await.unwrap().unwrap().runs, 0);
    clock.advance(LEASE);
    let second = one(&jobs).await;
    is_stale(&commit(fixture, &zombie).await);
    assert_eq!(names(&jobs).await, ["a".into()]);
    let late = unit(fixture);
    assert_eq!(jobs.settle_over(&late.engine(), &slow).await.unwrap(), Settled::Stale);
    let thrown_away = unit(fixture);
    assert_eq!(jobs.settle_over(&thrown_away.engine(), &second).await.unwrap(), Settled::Done);
    drop(thrown_away);
    none(&jobs).await;
    let unit = unit(fixture);
    assert_eq!(jobs.settle_over(&unit.engine(), &second).await.unwrap(), Settled::Done);
    assert_eq!(jobs.settle_over(&unit.engine(), &second).await.unwrap(), Settled::Stale);
    commit(fixture, &unit).await.unwrap();
    let status = jobs.get("a").await.unwrap().unwrap();
    assert_eq!((status.runs, status.last_run), (1, Some(second.due)));
    // Who does not know whether the unit was committed settles once more, and changes nothing.
    assert_eq!(jobs.settle(&second, retry()).await.unwrap(), Settled::Stale);
    none(&jobs).await;
}

pub async fn a_settled_run_may_change_its_job(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let once = || job("once", Schedule::After(10 * SECOND));
    let handlers = [
        (job("a", every(10)), Some((job("a", every(60)), true)), Some(60)),
        (job("b", every(10)), None, None),
        (once(), Some((once(), false)), Some(10)),
        (once(), Some((once(), true)), Some(10)),
        (once(), None, None),
    ];
    for (job, again, expected) in handlers {
        let name = job.name.clone();
        jobs.schedule(job, false).await.unwrap();
        clock.advance(10 * SECOND);
        let item = one(&jobs).await;
        let unit = unit(fixture);
        assert_eq!(jobs.settle_over(&unit.engine(), &item).await.unwrap(), Settled::Done);
        let within = jobs.over(&unit.engine());
        match again {
            Some((job, replace)) => within.schedule(job, replace).await.unwrap(),
            None => within.cancel(&name).await.unwrap(),
        }
        commit(fixture, &unit).await.unwrap();
        let now = clock.now();
        let due = jobs.get(&name).await.unwrap().map(|status| status.next_run.since(now).as_secs());
        assert_eq!(due, expected, "{name}");
        none(&jobs).await;
        jobs.cancel(&name).await.unwrap();
    }
    assert_eq!(names(&jobs).await, [""; 0].map(Arc::from));
}
