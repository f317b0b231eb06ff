//! Laws: leases, attempts and settlements.

use super::*;

pub async fn nothing_runs_early(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let now = clock.now();
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    jobs.schedule(job("b", Schedule::After(3 * SECOND)), false).await.unwrap();
    jobs.schedule(job("c", Schedule::At(now)), false).await.unwrap();
    let item = one(&jobs).await;
    assert_eq!((&*item.job, item.due, item.attempt, &item.data[..]), ("c", now, 1, &b"data"[..]));
    assert_eq!(item.content_type.as_deref(), Some("text/plain"));
    done(&jobs, &item).await;
    assert_eq!(jobs.next_due().await.unwrap(), Some(now + 3 * SECOND));
    for (advance, name, due) in
        [(2999, None, 0), (1, Some("b"), 3000), (6999, None, 0), (1, Some("a"), 10_000)]
    {
        clock.advance(Duration::from_millis(advance));
        match name {
            None => none(&jobs).await,
            Some(name) => {
                let item = one(&jobs).await;
                assert_eq!((&*item.job, from(now, &item)), (name, due));
                done(&jobs, &item).await;
            }
        }
    }
}

pub async fn a_run_has_one_taker(fixture: &impl Fixture) {
    let jobs = Arc::new(jobs(fixture, 1));
    for name in ["a", "b", "c", "d"] {
        jobs.schedule(job(name, every(1)), false).await.unwrap();
    }
    fixture.clock().advance(SECOND);
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let jobs = jobs.clone();
            tokio::spawn(async move { jobs.take(2).await.unwrap() })
        })
        .collect();
    let mut taken = vec![];
    for taker in takers {
        taken.extend(taker.await.unwrap());
    }
    // Who lost a race has taken nothing.
    while taken.len() < 4 {
        let more = jobs.take(2).await.unwrap();
        assert!(!more.is_empty(), "a run is lost");
        taken.extend(more);
    }
    let mut names: Vec<_> = taken.iter().map(|item| &*item.job).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c", "d"]);
    fixture.clock().advance(SECOND);
    none(&jobs).await;
}

pub async fn each_due_time_is_settled_once(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let start = clock.now();
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    for round in 1..=3 {
        clock.advance(10 * SECOND);
        let item = one(&jobs).await;
        assert_eq!(from(start, &item), round * 10_000);
        done(&jobs, &item).await;
        for again in [Outcome::Done, retry(), Outcome::Returned] {
            assert_eq!(jobs.settle(&item, again).await.unwrap(), Settled::Stale);
        }
        none(&jobs).await;
        let status = jobs.get("a").await.unwrap().unwrap();
        assert_eq!((status.runs, status.last_run), (round, Some(item.due)));
    }
}

pub async fn a_retry_is_the_same_run(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    clock.advance(10 * SECOND);
    let due = clock.now();
    for attempt in 1..=2 {
        let item = one(&jobs).await;
        assert_eq!((item.due, item.attempt), (due, attempt));
        let at = clock.now() + 2 * SECOND;
        assert_eq!(jobs.settle(&item, retry()).await.unwrap(), Settled::Later(at));
        none(&jobs).await;
        clock.advance(2 * SECOND);
    }
    let item = one(&jobs).await;
    assert_eq!((item.due, item.attempt), (due, 3));
    assert_eq!(jobs.settle(&item, retry()).await.unwrap(), Settled::Dead, "three attempts are the most");
    clock.advance(6 * SECOND);
    let item = one(&jobs).await;
    assert_eq!((item.due, item.attempt), (due + 10 * SECOND, 1));
}

pub async fn a_rejected_run_is_over(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    clock.advance(10 * SECOND);
    let item = one(&jobs).await;
    let reject = Outcome::Reject { why: "never".into() };
    assert_eq!(jobs.settle(&item, reject).await.unwrap(), Settled::Dead);
    none(&jobs).await;
    clock.advance(10 * SECOND);
    assert_eq!(one(&jobs).await.due, item.due + 10 * SECOND);
}

pub async fn a_returned_run_is_not_counted(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    clock.advance(10 * SECOND);
    for _ in 0..5 {
        let item = one(&jobs).await;
        assert_eq!((item.due, item.attempt), (clock.now(), 1));
        let settled = jobs.settle(&item, Outcome::Returned).await.unwrap();
        assert_eq!(settled, Settled::Later(item.due));
    }
}

pub async fn a_lease_runs_out(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", Schedule::After(SECOND)), false).await.unwrap();
    clock.advance(SECOND);
    let first = one(&jobs).await;
    clock.advance(LEASE - SECOND);
    none(&jobs).await;
    clock.advance(SECOND);
    let second = one(&jobs).await;
    assert_eq!((second.due, second.attempt), (first.due, 2));
    assert_eq!(jobs.settle(&first, Outcome::Done).await.unwrap(), Settled::Stale);
    clock.advance(LEASE);
    let third = one(&jobs).await;
    assert_eq!(third.attempt, 3);
    clock.advance(LEASE);
    none(&jobs).await;
    assert_eq!(jobs.settle(&third, Outcome::Done).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.get("a").await.unwrap(), None, "three attempts are the most, however they end");
}

pub async fn a_changed_job_cannot_be_settled(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    jobs.schedule(job("a", every(10)), false).await.unwrap();
    clock.advance(10 * SECOND);
    let replaced = one(&jobs).await;
    jobs.schedule(job("a", every(10)), true).await.unwrap();
    assert_eq!(jobs.settle(&replaced, Outcome::Done).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.get("a").await.unwrap().unwrap().runs, 0);
    clock.advance(10 * SECOND);
    let cancelled = one(&jobs).await;
    jobs.cancel("a").await.unwrap();
    assert_eq!(jobs.settle(&cancelled, retry()).await.unwrap(), Settled::Stale);
    clock.advance(60 * SECOND);
    none(&jobs).await;
}

pub async fn jobs_survive_their_process(fixture: &impl Fixture) {
    let clock = fixture.clock();
    let former = jobs(fixture, 1);
    former.schedule(job("a", every(10)), false).await.unwrap();
    former.schedule(job("b", every(10)), false).await.unwrap();
    clock.advance(10 * SECOND);
    let mut items = former.take(10).await.unwrap();
    items.sort_by_key(|item| item.job.clone());
    done(&former, &items[1]).await;
    let jobs = jobs(fixture, 2);
    none(&jobs).await;
    jobs.recover().await.unwrap();
    let item = one(&jobs).await;
    assert_eq!((&*item.job, item.due, item.attempt), ("a", items[0].due, 2));
    assert_eq!(former.settle(&items[0], Outcome::Done).await.unwrap(), Settled::Stale);
    jobs.recover().await.unwrap();
    none(&jobs).await;
    done(&jobs, &item).await;
    for name in ["a", "b"] {
        assert_eq!(jobs.get(name).await.unwrap().unwrap().runs, 1);
    }
}
