//! A database is open while it is used, and closed when it is not.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_backends::embedded::{Engine, FileDisk, Options};
use mecha_primitives::{
    clock::ManualClock,
    commit::{Action, Batch, Change, Engine as _, Record, Unobserved, Version},
    identity::CallId,
};

fn put(n: u32) -> Batch {
    let version = Version::new(CallId(1), 1, n);
    let record = Record { version, expires_at: None, media_type: None, value: Bytes::from_static(b"v") };
    let change = Change { key: format!("a/state/s/{n}").into(), expect: None, action: Action::Put(record) };
    Batch { changes: vec![change], ..Batch::default() }
}

/// Whether another may open the file, which has a lock for as long as it is open.
fn is_closed(path: &std::path::Path) -> bool {
    std::fs::File::open(path).unwrap().try_lock().is_ok()
}

#[tokio::test]
async fn an_idle_database_is_closed_and_opened_again_at_the_next_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    let clock = Arc::new(ManualClock::default());
    let options = Options { idle: Duration::from_secs(60), ..Options::default() };
    let disk = Arc::new(FileDisk::new(path.clone()));
    let engine = Engine::new(disk, clock.clone(), Arc::new(Unobserved), options);
    assert!(!path.exists(), "nothing is opened before it is used");
    for round in 0..3 {
        engine.commit(put(round)).await.unwrap();
        assert!(!is_closed(&path));
        clock.advance(Duration::from_secs(61));
        mecha_tests::host::until("the idle database is closed", || is_closed(&path));
        assert_eq!(engine.usage().unwrap(), None, "asking for the usage does not open it");
        assert!(is_closed(&path));
    }
    let snapshot = engine.snapshot().await.unwrap();
    for round in 0..3 {
        assert!(snapshot.get(format!("a/state/s/{round}").as_bytes()).await.unwrap().is_some());
    }
    drop(snapshot);
    engine.close().await;
    assert!(engine.commit(put(9)).await.is_err(), "what is closed stays closed");
}
