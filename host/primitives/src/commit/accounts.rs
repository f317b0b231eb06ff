//! Which accounts there are, without reading what is in them.

use bytes::Bytes;

use super::{Budget, Error, Snapshot, Span, account};

/// The accounts that have a key from `start` on and before `end`, in order.
///
/// # Errors
/// Those of the engine.
pub async fn accounts(snapshot: &dyn Snapshot, start: Bytes, end: Bytes) -> Result<Vec<Bytes>, Error> {
    let mut accounts = vec![];
    let mut start = start;
    loop {
        let span = Span { start, end: Some(end.clone()), reverse: false };
        let budget = Budget { records: 1, bytes: 4096, values: false };
        let (found, _) = snapshot.scan(&span, budget).await?;
        let Some((key, _)) = found.first() else { return Ok(accounts) };
        let account = account(key);
        // The slash at the account's end is followed by `0`.
        start = [&account[..account.len() - 1], b"0"].concat().into();
        accounts.push(key.slice_ref(account));
    }
}
