//! Laws: a job's end.

use super::*;

pub async fn a_job_has_an_end(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let now = clock.now();
    jobs.schedule(Job { max_runs: Some(2), ..job("runs", every(10)) }, false).await.unwrap();
    jobs.schedule(Job { until: Some(now + 25 * SECOND), ..job("until", every(10)) }, false).await.unwrap();
    for _ in 0..2 {
        clock.advance(10 * SECOND);
        let items = jobs.take(10).await.unwrap();
        assert_eq!(items.len(), 2);
        for item in &items {
            done(&jobs, item).await;
        }
    }
    assert_eq!(jobs.list("", 10).await.unwrap().jobs, []);
    assert_eq!(jobs.next_due().await.unwrap(), None);
    let missed = Job { until: Some(clock.now() + 25 * SECOND), ..missing(Missed::RunOnce) };
    let due = clock.now() + 20 * SECOND;
    jobs.schedule(missed, false).await.unwrap();
    clock.advance(3600 * SECOND);
    let item = one(&jobs).await;
    assert_eq!(item.due, due, "what was due before the end may still run");
    done(&jobs, &item).await;
    assert_eq!(jobs.get("a").await.unwrap(), None);
}
