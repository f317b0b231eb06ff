//! Tasks that are polled one at a time, in an order that is drawn by lot.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use rand::{RngExt as _, rngs::StdRng};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a task lives: those of the host end with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Host,
    Outside,
}

/// Begins tasks. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Spawner(Arc<Mutex<Vec<(Place, Task)>>>);

impl Spawner {
    pub(super) fn spawn(&self, place: Place, task: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap().push((place, Box::pin(task)));
    }
}

#[derive(Default)]
pub(super) struct Scheduler {
    tasks: Vec<Running>,
    spawner: Spawner,
}

struct Running {
    place: Place,
    task: Task,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Scheduler {
    pub(super) fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Polls one of the tasks that can go on. Whether there was one.
    pub(super) fn step(&mut self, rng: &mut StdRng) -> bool {
        for (place, task) in mem::take(&mut *self.spawner.0.lock().unwrap()) {
            self.tasks.push(Running { place, task, woken: Arc::new(Woken(AtomicBool::new(true))) });
        }
        let is_ready = |index: &usize| self.tasks[*index].woken.0.load(Ordering::Relaxed);
        let ready: Vec<_> = (0..self.tasks.len()).filter(is_ready).collect();
        if ready.is_empty() {
            return false;
        }
        let index = ready[rng.random_range(0..ready.len())];
        let running = &mut self.tasks[index];
        running.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(running.woken.clone());
        if running.task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.tasks.swap_remove(index));
        }
        true
    }

    /// Ends the tasks of a place, wherever they are.
    pub(super) fn end(&mut self, place: Place) {
        // What a task begins while it is dropped ends with it.
        loop {
            let spawned = mem::take(&mut *self.spawner.0.lock().unwrap());
            let (ended, others): (Vec<_>, _) = spawned.into_iter().partition(|(other, _)| *other == place);
            self.spawner.0.lock().unwrap().splice(0..0, others);
            let running = self.tasks.extract_if(.., |running| running.place == place).collect::<Vec<_>>();
            if ended.is_empty() && running.is_empty() {
                return;
            }
        }
    }
}

/// Lets others go first.
pub(super) async fn pause() {
    let mut has_waited = false;
    poll_fn(move |cx| {
        if mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What is ready at once.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}
