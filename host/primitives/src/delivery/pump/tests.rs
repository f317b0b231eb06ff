//! Laws of the pump, on a clock that is moved by hand.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Mutex,
    task::{Context, Waker},
};

use tokio::sync::Notify;

use super::*;
use crate::{
    clock::{ManualClock, Timestamp},
    commit::Engine,
};

/// What happened, in order.
type Log = Arc<Mutex<Vec<String>>>;

struct Things {
    ready: Mutex<VecDeque<u32>>,
    changed: Notify,
    /// How many settlements fail.
    failing: Mutex<u32>,
    log: Log,
}

#[async_trait]
impl Source for Things {
    type Item = u32;

    async fn take(&self, max: usize) -> Result<Vec<u32>, commit::Error> {
        let mut ready = self.ready.lock().unwrap();
        let count = max.min(ready.len());
        let taken: Vec<_> = ready.drain(..count).collect();
        if !taken.is_empty() {
            self.log.lock().unwrap().push(format!("take {taken:?}"));
        }
        Ok(taken)
    }

    async fn settle(&self, item: &u32, _: Outcome) -> Result<Settled, commit::Error> {
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(commit::Error::Busy(None));
        }
        self.log.lock().unwrap().push(format!("settle {item}"));
        Ok(Settled::Done)
    }

    async fn settle_over(&self, _: &Arc<dyn Engine>, item: &u32) -> Result<Settled, commit::Error> {
        self.settle(item, Outcome::Done).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, commit::Error> {
        Ok(None)
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Items that an attempt settles itself, or finds to be another's.
const DONE: u32 = 100;
const STALE: u32 = 101;

/// Each attempt takes a second.
struct Slow(Arc<ManualClock>, Log);

#[async_trait]
impl Attempts<u32> for Slow {
    type Permit = ();

    async fn permit(&self) {
        self.1.lock().unwrap().push("permit".into());
    }

    async fn attempt(&self, items: &[u32], (): ()) -> Vec<Ended> {
        self.1.lock().unwrap().push(format!("begin {items:?}"));
        self.0.sleep_until(self.0.now() + Duration::from_secs(1)).await;
        let ended = |item: &u32| match *item {
            DONE => Ended::Settled(Settled::Done),
            STALE => Ended::Settled(Settled::Stale),
            _ => Outcome::Done.into(),
        };
        items.iter().map(ended).collect()
    }

    fn settled(&self, item: &u32, outcome: &Outcome, settled: &Settled) {
        if [DONE, STALE].contains(item) {
            self.1.lock().unwrap().push(format!("told {item} {outcome:?} {settled:?}"));
        }
    }

    fn hindered(&self, _: &commit::Error) {
        self.1.lock().unwrap().push("hindered".into());
    }
}

struct Running {
    things: Arc<Things>,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
    log: Log,
    pump: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Running {
    fn new(ready: impl IntoIterator<Item = u32>, (concurrency, batch, fill): (usize, usize, u64)) -> Self {
        let (log, clock, stop) = (Log::default(), Arc::new(ManualClock::default()), CancellationToken::new());
        let ready = Mutex::new(ready.into_iter().collect());
        let (changed, failing) = (Notify::new(), Mutex::new(0));
        let things = Arc::new(Things { ready, changed, failing, log: log.clone() });
        let pace = Pace {
            concurrency: NonZero::new(concurrency).unwrap(),
            batch: NonZero::new(batch).unwrap(),
            fill: Duration::from_millis(fill),
        };
        let slow = Arc::new(Slow(clock.clone(), log.clone()));
        let pump = Box::pin(pump(things.clone(), slow, pace, clock.clone(), stop.clone()));
        Self { things, clock, stop, log, pump }
    }

    /// What has happened after so many milliseconds, and whether it has ended.
    fn after(&mut self, millis: u64) -> (Vec<String>, bool) {
        self.clock.advance(Duration::from_millis(millis));
        let mut is_over = false;
        for _ in 0..20 {
            is_over = is_over || self.pump.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        }
        (std::mem::take(&mut *self.log.lock().unwrap()), is_over)
    }

    fn add(&self, item: u32) {
        self.things.ready.lock().unwrap().push_back(item);
        self.things.changed.notify_one();
    }
}

#[test]
fn a_permit_comes_before_a_lease_and_no_more_attempts_than_places() {
    let mut running = Running::new(1..=3, (2, 1, 0));
    let (log, _) = running.after(0);
    assert_eq!(log, ["permit", "take [1]", "begin [1]", "permit", "take [2]", "begin [2]"]);
    assert_eq!(running.after(999).0, [""; 0]);
    let (log, _) = running.after(1);
    assert!(log.contains(&"settle 1".into()) && log.contains(&"begin [3]".into()), "{log:?}");
}

#[test]
fn a_batch_fills_or_waits_no_longer() {
    let mut running = Running::new(1..=2, (1, 3, 100));
    let (log, _) = running.after(0);
    assert_eq!(log, ["permit", "take [1, 2]"]);
    running.add(3);
    assert_eq!(running.after(10).0, ["take [3]", "begin [1, 2, 3]"]);
    running.after(1000);
    running.add(4);
    assert_eq!(running.after(0).0.last().unwrap(), "take [4]");
    assert_eq!(running.after(99).0, [""; 0]);
    assert_eq!(running.after(1).0, ["begin [4]"]);
}

#[test]
fn a_settlement_that_failed_is_tried_again() {
    let mut running = Running::new([1], (1, 1, 0));
    running.after(0);
    *running.things.failing.lock().unwrap() = 2;
    assert_eq!(running.after(1000).0, ["hindered"]);
    assert_eq!(running.after(200).0, ["hindered"]);
    let (log, _) = running.after(400);
    assert_eq!(log[0], "settle 1");
}

#[test]
fn what_an_attempt_has_settled_itself_is_told_and_not_settled_again() {
    let mut running = Running::new([DONE, 1, STALE], (1, 3, 0));
    running.after(0);
    let (mut log, _) = running.after(1000);
    log.truncate(3);
    assert_eq!(log, ["told 100 Done Done", "settle 1", "told 101 Done Stale"]);
}

#[test]
fn a_stop_finishes_what_has_begun_and_leases_nothing_more() {
    let mut running = Running::new(1..=2, (1, 1, 0));
    running.after(0);
    running.stop.cancel();
    assert_eq!(running.after(500), (vec![], false));
    assert_eq!(running.after(500), (vec!["settle 1".into()], true));
    assert_eq!(running.things.ready.lock().unwrap().len(), 1);
}
