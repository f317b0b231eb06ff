//! The synchronous core: one open database, without threads, queues or a clock of its own.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{self, Batch, Committed},
};
use redb::{
    Builder, DatabaseError, ReadOnlyTable, ReadableDatabase as _, ReadableTable, StorageError,
    TableDefinition, TableError, WriteTransaction,
};

use super::{boxed::Boxed, disk::Disk, moment::Moment, tables::Tables, unfinished};
use crate::judge::{self, Rows as _};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const EXPIRIES: TableDefinition<'_, &[u8], ()> = TableDefinition::new("expiries");
const USAGE: TableDefinition<'_, &[u8], u64> = TableDefinition::new("usage");
const META: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");
/// One row: the number of the last commit that appended something.
const NUMBERS: TableDefinition<'_, (), u64> = TableDefinition::new("numbers");

/// The version of what the tables hold. A later host reads every earlier one.
const FORMAT: u32 = 1;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0} is in use by another process")]
    InUse(String),
    #[error(
        "{place} was written by a newer version of mecha-host (format {found}, this one reads up to {FORMAT})"
    )]
    Newer { place: String, found: u32 },
    #[error("cannot open {place}: {source}")]
    Io { place: String, source: io::Error },
    #[error("{place} is damaged or no database: {source}")]
    Damaged { place: String, source: redb::Error },
}

/// The storage failed: the database must be opened anew.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Whether the changes may have become durable all the same.
    pub unknown: bool,
    pub why: Arc<str>,
}

impl Broken {
    pub(super) fn before(error: impl Into<redb::Error>) -> Self {
        Self { unknown: false, why: error.into().to_string().into() }
    }
}

impl From<Broken> for commit::Error {
    fn from(broken: Broken) -> Self {
        if broken.unknown { Self::Unknown(broken.why) } else { Self::Unavailable(broken.why) }
    }
}

/// An open database.
pub struct Database {
    /// The records as the last commit left them, which snapshots share. Asking redb for them anew would wait
    /// for a sync whenever redb is making the file larger. (Held for a clone, so a std mutex is right. Before
    /// `inner`, since it is to be dropped first.)
    newest: Mutex<Arc<Records>>,
    inner: redb::Database,
    /// Whether a write was refused because the disk is full.
    full: Arc<AtomicBool>,
}

pub(super) type Records = ReadOnlyTable<&'static [u8], &'static [u8]>;

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    /// Opens what is on `disk`, or begins a new database there.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way. What is there is never overwritten.
    pub fn open(disk: &dyn Disk, cache_bytes: usize) -> Result<Self, OpenError> {
        let place = disk.to_string();
        let full = Arc::new(AtomicBool::new(false));
        let backend = disk.open().map_err(|source| OpenError::Io { place: place.clone(), source })?;
        unfinished::clear(&*backend).map_err(|source| OpenError::Io { place: place.clone(), source })?;
        let inner = Builder::new()
            .set_cache_size(cache_bytes)
            .create_with_backend(Boxed { inner: backend, full: full.clone() })
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(place.clone()),
                DatabaseError::Storage(StorageError::Io(source))
                    if source.kind() != io::ErrorKind::InvalidData =>
                {
                    OpenError::Io { place: place.clone(), source }
                }
                other => OpenError::Damaged { place: place.clone(), source: other.into() },
            })?;
        let failed = |source| match source {
            redb::Error::Io(source) => OpenError::Io { place: place.clone(), source },
            source => OpenError::Damaged { place: place.clone(), source },
        };
        let found = format(&inner).map_err(failed)?;
        if found > FORMAT {
            return Err(OpenError::Newer { place, found });
        }
        let newest = Mutex::new(newest(&inner).map_err(failed)?);
        Ok(Self { newest, inner, full })
    }

    /// Applies each batch of a group as a whole, or refuses it, in order; then makes the group durable.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed: then no batch of the group may be acknowledged.
    pub fn commit(
        &self,
        now: Timestamp,
        group: &[Batch],
    ) -> Result<Vec<Result<Committed, commit::Error>>, Broken> {
        self.write(|tables| judge::group(tables, now, group))
    }

    /// Removes up to `limit` expired records and returns how many it removed.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, Broken> {
        self.write(|tables| tables.sweep(now, limit))
    }

    /// Whether there is something to sweep.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn has_expired(&self, now: Timestamp) -> Result<bool, Broken> {
        let txn = self.inner.begin_read().map_err(Broken::before)?;
        let table = txn.open_table(EXPIRIES).map_err(Broken::before)?;
        let first = table.first().map_err(Broken::before)?;
        Ok(first.is_some_and(|(key, _)| {
            key.value().iter().take(8).lt(now.0.saturating_add(1).to_be_bytes().iter())
        }))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Tables<'_>) -> Result<T, StorageError>) -> Result<T, Broken> {
        let mut txn = self.inner.begin_write().map_err(Broken::before)?;
        // Saves the allocator's state with the commit, so that reopening after a crash does not walk the file.
        txn.set_quick_repair(true);
        let (result, changed) = within(&txn, change)?;
        if !changed {
            txn.abort().map_err(Broken::before)?;
            return Ok(result);
        }
        // From here on a failure does not say whether the changes are durable; but for a full disk: a commit writes
        // its pages first and names them last, and where one found no room, nothing names the others.
        let newest = txn.commit().map_err(redb::Error::from).and_then(|()| newest(&self.inner));
        let newest = newest.map_err(|error| {
            let unknown = !self.full.load(Ordering::Relaxed);
            Broken { unknown, ..Broken::before(error) }
        })?;
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        Ok(result)
    }

    /// The content at this moment. Never waits for a commit.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn snapshot(&self, now: Timestamp) -> Result<Moment, Broken> {
        Ok(Moment { records: self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone(), now })
    }

    /// Bytes of keys and values by account. Includes what has expired but is not swept yet.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn usage(&self) -> Result<HashMap<Bytes, u64>, Broken> {
        let txn = self.inner.begin_read().map_err(Broken::before)?;
        let table = txn.open_table(USAGE).map_err(Broken::before)?;
        let entries = table.iter().map_err(Broken::before)?.map(|entry| {
            let (account, used) = entry?;
            Ok((Bytes::copy_from_slice(account.value()), used.value()))
        });
        entries.collect::<Result<_, StorageError>>().map_err(Broken::before)
    }

    /// The number of the last commit that appended something; 0 if none has.
    ///
    /// # Errors
    /// [`Broken`] if the storage failed.
    pub fn number(&self) -> Result<u64, Broken> {
        let txn = self.inner.begin_read().map_err(Broken::before)?;
        match txn.open_table(NUMBERS) {
            Ok(numbers) => number(&numbers).map_err(Broken::before),
            Err(TableError::TableDoesNotExist(_)) => Ok(0),
            Err(other) => Err(Broken::before(other)),
        }
    }
}

fn number(numbers: &impl ReadableTable<(), u64>) -> Result<u64, StorageError> {
    Ok(numbers.get(())?.map_or(0, |number| number.value()))
}

/// The format on disk; a new database is given the current one.
fn format(inner: &redb::Database) -> Result<u32, redb::Error> {
    match inner.begin_read()?.open_table(META) {
        Ok(meta) => {
            if let Some(found) = meta.get("format")? {
                return Ok(found.value());
            }
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let mut txn = inner.begin_write()?;
    txn.set_quick_repair(true);
    txn.open_table(META)?.insert("format", FORMAT)?;
    drop((txn.open_table(RECORDS)?, txn.open_table(EXPIRIES)?, txn.open_table(USAGE)?));
    drop(txn.open_table(NUMBERS)?);
    txn.commit()?;
    Ok(FORMAT)
}

fn newest(inner: &redb::Database) -> Result<Arc<Records>, redb::Error> {
    Ok(Arc::new(inner.begin_read()?.open_table(RECORDS)?))
}

fn within<T>(
    txn: &WriteTransaction,
    change: impl FnOnce(&mut Tables<'_>) -> Result<T, StorageError>,
) -> Result<(T, bool), Broken> {
    let mut numbers = txn.open_table(NUMBERS).map_err(Broken::before)?;
    let number = number(&numbers).map_err(Broken::before)?;
    let mut tables = Tables {
        records: txn.open_table(RECORDS).map_err(Broken::before)?,
        expiries: txn.open_table(EXPIRIES).map_err(Broken::before)?,
        usage: txn.open_table(USAGE).map_err(Broken::before)?,
        changed: false,
        number,
    };
    let result = change(&mut tables).map_err(Broken::before)?;
    if tables.number > number {
        numbers.insert((), tables.number).map_err(Broken::before)?;
    }
    Ok((result, tables.changed))
}

#[cfg(test)]
mod tests {
    use mecha_primitives::{
        commit::{Action, Change, Record, Version},
        identity::CallId,
    };

    use super::*;
    use crate::embedded::FileDisk;

    fn puts(keys: std::ops::Range<u32>, expires_at: Option<Timestamp>) -> Vec<Batch> {
        let change = |n: u32| Change {
            key: format!("app/state/main/{n:08}").into(),
            expect: None,
            action: Action::Put(Record {
                version: Version::new(CallId(1), 1, n),
                expires_at,
                media_type: None,
                value: Bytes::from_static(&[7; 100]),
            }),
        };
        keys.map(|n| Batch { changes: vec![change(n)], ..Batch::default() }).collect()
    }

    #[test]
    fn a_million_expired_records_leave_room_that_is_used_again() {
        const RECORDS: u32 = 1_000_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database");
        let database = Database::open(&FileDisk::new(path.clone()), 32 << 20).unwrap();
        let size = || path.metadata().unwrap().len();
        let fill = |now: u64| {
            for start in (0..RECORDS).step_by(5000) {
                let group = puts(start..start + 5000, Some(Timestamp(now + 1000)));
                database.commit(Timestamp(now), &group).unwrap();
            }
        };
        fill(0);
        let filled = size();
        let now = Timestamp(2000);
        assert!(database.has_expired(now).unwrap());
        let mut swept = 0;
        while database.has_expired(now).unwrap() {
            swept += database.sweep(now, 10_000).unwrap();
        }
        assert_eq!(swept, RECORDS as usize);
        assert!(database.usage().unwrap().is_empty(), "nothing is counted that is gone");
        fill(3000);
        assert!(size() <= filled + filled / 4, "{filled} bytes became {}", size());
    }

    #[test]
    fn the_format_of_a_newer_host_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::new(folder.path().join("database"));
        let database = Database::open(&disk, 1 << 20).unwrap();
        let txn = database.inner.begin_write().unwrap();
        txn.open_table(META).unwrap().insert("format", FORMAT + 1).unwrap();
        txn.commit().unwrap();
        drop(database);
        let error = Database::open(&disk, 1 << 20).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found, .. } if found == FORMAT + 1), "{error}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database");
        #[expect(clippy::disallowed_methods, reason = "the test damages the file behind the engine's back")]
        std::fs::write(&path, [b'x'; 8192]).unwrap();
        let error = Database::open(&FileDisk::new(path.clone()), 1 << 20).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Io { .. }), "{error}");
        assert_eq!(path.metadata().unwrap().len(), 8192);
    }
}
