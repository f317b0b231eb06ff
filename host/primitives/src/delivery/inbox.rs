//! What an atomic call has consumed of a source that is not on the engine: a mark in the call's own commit, by which the
//! same input is recognized when it comes again.

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    commit::{self, Action, Batch, Change, Engine, Expect, Record, Version},
    name,
};

/// The key of an input's mark. The id is hashed: whoever sends the input has chosen it.
#[must_use]
pub fn mark(app: &name::App, input: &name::Binding, id: &str) -> Bytes {
    format!("{app}/inbox/{input}/{}", blake3::hash(id.as_bytes()).to_hex()).into()
}

/// Marks an input as consumed; `false` if it was before.
///
/// # Errors
/// The engine's.
pub async fn consume(
    engine: &dyn Engine,
    mark: &Bytes,
    expires_at: Timestamp,
    version: Version,
) -> Result<bool, commit::Error> {
    let record = Record { version, expires_at: Some(expires_at), media_type: None, value: Bytes::new() };
    let change = Change { key: mark.clone(), expect: Some(Expect::Absent), action: Action::Put(record) };
    match engine.commit(Batch { changes: vec![change], ..Batch::default() }).await {
        Ok(_) => Ok(true),
        Err(commit::Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes a mark away: the input is gone, and will not come again.
///
/// # Errors
/// The engine's.
pub async fn forget(engine: &dyn Engine, mark: &Bytes) -> Result<(), commit::Error> {
    let change = Change { key: mark.clone(), expect: None, action: Action::Delete };
    engine.commit(Batch { changes: vec![change], ..Batch::default() }).await.map(drop)
}
