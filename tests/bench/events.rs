//! Events: from publication to handler, and how many a second. The primitive by itself, on memory and on the disk: a
//! guest's handler costs what a call costs, which the first table says.

use std::{
    collections::HashMap,
    num::NonZero,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use mecha_backends::{
    embedded::{self, FileDisk},
    memory,
};
use mecha_primitives::{
    clock::{Clock, Sleep, Timestamp},
    commit::{self, Engine, Unobserved},
    delivery::{
        Outcome, Retry, Settled,
        pump::{Attempts, Ended, Pace, pump},
    },
    pubsub::{
        Message, Publisher as _,
        event::{Defaults, Draft},
        group::{Group, Taken},
        queue::{self, Queue},
        topic::{Member, Options, Topic},
    },
    random::Seeded,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp(u64::try_from(since.as_millis()).unwrap())
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep {
        Box::pin(tokio::time::sleep(Duration::from_millis(at.0.saturating_sub(self.now().0))))
    }
}

/// Notes when each event arrives.
#[derive(Default)]
struct Handler {
    arrived: Mutex<HashMap<String, Instant>>,
    count: AtomicUsize,
    notify: Notify,
}

#[async_trait::async_trait]
impl Attempts<Taken> for Handler {
    type Permit = ();

    async fn permit(&self) {}

    fn free_permit(&self) -> Option<()> {
        Some(())
    }

    async fn attempt(&self, items: &[Taken], (): ()) -> Vec<Ended> {
        for item in items {
            let id = item.delivery.event.event.id().to_owned();
            self.arrived.lock().unwrap().insert(id, Instant::now());
        }
        self.count.fetch_add(items.len(), Ordering::Relaxed);
        self.notify.notify_one();
        vec![Outcome::Done.into(); items.len()]
    }

    fn settled(&self, _: &Taken, _: &Outcome, settled: &Settled) {
        assert_eq!(*settled, Settled::Done);
    }

    fn hindered(&self, _: &commit::Error) {}
}

struct Bench {
    topic: Arc<Topic>,
    handler: Arc<Handler>,
    stop: CancellationToken,
}

impl Bench {
    fn new(engine: Arc<dyn Engine>, others: usize) -> Self {
        let (clock, random) = (Arc::new(RealClock), Arc::new(Seeded::new(7)));
        let changed = Arc::new(Notify::new());
        let member = |group: &str, filter: Option<&str>| Member {
            group: group.parse().unwrap(),
            filter: filter.map(|text| mecha_primitives::pubsub::filter::Filter::parse(text).unwrap()),
            ordered: true,
            changed: changed.clone(),
        };
        let mut members = vec![member("bench", None)];
        members.extend(
            (0..others).map(|n| member(&format!("other-{n}"), Some(&format!("event.type == \"other.{n}\"")))),
        );
        let (app, name) = ("bench".parse().unwrap(), "events".parse().unwrap());
        let sources =
            (clock.clone() as Arc<dyn Clock>, random.clone() as Arc<dyn mecha_primitives::random::Random>);
        let topic = Arc::new(Topic::new(&app, name, engine, sources, Options::default(), members));
        let options =
            queue::Options { retry: Retry::default(), lease: Duration::from_secs(60), dead_letters: None };
        let queue =
            Queue::new(&topic, "bench".parse().unwrap(), changed.clone(), options, 1, clock.clone(), random);
        let group = Arc::new(Group::new(vec![queue], changed));
        let (handler, stop) = (Arc::new(Handler::default()), CancellationToken::new());
        let pace = Pace::single(NonZero::new(64).unwrap());
        tokio::spawn(pump(group, handler.clone(), pace, clock, stop.clone()));
        Self { topic, handler, stop }
    }

    async fn handled(&self, count: usize) {
        while self.handler.count.load(Ordering::Relaxed) < count {
            self.handler.notify.notified().await;
        }
    }
}

fn message(id: usize) -> Message {
    let defaults = Defaults {
        id: &id.to_string(),
        source: "/bench",
        kind: "bench.event",
        time: Timestamp(0),
        traceparent: None,
    };
    let draft = Draft { data: Some(Bytes::from_static(&[b'x'; 100])), ..Draft::default() };
    Message::new(draft.complete(&defaults).unwrap())
}

const DEADLINE: Timestamp = Timestamp(u64::MAX);

pub fn on_each(bench: impl AsyncFn(&str, Arc<dyn Engine>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        bench("memory", Arc::new(memory::Engine::new(Arc::new(RealClock)))).await;
        let folder = tempfile::tempdir_in(".").unwrap();
        let disk = Arc::new(FileDisk::new(folder.path().join("bench.redb")));
        let options = embedded::Options::default();
        let engine = embedded::Engine::new(disk, Arc::new(RealClock), Arc::new(Unobserved), options);
        bench("durable", Arc::new(engine.clone())).await;
        engine.close().await;
    });
}

/// From the publication's beginning to the handler's, one event at a time.
pub fn latency() {
    const EVENTS: usize = 2000;
    println!(
        "\npublish to handler, {EVENTS} events of 100 B one after the other (publication, lease and wake-up)"
    );
    on_each(async |name, engine| {
        let bench = Bench::new(engine, 0);
        let mut took = vec![];
        for id in 0..EVENTS {
            let began = Instant::now();
            bench.topic.publish(vec![message(id)], DEADLINE).await.pop().unwrap().unwrap();
            bench.handled(id + 1).await;
            let arrived = bench.handler.arrived.lock().unwrap().remove(&id.to_string()).unwrap();
            took.push((arrived - began).as_secs_f64() * 1e6);
        }
        took.sort_by(f64::total_cmp);
        println!("{name:<8} p50 {:>7.0} us   p99 {:>7.0} us", took[EVENTS / 2], took[EVENTS * 99 / 100]);
        bench.stop.cancel();
    });
}

/// Events a second, published and handled and settled.
pub fn sustained() {
    println!("\nsustained, events of 100 B published, handled and settled a second");
    for (publishers, many, events) in [(1, 1, 2000), (32, 1, 20_000), (32, 100, 64_000)] {
        on_each(async |name, engine| {
            let bench = Arc::new(Bench::new(engine, 0));
            let began = Instant::now();
            let each = events / publishers;
            let tasks: Vec<_> = (0..publishers)
                .map(|publisher| {
                    let bench = bench.clone();
                    tokio::spawn(async move {
                        for start in (0..each).step_by(many) {
                            let ids = (start..(start + many).min(each)).map(|n| publisher * each + n);
                            let outcomes = bench.topic.publish(ids.map(message).collect(), DEADLINE).await;
                            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let published = began.elapsed();
            bench.handled(each * publishers).await;
            let handled = began.elapsed();
            println!(
                "{name:<8} {publishers:>2} publishers, {many:>3} at once: {:>8.0} published/s, {:>8.0} handled/s",
                events as f64 / published.as_secs_f64(),
                events as f64 / handled.as_secs_f64()
            );
            bench.stop.cancel();
        });
    }
}

/// What a publication costs beside a thousand subscriptions that do not want it: CPU of this process, on memory.
pub fn fan_out() {
    const EVENTS: usize = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cost = |others| {
        runtime.block_on(async {
            let bench = Bench::new(Arc::new(memory::Engine::new(Arc::new(RealClock))), others);
            bench.stop.cancel();
            tokio::task::yield_now().await;
            let began = cpu_time();
            for id in 0..EVENTS {
                bench.topic.publish(vec![message(id)], DEADLINE).await.pop().unwrap().unwrap();
            }
            (cpu_time() - began).as_secs_f64() * 1e6 / EVENTS as f64
        })
    };
    let mut ratios = vec![];
    let (mut alone, mut many) = (vec![], vec![]);
    for _ in 0..7 {
        let (one, other) = (cost(0), cost(1000));
        ratios.push(other / one);
        alone.push(one);
        many.push(other);
    }
    println!(
        "\na publication (in memory): {:.2} us of CPU; beside 1,000 subscriptions that do not match: {:.2} us, ratio {:.3}",
        crate::median(alone),
        crate::median(many),
        crate::median(ratios)
    );
}

fn cpu_time() -> Duration {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(usage.tv_sec).unwrap(), u32::try_from(usage.tv_nsec).unwrap())
}

/// Memory of a process with a million queued events on the disk, above that of one with none.
pub fn backlog() {
    const EVENTS: usize = 1_000_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir_in(".").unwrap();
        let disk = Arc::new(FileDisk::new(folder.path().join("bench.redb")));
        let options = embedded::Options::default();
        let engine = embedded::Engine::new(disk, Arc::new(RealClock), Arc::new(Unobserved), options);
        engine.open().await.unwrap();
        let bench = Bench::new(Arc::new(engine.clone()), 0);
        bench.stop.cancel();
        tokio::task::yield_now().await;
        let idle = resident();
        for start in (0..EVENTS).step_by(1000) {
            let outcomes = bench.topic.publish((start..start + 1000).map(message).collect(), DEADLINE).await;
            assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes[0]);
        }
        let queued = resident();
        println!(
            "\na million queued events on disk: {:.1} MiB of memory above idle",
            (queued - idle) as f64 / 1024.0
        );
        engine.close().await;
    });
}

fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
