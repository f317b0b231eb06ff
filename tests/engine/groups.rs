//! What many commits at once cost, and what callers are told while the storage fails, stalls or is full.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use mecha_backends::embedded::{Engine, Options};
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::{Action, Batch, Change, Committed, Engine as _, Error, Record, Unobserved, Version},
    identity::CallId,
};
use mecha_tests::{
    countdisk::CountDisk,
    simdisk::{Fault, SimDisk},
};

/// An engine on a simulated disk, and all that it has acknowledged.
struct World {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    engine: Engine,
    acknowledged: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        let disk = SimDisk::new(1);
        let engine = engine(disk.clone(), &clock);
        engine.open().await.unwrap();
        Self { disk, clock, engine, acknowledged: vec![] }
    }

    async fn set(&mut self, key: &str, len: usize) -> Result<(), Error> {
        self.engine.commit(set(key, len)).await?;
        self.acknowledged.push(key.to_owned());
        Ok(())
    }

    /// Serves again, once the pause after a failure is over.
    async fn recovers(&mut self) {
        self.disk.heal();
        self.clock.advance(Duration::from_secs(60));
        self.set("after", 10).await.expect("the fault is gone, and the pause is over");
    }

    /// The power fails, and another process opens the database.
    async fn lost_nothing(self) {
        self.disk.crash();
        drop(self.engine);
        self.disk.restart();
        let snapshot = engine(self.disk, &self.clock).snapshot().await.unwrap();
        for key in self.acknowledged {
            assert!(
                snapshot.get(key.as_bytes()).await.unwrap().is_some(),
                "{key} was acknowledged and is gone"
            );
        }
    }
}

fn engine(disk: SimDisk, clock: &Arc<ManualClock>) -> Engine {
    Engine::new(Arc::new(disk), clock.clone(), Arc::new(Unobserved), Options::default())
}

fn set(key: &str, len: usize) -> Batch {
    let version = Version::new(CallId(1), 1, 1);
    let record = Record { version, expires_at: None, media_type: None, value: vec![7; len].into() };
    let key = Bytes::copy_from_slice(key.as_bytes());
    Batch { changes: vec![Change { key, expect: None, action: Action::Put(record) }], ..Batch::default() }
}

type Commit<'a> = Pin<Box<dyn Future<Output = Result<Committed, Error>> + Send + 'a>>;

/// Begins a commit: when this returns it is in the queue, or is answered.
async fn begin(engine: &Engine, batch: Batch) -> (Commit<'_>, Option<Result<Committed, Error>>) {
    let mut commit = engine.commit(batch);
    let answer = poll_fn(|context| match commit.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    });
    let answer = answer.await;
    (commit, answer)
}

/// How long a test waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, condition: impl Fn() -> bool) {
    let patience = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, patience).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn a_thousand_concurrent_sets_cost_few_syncs() {
    let clock = Arc::new(ManualClock::default());
    let inner = SimDisk::new(1);
    let disk = CountDisk::new(inner.clone());
    let counts = disk.counts();
    let engine = Engine::new(Arc::new(disk), clock, Arc::new(Unobserved), Options::default());
    engine.open().await.unwrap();
    let before = counts.syncs.load(Ordering::SeqCst);
    // A disk that takes its time, as disks do: what comes meanwhile becomes one group.
    inner.stall_syncs(true);
    let mut commits = vec![];
    for number in 0..1_000 {
        let (commit, answer) = begin(&engine, set(&number.to_string(), 100)).await;
        assert!(answer.is_none(), "{number} was answered before its sync: {answer:?}");
        commits.push(commit);
    }
    inner.stall_syncs(false);
    for commit in commits {
        commit.await.unwrap();
    }
    let syncs = counts.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs <= 64, "1,000 sets cost {syncs} syncs");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_do_not_wait_for_the_writer() {
    let mut world = World::new().await;
    // Pages that are free again: of the commits below, only the second makes the file larger.
    world.set("room", 1_000_000).await.unwrap();
    for _ in 0..4 {
        world.set("room", 1).await.unwrap();
    }
    world.set("a", 1).await.unwrap();
    for len in [2, 3_000_000] {
        world.disk.stall_syncs(true);
        let (commit, answer) = begin(&world.engine, set("a", len)).await;
        assert!(answer.is_none());
        until("the writer waits for a sync", || world.disk.stalled() == 1).await;
        let engine = world.engine.clone();
        let reader = tokio::spawn(async move { engine.snapshot().await?.get(b"a").await });
        let seen = tokio::time::timeout(PATIENCE, reader).await;
        world.disk.stall_syncs(false);
        let seen = seen.expect("a reader waited for the writer's sync").unwrap().unwrap().unwrap();
        assert!(seen.value.len() < len, "a commit was seen before it was durable");
        commit.await.unwrap();
        let seen = world.engine.snapshot().await.unwrap().get(b"a").await.unwrap().unwrap();
        assert_eq!(seen.value.len(), len);
    }
    world.lost_nothing().await;
}

#[tokio::test]
async fn a_full_queue_answers_busy() {
    let mut world = World::new().await;
    world.disk.stall_syncs(true);
    let mut commits = vec![];
    let mut refused = None;
    // The first is taken by the writer at some moment, so that the queue's length is known only roughly.
    for number in 0..10_000 {
        let key = number.to_string();
        let (commit, answer) = begin(&world.engine, set(&key, 10)).await;
        if answer.is_some() {
            refused = answer;
            break;
        }
        commits.push((key, commit));
    }
    assert!(matches!(refused, Some(Err(Error::Busy(Some(_))))), "after {}: {refused:?}", commits.len());
    world.disk.stall_syncs(false);
    for (key, commit) in commits {
        commit.await.unwrap();
        world.acknowledged.push(key);
    }
    world.set("after", 10).await.unwrap();
    world.lost_nothing().await;
}

#[tokio::test]
async fn many_bytes_fill_the_queue_too() {
    let mut world = World::new().await;
    world.disk.stall_syncs(true);
    let mut commits = vec![];
    let refused = loop {
        let key = commits.len().to_string();
        match begin(&world.engine, set(&key, 4 << 20)).await {
            (_, Some(answer)) => break answer,
            (commit, None) => commits.push((key, commit)),
        }
        assert!(commits.len() < 100, "400 MB wait in a queue");
    };
    assert!(matches!(refused, Err(Error::Busy(Some(_)))), "{refused:?}");
    world.disk.stall_syncs(false);
    for (key, commit) in commits {
        commit.await.unwrap();
        world.acknowledged.push(key);
    }
    world.lost_nothing().await;
}

#[tokio::test]
async fn it_serves_again_after_an_io_error() {
    // At each moment of a commit, and each kind of error.
    for fault in [Fault::Error, Fault::FailSync] {
        for after in 0..12 {
            let mut world = World::new().await;
            world.set("before", 10).await.unwrap();
            world.disk.plan(after, fault);
            let mut failures = 0;
            for number in 0..20 {
                match world.set(&number.to_string(), 10).await {
                    Ok(()) => {}
                    Err(Error::Unknown(_) | Error::Unavailable(_)) => failures += 1,
                    Err(other) => panic!("{fault:?} after {after}: {other}"),
                }
            }
            assert!(failures > 0, "{fault:?} after {after} was met by nobody");
            world.recovers().await;
            world.lost_nothing().await;
        }
    }
}

#[tokio::test]
async fn it_serves_again_when_a_full_disk_has_room() {
    let mut world = World::new().await;
    world.set("before", 10).await.unwrap();
    world.disk.leave_room(0);
    let mut failure = None;
    for number in 0..100 {
        if let Err(error) = world.set(&number.to_string(), 100_000).await {
            failure = Some(error);
            break;
        }
    }
    assert!(matches!(failure, Some(Error::Unknown(_) | Error::Unavailable(_))), "{failure:?}");
    let failure = world.set("at once", 10).await;
    assert!(matches!(failure, Err(Error::Unavailable(_))), "the pause after a failure: {failure:?}");
    world.recovers().await;
    world.lost_nothing().await;
}
