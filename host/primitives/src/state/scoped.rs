//! Keeps the keys of one space apart from all others, by a prefix that nobody above sees.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{Abilities, Applied, Error, Failure, Item, Key, Listing, Page, Range, Step, Store};
use crate::{commit::Engine, name};

/// A store in which every key begins with the space's prefix.
///
/// The prefix is made of names, which hold neither a slash nor an at sign, so that no two spaces
/// have prefixes of which one begins with the other, whatever keys are used in them.
pub struct Scoped<S: ?Sized> {
    prefix: String,
    inner: Arc<S>,
}

/// The space of the keys that one component has in its own `store`.
#[must_use]
pub fn private_scope(app: &name::App, component: &name::Component, store: &name::Store) -> String {
    format!("{app}/state/{store}@{component}/")
}

/// The space of the keys in a `store` that components of the app share.
#[must_use]
pub fn shared_scope(app: &name::App, store: &name::Store) -> String {
    format!("{app}/state/{store}/")
}

impl<S: Store + ?Sized> Scoped<S> {
    /// `scope` is that of [`private_scope`] or [`shared_scope`]. It is also the account of the keys.
    pub fn new(inner: Arc<S>, scope: String) -> Self {
        Self { prefix: scope, inner }
    }

    fn within(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }

    fn key(&self, key: &Key) -> Key {
        Key::unchecked(self.within(key.as_str()))
    }

    fn without(&self, key: &Key) -> Key {
        // The scan was restricted to the prefix, so every key has it.
        Key::unchecked(key.as_str().strip_prefix(&self.prefix).unwrap_or_default().to_owned())
    }
}

impl<S: Store + ?Sized> fmt::Debug for Scoped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scoped({:?}, {:?})", self.prefix, self.inner)
    }
}

impl<S: Store + ?Sized> fmt::Display for Scoped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under {}", self.inner, self.prefix)
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for Scoped<S> {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        self.inner.get(&self.key(key)).await
    }

    async fn peek(&self, key: &Key) -> Result<Option<Item>, Error> {
        self.inner.peek(&self.key(key)).await
    }

    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Store> {
        Arc::new(Scoped::new(self.inner.over(engine), self.prefix.clone()))
    }

    async fn scan(&self, range: &Range, page: Page) -> Result<Listing, Error> {
        let within = Range {
            prefix: self.within(&range.prefix),
            start: range.start.as_deref().map(|key| self.within(key)),
            end: range.end.as_deref().map(|key| self.within(key)),
            after: range.after.as_deref().map(|key| self.within(key)),
            reverse: range.reverse,
        };
        let mut listing = self.inner.scan(&within, page).await?;
        for (key, _) in &mut listing.entries {
            *key = self.without(key);
        }
        Ok(listing)
    }

    async fn apply(&self, mut steps: Vec<Step>) -> Result<Vec<Applied>, Failure> {
        for step in &mut steps {
            step.key = self.key(&step.key);
        }
        self.inner.apply(steps).await
    }
}
