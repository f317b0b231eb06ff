//! A subscription: the queues of one group on its topics, as one source.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::queue::{Delivery, Queue};
use crate::{
    clock::Timestamp,
    commit::{self, Engine},
    delivery::{Outcome, Settled, Source},
};

/// The queues of one group. None of its topics can starve another.
#[derive(Debug)]
pub struct Group {
    queues: Vec<Queue>,
    /// Which queue is asked first.
    turn: AtomicUsize,
    changed: Arc<Notify>,
}

impl Group {
    /// `changed` is what the queues were made with.
    #[must_use]
    pub fn new(queues: Vec<Queue>, changed: Arc<Notify>) -> Self {
        Self { queues, turn: AtomicUsize::new(0), changed }
    }

    /// Settles what a process that has ended had leased.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn recover(&self) -> Result<(), commit::Error> {
        for queue in &self.queues {
            queue.recover().await?;
        }
        Ok(())
    }
}

/// A delivery, and the queue that it is from.
#[derive(Debug, Clone)]
pub struct Taken {
    queue: usize,
    pub delivery: Delivery,
}

#[async_trait]
impl Source for Group {
    type Item = Taken;

    async fn take(&self, max: usize) -> Result<Vec<Taken>, commit::Error> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut taken = vec![];
        for queue in (0..self.queues.len()).map(|index| (first + index) % self.queues.len()) {
            if taken.len() >= max {
                break;
            }
            match self.queues[queue].take(max - taken.len()).await {
                Ok(found) => taken.extend(found.into_iter().map(|delivery| Taken { queue, delivery })),
                // What is leased already is to be worked on.
                Err(_) if !taken.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    async fn settle(&self, item: &Taken, outcome: Outcome) -> Result<Settled, commit::Error> {
        self.queues[item.queue].settle(&item.delivery, outcome).await
    }

    async fn settle_over(&self, engine: &Arc<dyn Engine>, item: &Taken) -> Result<Settled, commit::Error> {
        self.queues[item.queue].settle_over(engine, &item.delivery).await
    }

    fn weight(&self, item: &Taken) -> usize {
        usize::try_from(item.delivery.event.event.size()).unwrap_or(usize::MAX)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, commit::Error> {
        let mut first = None;
        for queue in &self.queues {
            first = first.into_iter().chain(queue.next_due().await?).min();
        }
        Ok(first)
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }
}
