//! Removes a group that nobody takes for any more, with all that it has not settled.

use super::Queue;
use crate::{
    commit::{self, Action, Batch, Budget, Change, Stamp},
    pubsub::layout::{Entry, behind, from, within},
};

/// Entries that are removed in one commit.
const PAGE: usize = 500;

impl Queue {
    /// Gives up the group's part in every event, and forgets the group. How many entries it had. Whoever still takes
    /// from it meanwhile finds them gone.
    ///
    /// # Errors
    /// Those of the engine. What was removed until then is gone.
    pub async fn forget(&self) -> Result<u64, commit::Error> {
        let mut removed = 0;
        for prefix in [self.keys.ready(), self.keys.waiting(), self.keys.leased(), self.keys.lapses()] {
            let mut span = within(&prefix);
            loop {
                let budget = Budget { records: PAGE, bytes: 4 << 20, values: true };
                let (page, more) = self.engine.snapshot().await?.scan(&span, budget).await?;
                let mut changes = vec![];
                for (key, record) in &page {
                    changes.push(Change { key: key.clone(), expect: None, action: Action::Delete });
                    if let (Some(stamp), Some(entry)) = (Stamp::of(key), Entry::decode(&record.value)) {
                        self.release(&mut changes, stamp, &entry, self.version());
                    }
                }
                // What notes when entries lapse is none itself.
                removed += if prefix == self.keys.lapses() { 0 } else { page.len() as u64 };
                self.engine.commit(Batch { changes, ..Batch::default() }).await?;
                match page.last() {
                    Some((last, _)) if more => span = from(&prefix, behind(last)),
                    _ => break,
                }
            }
        }
        let changes = vec![Change { key: self.keys.known(), expect: None, action: Action::Delete }];
        self.engine.commit(Batch { changes, ..Batch::default() }).await?;
        self.room.notify_waiters();
        Ok(removed)
    }
}
