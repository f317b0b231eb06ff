//! The laws, and what is memory's own: its bound and its reuse.

use std::time::Duration;

use mecha_primitives::{
    clock::ManualClock,
    identity::CallId,
    state::{Store as _, conformance::Fixture},
};

use super::*;

struct Memory {
    clock: Arc<ManualClock>,
    store: Arc<Store>,
}

impl Memory {
    fn new(max_bytes: Option<u64>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        Self { store: Arc::new(Store::new(clock.clone(), max_bytes)), clock }
    }

    async fn set(&self, key: &str, len: usize, ttl: Option<Duration>) -> Result<(), Failure> {
        let version = Version::new(CallId(1), 1, 1);
        let value = Bytes::from(vec![0; len]);
        let action = Action::Set { value, content_type: None, ttl, version };
        self.store.apply(vec![Step { key: Key::new(key)?, expect: None, action }]).await.map(drop)
    }
}

impl Fixture for Memory {
    fn store(&self) -> Arc<dyn state::Store> {
        self.store.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

mod laws {
    mecha_primitives::state_conformance!(super::Memory::new(None));
}

#[tokio::test]
async fn only_growth_beyond_the_bound_is_refused() {
    let memory = Memory::new(Some(ENTRY + 100));
    memory.set("a", 99, None).await.unwrap();
    for (key, len) in [("a", 100), ("b", 0)] {
        let refused = memory.set(key, len, None).await.unwrap_err();
        assert!(matches!(refused, Failure::Whole(Error::QuotaExceeded(_))), "{refused:?}");
    }
    assert_eq!(memory.store.get(&Key::new("a").unwrap()).await.unwrap().unwrap().value.len(), 99);
    memory.set("a", 99, None).await.unwrap();
    memory.set("a", 50, None).await.unwrap();
    memory.set("b", 48, None).await.unwrap_err();
    let memory = Memory::new(Some(2 * ENTRY + 100));
    memory.set("a", 50, None).await.unwrap();
    memory.set("b", 48, None).await.unwrap();
}

#[tokio::test]
async fn what_has_expired_makes_room() {
    let memory = Memory::new(Some(99 * ENTRY + 10_000));
    let ttl = Some(Duration::from_secs(1));
    for round in 0..3 {
        for index in 0..99 {
            memory.set(&format!("{round}{index:02}"), 97, ttl).await.unwrap();
        }
        memory.clock.advance(Duration::from_secs(1));
    }
    memory.set("all", 98 * usize::try_from(ENTRY).unwrap() + 9_997, None).await.unwrap();
    assert_eq!(memory.store.lock().items.len(), 1);
    assert_eq!(memory.store.lock().expiries.len(), 0);
}
