//! Refuses what is larger than the documented limits, before it reaches a backend.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{
    Abilities, Action, Applied, Error, Failure, Item, Key, Listing, MAX_KEY, MAX_PAGE, MAX_STEPS, MAX_VALUES,
    Page, Range, Step, Store,
};
use crate::commit::Engine;

/// The limits of one store. (Those of keys and pages are the same for all.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest value, in bytes.
    pub value: u64,
    /// The most bytes of values in one transaction.
    pub transaction: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { value: 4 << 20, transaction: MAX_VALUES as u64 }
    }
}

/// A store that takes nothing larger than its [`Limits`].
#[derive(Debug)]
pub struct Limited<S: ?Sized> {
    limits: Limits,
    inner: Arc<S>,
}

impl<S: Store + ?Sized> Limited<S> {
    pub fn new(inner: Arc<S>, limits: Limits) -> Self {
        Self { limits, inner }
    }

    fn check(&self, steps: &[Step]) -> Result<(), Failure> {
        if steps.len() > MAX_STEPS {
            let message =
                format!("a transaction has at most {MAX_STEPS} steps; this one has {}", steps.len());
            return Err(Error::InvalidArgument(message).into());
        }
        let mut total = 0_u64;
        for (index, step) in steps.iter().enumerate() {
            if let Action::Set { value, content_type, .. } = &step.action {
                if value.len() as u64 > self.limits.value {
                    return Err(Failure::Step(index, Error::TooLarge(self.limits.value)));
                }
                if content_type.as_ref().is_some_and(|text| text.len() > 255) {
                    let message = "a content type has at most 255 bytes".into();
                    return Err(Failure::Step(index, Error::InvalidArgument(message)));
                }
                total += value.len() as u64;
            }
        }
        if total > self.limits.transaction.max(self.limits.value) {
            return Err(Error::TooLarge(self.limits.transaction).into());
        }
        Ok(())
    }
}

impl<S: Store + ?Sized> fmt::Display for Limited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for Limited<S> {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        self.inner.get(key).await
    }

    async fn peek(&self, key: &Key) -> Result<Option<Item>, Error> {
        self.inner.peek(key).await
    }

    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Store> {
        Arc::new(Limited::new(self.inner.over(engine), self.limits))
    }

    async fn scan(&self, range: &Range, page: Page) -> Result<Listing, Error> {
        if page.limit == 0 || page.limit > MAX_PAGE as usize {
            let message = format!("a page has 1 to {MAX_PAGE} entries, not {}", page.limit);
            return Err(Error::InvalidArgument(message));
        }
        let texts = [Some(&range.prefix), range.start.as_ref(), range.end.as_ref(), range.after.as_ref()];
        if texts.into_iter().flatten().any(|text| text.len() > MAX_KEY) {
            return Err(Error::TooLarge(MAX_KEY as u64));
        }
        self.inner.scan(range, page).await
    }

    async fn apply(&self, steps: Vec<Step>) -> Result<Vec<Applied>, Failure> {
        self.check(&steps)?;
        self.inner.apply(steps).await
    }
}
