//! Schedules: how late a run begins.

use std::{
    num::NonZero,
    sync::{Arc, Mutex},
    time::Duration,
};

use mecha_primitives::{
    clock::Clock as _,
    commit,
    delivery::{
        Outcome, Retry, Settled,
        pump::{Attempts, Ended, Pace, pump},
    },
    jobs::{Item, Job, Jobs, Options, Schedule, Scheduler as _},
    random::Seeded,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::events::{RealClock, on_each};

const EVERY: Duration = Duration::from_millis(100);
const RUNS: usize = 60;

#[derive(Default)]
struct Late {
    millis: Mutex<Vec<u64>>,
    notify: Notify,
}

#[async_trait::async_trait]
impl Attempts<Item> for Late {
    type Permit = ();

    async fn permit(&self) {}

    async fn attempt(&self, items: &[Item], (): ()) -> Vec<Ended> {
        let late = RealClock.now().since(items[0].due);
        self.millis.lock().unwrap().push(u64::try_from(late.as_millis()).unwrap());
        self.notify.notify_one();
        vec![Outcome::Done.into(); items.len()]
    }

    fn settled(&self, _: &Item, _: &Outcome, _: &Settled) {}

    fn hindered(&self, _: &commit::Error) {}
}

/// From a run's due time to its handler: the timer's part, the lease's commit and the wake-up.
pub fn lateness() {
    println!("\nhow late a run of `every: {EVERY:?}` begins, {RUNS} runs");
    on_each(async |name, engine| {
        let options = Options { lease: Duration::from_secs(60), retry: Retry::default(), max_bytes: None };
        let random = Arc::new(Seeded::new(1));
        let jobs =
            Arc::new(Jobs::new(engine, Arc::new(RealClock), random, "bench/schedules/s/".into(), options));
        let schedule = Schedule::interval(EVERY, None).unwrap();
        jobs.schedule(Job::new("s", schedule), true).await.unwrap();
        let (late, stop) = (Arc::new(Late::default()), CancellationToken::new());
        let pace = Pace::single(NonZero::<usize>::MIN);
        tokio::spawn(pump(jobs, late.clone(), pace, Arc::new(RealClock), stop.clone()));
        while late.millis.lock().unwrap().len() < RUNS {
            late.notify.notified().await;
        }
        stop.cancel();
        let mut millis = late.millis.lock().unwrap().clone();
        millis.sort_unstable();
        println!("{name:<8} p50 {:>3} ms   p99 {:>3} ms", millis[RUNS / 2], millis[RUNS * 99 / 100]);
    });
}
