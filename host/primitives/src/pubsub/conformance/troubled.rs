//! An engine that does what it is told and says that it does not know.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;

use crate::commit::{Batch, Committed, Engine, Error, Snapshot};

/// What happens to the next commits.
#[derive(Debug)]
pub(super) struct Troubled {
    inner: Arc<dyn Engine>,
    /// They happen, and are answered with an error.
    unknown: AtomicU32,
    /// They happen, and are not answered.
    silent: AtomicU32,
}

impl Troubled {
    pub(super) fn new(inner: Arc<dyn Engine>) -> Arc<Self> {
        Arc::new(Self { inner, unknown: AtomicU32::new(0), silent: AtomicU32::new(0) })
    }

    pub(super) fn answer_unknown(&self, commits: u32) {
        self.unknown.store(commits, Ordering::Relaxed);
    }

    pub(super) fn stay_silent(&self, commits: u32) {
        self.silent.store(commits, Ordering::Relaxed);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed) == 0
    }
}

fn is_next(count: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}

impl fmt::Display for Troubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "troubled {}", self.inner)
    }
}

#[async_trait]
impl Engine for Troubled {
    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, Error> {
        let committed = self.inner.commit(batch).await;
        if is_next(&self.silent) {
            std::future::pending::<()>().await;
        }
        match is_next(&self.unknown) {
            true => Err(Error::Unknown("as told".into())),
            false => committed,
        }
    }
}
