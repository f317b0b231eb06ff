//! Which keys are being worked on in this process, so that a request that is sent again too early is refused at once.
//!
//! Between processes on one engine, the commit tells: of two answers, one is the first.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

/// The keys in flight on one engine: tenants, whose engines are not the same, have a guard each. Holds as many keys as
/// requests are running, whose number is bounded elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Guard(Arc<Mutex<HashSet<Bytes>>>);

impl Guard {
    /// Takes the key, which [`Scope::record`](super::Scope::record) makes, until the result is dropped; `None` if
    /// somebody has it.
    #[must_use]
    pub fn enter(&self, key: &Bytes) -> Option<InFlight> {
        self.lock().insert(key.clone()).then(|| InFlight { guard: self.clone(), key: key.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is taken.
#[derive(Debug)]
#[must_use = "dropping it lets the next request with this key in"]
pub struct InFlight {
    guard: Guard,
    key: Bytes,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.guard.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_once_and_given_back() {
        let guard = Guard::default();
        let first = guard.enter(&"a".into());
        assert!(first.is_some());
        assert!(guard.clone().enter(&"a".into()).is_none(), "a clone knows it, too");
        assert!(guard.enter(&"a".into()).is_none(), "a refused one gives back nothing");
        assert!(guard.enter(&"b".into()).is_some(), "another key is free");
        drop(first);
        assert!(guard.enter(&"a".into()).is_some());
        assert!(guard.lock().is_empty(), "nothing is left");
    }

    #[test]
    fn of_many_at_once_one_enters() {
        let guard = Guard::default();
        let entered: Vec<_> = std::thread::scope(|scope| {
            let threads = [(); 8].map(|()| scope.spawn(|| guard.enter(&"a".into())));
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(entered.len(), 1);
    }
}
