//! The laws of an engine and of state in it, and what is memory's own.

use std::time::Duration;

use mecha_primitives::{
    clock::ManualClock,
    commit::{Action, Change, Engine as _, Quota, Version, conformance},
    idempotency,
    identity::CallId,
    jobs, pubsub, state, unit,
};

use super::{super::rows::ENTRY, *};

struct Memory {
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
}

impl Memory {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        Self { engine: Arc::new(Engine::new(clock.clone())), clock }
    }

    /// Puts a value that expires after a second, within a quota.
    async fn put(&self, key: &str, value: Bytes, max_bytes: u64) -> Result<Committed, Error> {
        let expires_at = Some(self.clock.now() + Duration::from_secs(1));
        let record = Record { version: Version::new(CallId(1), 1, 1), expires_at, media_type: None, value };
        let change = Change { key: key.to_owned().into(), expect: None, action: Action::Put(record) };
        let quota = Quota { account: "app/state/s/".into(), max_bytes };
        self.engine.commit(Batch { changes: vec![change], quotas: vec![quota], ..Batch::default() }).await
    }
}

impl conformance::Fixture for Memory {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.engine.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What it keeps does not outlive it.
    async fn reopen(&self) {}
}

impl state::conformance::Fixture for Memory {
    fn store(&self) -> Arc<dyn state::Store> {
        Arc::new(state::Records::new(self.engine.clone(), self.clock.clone()))
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

mod laws {
    mecha_primitives::commit_conformance!(super::Memory::new());
}

mod laws_of_state {
    mecha_primitives::state_conformance!(super::Memory::new());
}

impl pubsub::conformance::Fixture for Memory {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.engine.clone()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

impl jobs::conformance::Fixture for Memory {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.engine.clone()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

impl idempotency::conformance::Fixture for Memory {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.engine.clone()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

mod laws_of_topics {
    mecha_primitives::pubsub_conformance!(super::Memory::new());
}

mod laws_of_jobs {
    mecha_primitives::jobs_conformance!(super::Memory::new());
}

mod laws_of_answers {
    mecha_primitives::idempotency_conformance!(super::Memory::new());
}

impl unit::conformance::Fixture for Memory {
    fn engine(&self) -> Arc<dyn commit::Engine> {
        self.engine.clone()
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }
}

mod laws_of_outboxes {
    mecha_primitives::deferred_conformance!(super::Memory::new());
}

mod laws_of_units {
    mecha_primitives::unit_conformance!(super::Memory::new());
}

#[tokio::test]
async fn what_has_expired_makes_room_and_leaves_nothing() {
    const MAX: u64 = 10 * (ENTRY + 100);
    let memory = Memory::new();
    for round in 0..3 {
        for index in 0..10 {
            memory.put(&format!("app/state/s/{round}{index}"), vec![0; 86].into(), MAX).await.unwrap();
        }
        let refused = memory.put("app/state/s/one-more", Bytes::new(), MAX).await;
        assert!(matches!(refused, Err(Error::Quota { max_bytes: MAX, .. })), "{refused:?}");
        memory.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(memory.engine.usage().values().sum::<u64>(), MAX);
    memory.engine.snapshot().await.unwrap();
    let rows = memory.engine.lock();
    assert_eq!((rows.records.size(), rows.expiries.len(), rows.usage.len()), (0, 0, 0));
}

#[tokio::test]
async fn a_record_keeps_nothing_else_alive() {
    let memory = Memory::new();
    let large = Bytes::from(vec![b'7'; 1 << 20]);
    let record = |expires_at| Record {
        version: Version::new(CallId(1), 1, 1),
        expires_at,
        media_type: None,
        value: large.slice(..10),
    };
    let actions = [
        Action::Put(record(Some(Timestamp(u64::MAX)))),
        Action::Append { ordinal: 0, record: record(None) },
        Action::Add { delta: 1, expires_at: None, version: Version::new(CallId(1), 1, 2), told: true },
    ];
    let changes = actions.into_iter().zip(1..).map(|(action, len)| Change {
        key: large.slice(..len),
        expect: None,
        action,
    });
    memory.engine.commit(Batch { changes: changes.collect(), ..Batch::default() }).await.unwrap();
    assert_eq!(memory.engine.lock().records.size(), 3);
    assert!(large.is_unique(), "a record holds on to what its key or its value was cut from");
}
