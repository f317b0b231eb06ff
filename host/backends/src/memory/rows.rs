//! The records of an engine in memory, with their expiries and what accounts hold.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    ops::Bound,
};

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Record, Span, Version, account},
};
use rpds::RedBlackTreeMapSync;

/// A map that is copied in no time: a copy shares all that is not changed later.
pub(super) type Records = RedBlackTreeMapSync<Bytes, Record>;

/// What a record takes beside its bytes: nodes, counts and the index of expiries. Without it a million small
/// records would take several times what they are counted for.
pub(super) const ENTRY: u64 = 320;

#[derive(Default)]
pub(crate) struct Rows {
    pub(super) records: Records,
    pub(super) expiries: BTreeSet<(Timestamp, Bytes)>,
    pub(super) usage: HashMap<Bytes, u64>,
    number: u64,
    /// Whether the commit at hand has changed anything.
    pub(crate) changed: bool,
}

impl crate::judge::Rows for Rows {
    type Error = Infallible;

    fn live_version(&self, key: &[u8], now: Timestamp) -> Result<Option<Version>, Infallible> {
        Ok(self.records.get(key).filter(|record| record.is_live(now)).map(|record| record.version))
    }

    fn list(
        &self,
        span: &Span,
        now: Timestamp,
        more: &mut dyn FnMut(&[u8], Version) -> bool,
    ) -> Result<(), Infallible> {
        if span.end.as_ref().is_some_and(|end| *end <= span.start) {
            return Ok(());
        }
        let end = span.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.records.range::<[u8], _>((Bound::Included(&*span.start), end));
        for (key, record) in range.filter(|(_, record)| record.is_live(now)) {
            if !more(key, record.version) {
                break;
            }
        }
        Ok(())
    }

    fn record(&self, key: &[u8]) -> Result<Option<Record>, Infallible> {
        Ok(self.records.get(key).cloned())
    }

    fn size(key: &[u8], record: &Record) -> u64 {
        let media_type = record.media_type.as_ref().map_or(0, |text| text.len());
        ENTRY + (key.len() + media_type + record.value.len()) as u64
    }

    fn stored_size(&self, key: &[u8]) -> Result<u64, Infallible> {
        Ok(self.records.get(key).map_or(0, |record| Self::size(key, record)))
    }

    fn used(&self, account: &[u8]) -> Result<u64, Infallible> {
        Ok(self.usage.get(account).copied().unwrap_or(0))
    }

    fn write(&mut self, key: &Bytes, record: Option<&Record>) -> Result<(), Infallible> {
        self.replace(key, record);
        Ok(())
    }

    fn sweep(&mut self, now: Timestamp, limit: usize) -> Result<usize, Infallible> {
        for swept in 0..limit {
            let Some((_, due)) = self.expiries.first().filter(|(at, _)| *at <= now) else { return Ok(swept) };
            let key = due.clone();
            self.replace(&key, None);
        }
        Ok(limit)
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn set_number(&mut self, number: u64) {
        self.number = number;
        self.changed = true;
    }

    fn is_changed(&self) -> bool {
        self.changed
    }
}

impl Rows {
    fn replace(&mut self, key: &Bytes, record: Option<&Record>) {
        let old =
            self.records.get(key).map(|old| (old.expires_at, <Self as crate::judge::Rows>::size(key, old)));
        if old.is_none() && record.is_none() {
            return;
        }
        self.changed = true;
        let (expiry, freed) = old.unwrap_or_default();
        if let Some(at) = expiry {
            self.expiries.remove(&(at, key.clone()));
        }
        let mut taken = 0;
        match record {
            Some(record) => {
                taken = <Self as crate::judge::Rows>::size(key, record);
                // A copy, as the key may be a part of something larger. (The engine has seen to the value.)
                let key = Bytes::copy_from_slice(key);
                if let Some(at) = record.expires_at {
                    self.expiries.insert((at, key.clone()));
                }
                self.records.insert_mut(key, record.clone());
            }
            None => _ = self.records.remove_mut(key),
        }
        self.charge(account(key), freed, taken);
    }

    fn charge(&mut self, account: &[u8], freed: u64, taken: u64) {
        match self.usage.get_mut(account) {
            Some(used) => {
                *used = used.saturating_sub(freed).saturating_add(taken);
                if *used == 0 {
                    self.usage.remove(account);
                }
            }
            None => _ = self.usage.insert(Bytes::copy_from_slice(account), taken),
        }
    }
}
