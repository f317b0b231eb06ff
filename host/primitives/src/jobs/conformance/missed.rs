//! Laws: what was due while nothing ran, and a clock that jumps.

use super::*;
use crate::jobs::{GRACE, MAX_CATCH_UP};

pub async fn missed_runs_are_skipped(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let start = clock.now();
    let hourly = Job { missed: Missed::Skip, ..job("a", every(3600)) };
    jobs.schedule(hourly, false).await.unwrap();
    clock.advance(3600 * 5 * SECOND + GRACE + SECOND);
    none(&jobs).await;
    let status = jobs.get("a").await.unwrap().unwrap();
    assert_eq!((status.runs, status.next_run), (0, start + 6 * 3600 * SECOND));
    clock.advance(3600 * SECOND - SECOND);
    let item = one(&jobs).await;
    assert_eq!(from(start, &item), 6 * 3_600_000, "what is a little late is not missed");
}

pub async fn missed_runs_run_once(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let start = clock.now();
    jobs.schedule(missing(Missed::RunOnce), false).await.unwrap();
    clock.advance(3605 * SECOND);
    let item = one(&jobs).await;
    assert_eq!(from(start, &item), 3_600_000);
    done(&jobs, &item).await;
    none(&jobs).await;
    clock.advance(5 * SECOND);
    assert_eq!(from(start, &one(&jobs).await), 3_610_000);
}

pub async fn missed_runs_run_for_all(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let start = clock.now();
    jobs.schedule(missing(Missed::RunAll), false).await.unwrap();
    clock.advance(35 * SECOND);
    for due in [10_000, 20_000, 30_000] {
        let item = one(&jobs).await;
        assert_eq!(from(start, &item), due);
        done(&jobs, &item).await;
    }
    none(&jobs).await;
    clock.advance(10 * 5000 * SECOND);
    for late in 0..u64::from(MAX_CATCH_UP) {
        let item = one(&jobs).await;
        assert_eq!(from(start, &item), 40_000 + late * 10_000);
        done(&jobs, &item).await;
    }
    let item = one(&jobs).await;
    assert_eq!(from(start, &item), 50_030_000, "it goes on with the newest");
    done(&jobs, &item).await;
    none(&jobs).await;
}

pub async fn a_clock_set_back_repeats_nothing(fixture: &impl Fixture) {
    let (jobs, clock) = (jobs(fixture, 1), fixture.clock());
    let start = clock.now();
    jobs.schedule(missing(Missed::RunAll), false).await.unwrap();
    clock.advance(20 * SECOND);
    for _ in 0..2 {
        done(&jobs, &one(&jobs).await).await;
    }
    clock.set(start);
    for _ in 0..29 {
        clock.advance(SECOND);
        none(&jobs).await;
    }
    clock.advance(SECOND);
    assert_eq!(from(start, &one(&jobs).await), 30_000);
}
