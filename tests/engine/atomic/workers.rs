//! Attempts at what is leased, as the host's triggers make them: of an atomic component, the settlement is in the call's
//! own commit.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mecha_primitives::{
    clock::{Clock as _, Timestamp},
    commit,
    delivery::{
        Outcome, Settled, Source,
        pump::{Attempts, Ended},
    },
    jobs,
    pubsub::group::Taken,
};
use rand::RngExt as _;
use tokio::sync::oneshot;

use super::{
    bug::Bug,
    host::{Before, Came, Handler, Host, Leased, Occasion},
    interpreter::{again, lock},
    scheduler::Place,
};

/// Attempts at an event or a run of a job.
pub(super) const ATTEMPTS: u32 = 4;

/// What tells one item from another, to the judges.
pub(super) trait Item: Clone + Send + Sync + 'static {
    fn trigger(&self, group: usize) -> String;
    fn attempt(&self) -> u32;
    /// A number of its own, and how many events led to it.
    fn input(&self) -> (u64, usize);
    /// The event that it is.
    fn event(&self) -> Option<(usize, String)>;
}

impl Item for Taken {
    fn trigger(&self, group: usize) -> String {
        format!("e:{group}:{}", self.delivery.event.event.id())
    }

    fn attempt(&self) -> u32 {
        self.delivery.attempt
    }

    fn input(&self) -> (u64, usize) {
        let mut parts = self.delivery.event.event.id().split('-').skip(1);
        let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let depth = next();
        (next() as u64, depth)
    }

    fn event(&self) -> Option<(usize, String)> {
        let id = self.delivery.event.event.id();
        Some((id.split('-').next()?.parse().ok()?, id.to_owned()))
    }
}

impl Item for jobs::Item {
    fn trigger(&self, _: usize) -> String {
        let data = String::from_utf8_lossy(&self.data);
        format!("t:{} {data}:{}", self.job, self.due.0)
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn input(&self) -> (u64, usize) {
        let depth =
            std::str::from_utf8(&self.data).ok().and_then(|text| text.split_once(' ')?.0.parse().ok());
        (self.due.0, depth.unwrap_or(0))
    }

    fn event(&self) -> Option<(usize, String)> {
        None
    }
}

/// Who works on a source.
pub(super) struct Worker<S> {
    pub(super) host: Arc<Host>,
    pub(super) source: Arc<S>,
    pub(super) group: usize,
    pub(super) component: usize,
    pub(super) handler: Handler,
}

impl<S: Source<Item: Item>> Worker<S> {
    fn occasion(&self, items: &[S::Item]) -> Occasion {
        let mut world = lock(&self.host.world);
        // Some outlive their lease.
        let is_late = !world.is_calm && world.rng.random_bool(0.08);
        let seconds = if is_late { world.rng.random_range(4..12) } else { 2 };
        Occasion {
            component: self.component,
            handler: self.handler,
            inputs: items.iter().map(Item::input).collect(),
            triggers: items.iter().map(|item| item.trigger(self.group)).collect(),
            deadline: self.host.clock.now() + Duration::from_secs(seconds),
        }
    }

    /// One call for all of the items.
    async fn call(&self, items: &[S::Item]) -> Vec<Ended> {
        let occasion = self.occasion(items);
        let leased = Leased { source: &*self.source, items, bug: self.host.bug };
        match self.host.transact(&occasion, &leased).await {
            Came::Committed(_) if self.host.bug == Some(Bug::SettledApart) => {
                vec![Outcome::Done.into(); items.len()]
            }
            Came::Committed(_) => vec![Ended::Settled(Settled::Done); items.len()],
            Came::Before(Before::Stale(index)) => {
                let mut ended = vec![Ended::from(Outcome::Returned); items.len()];
                ended[index] = Ended::Settled(Settled::Stale);
                ended
            }
            Came::Before(Before::Replay(_)) => unreachable!("what is leased has no key"),
            Came::Failed(why) => vec![again(&why).into(); items.len()],
        }
    }

    /// One call for all, and one for each if that failed.
    async fn together(&self, items: &[S::Item]) -> Vec<Ended> {
        let ended = self.call(items).await;
        let is_settled =
            |ended: &Ended| matches!(ended, Ended::Settled(_) | Ended::Outcome(Outcome::Returned));
        if items.len() == 1 || ended.iter().any(is_settled) {
            return ended;
        }
        let mut singly = vec![];
        for item in items {
            singly.extend(self.call(std::slice::from_ref(item)).await);
        }
        singly
    }

    async fn plainly(&self, items: &[S::Item]) -> Vec<Ended> {
        let mut ended = vec![];
        for item in items {
            let occasion = self.occasion(std::slice::from_ref(item));
            let outcome = match self.host.plain(&occasion, item.input()).await {
                Ok(()) => {
                    let mine = item.event().map(|(_, id)| (self.group, id));
                    lock(&self.host.world).worked.extend(mine);
                    Outcome::Done
                }
                Err(why) => again(&why),
            };
            ended.push(outcome.into());
        }
        ended
    }
}

#[async_trait]
impl<S: Source<Item: Item>> Attempts<S::Item> for Worker<S> {
    type Permit = ();

    async fn permit(&self) {}

    fn free_permit(&self) -> Option<()> {
        Some(())
    }

    /// In a task of its own, so that others may go first at any time.
    async fn attempt(&self, items: &[S::Item], (): ()) -> Vec<Ended> {
        {
            let mut world = lock(&self.host.world);
            for item in items {
                world.begins(&item.trigger(self.group), item.attempt() >= ATTEMPTS);
                world.seen.extend(item.event());
            }
        }
        let (tell, told) = oneshot::channel();
        let (worker, items) = (self.clone(), items.to_vec());
        let is_atomic = self.host.app[self.component].atomic;
        self.host.spawner.spawn(Place::Host, async move {
            let ended = match is_atomic {
                true => worker.together(&items).await,
                false => worker.plainly(&items).await,
            };
            _ = tell.send(ended);
        });
        told.await.unwrap_or_default()
    }

    fn settled(&self, item: &S::Item, _: &Outcome, settled: &Settled) {
        lock(&self.host.world).settled(&item.trigger(self.group), item.attempt(), settled);
    }

    fn hindered(&self, error: &commit::Error) {
        lock(&self.host.world).trace.push(format!("hindered: {error}"));
    }
}

impl<S> Clone for Worker<S> {
    fn clone(&self) -> Self {
        let Self { host, source, .. } = self;
        Self { host: host.clone(), source: source.clone(), ..*self }
    }
}

/// A client of one request after the other, each of which it sends until it is answered.
pub(super) async fn client(
    host: impl Fn() -> Option<Arc<Host>> + Send + Sync + 'static,
    spawner: super::scheduler::Spawner,
    component: usize,
    key: String,
    (world, clock): (Arc<std::sync::Mutex<super::world::World>>, Arc<mecha_primitives::clock::ManualClock>),
) {
    let (mut tries, mut again) = (0, lock(&world).rng.random_range(0..3_u32));
    loop {
        tries += 1;
        if let Some(host) = host() {
            let (tell, told) = oneshot::channel();
            let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
            let name = key.clone();
            let at_once = tell.clone();
            spawner.spawn(Place::Host, async move {
                let say = |token| _ = at_once.lock().unwrap().take().map(|tell| tell.send(token));
                let closed = poll_closed(&at_once);
                let token = tokio::select! {
                    biased;
                    token = host.request(component, &name, &say) => token,
                    () = closed => None,
                };
                token.into_iter().for_each(say);
                // Without an answer the connection is closed.
                drop(at_once.lock().unwrap().take());
            });
            drop(tell);
            let patience = {
                let mut world = lock(&world);
                let is_hasty = !world.is_calm && world.rng.random_bool(0.1);
                if is_hasty { world.rng.random_range(0..800) } else { 20_000 }
            };
            let until: Timestamp = clock.now() + Duration::from_millis(patience);
            let answer = tokio::select! {
                biased;
                answer = told => answer.ok(),
                () = clock.sleep_until(until) => None,
            };
            if let Some(token) = answer {
                lock(&world).answered(&key, token);
                if again == 0 {
                    return;
                }
                again -= 1;
            }
        }
        if tries > 12 {
            return;
        }
        let wait = lock(&world).rng.random_range(50..700);
        clock.sleep_until(clock.now() + Duration::from_millis(wait)).await;
    }
}

/// Ends when nobody waits for the answer any more.
async fn poll_closed(tell: &std::sync::Mutex<Option<oneshot::Sender<u64>>>) {
    std::future::poll_fn(|cx| match &mut *tell.lock().unwrap() {
        Some(tell) => tell.poll_closed(cx),
        None => std::task::Poll::Pending,
    })
    .await;
}
