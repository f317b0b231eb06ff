//! A folder in which others put files: each complete one is an input with a stable id, until it is settled.
//!
//! A file is complete if it has looked the same (size, time of change, inode) for a second of the injected clock; its
//! own time is not believed, because programs that copy files set it as they like. Names that begin with `.` or end with
//! `.tmp`, `.part` or `.failed` are never inputs. Neither are links, folders and special files.
//!
//! Which input is leased to whom is kept elsewhere; nothing here is remembered beyond the process.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use cap_std::fs::{Dir, Metadata, MetadataExt as _};
use mecha_primitives::clock::{Clock, Timestamp};
use rustix::{fs::RenameFlags, io::Errno};
use tokio::sync::Notify;

use super::{Pattern, folder};

/// How long a file must look the same.
const STABLE: Duration = Duration::from_secs(1);
/// How often the folder is looked at.
const POLL: Duration = Duration::from_secs(1);
/// … and where that is said, in case that somebody does not.
const SELDOM: Duration = Duration::from_secs(3600);
/// Files that are watched for their end at once. Others wait until these are complete.
const MAX_WATCHED: usize = 10_000;
/// How many names are tried for a file whose name is taken.
const MAX_NUMBER: u32 = 10_000;

/// What becomes of a file that was accepted.
pub enum Settle {
    Delete,
    /// Moved into this folder, of the same file system.
    Move(Dir),
}

pub struct Options {
    pub pattern: Pattern,
    pub settled: Settle,
    /// Where what is given up goes. `None`: it gets `.failed` behind its name.
    pub failed: Option<Dir>,
    /// What is larger cannot be read.
    pub max_size: u64,
    /// Whoever changes the folder says so here, and it need not be looked at each second. `None`: nobody does.
    pub stirred: Option<Arc<Notify>>,
}

/// A complete file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The same as long as the file is the same: made of its name, inode, size and time of change.
    pub id: String,
    pub name: String,
    pub size: u64,
    pub modified_ms: u64,
    stamp: Stamp,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the file is gone, or has changed")]
    Gone,
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
}

/// The files of one folder.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    folder: Dir,
    options: Options,
    clock: Arc<dyn Clock>,
    /// Held for a few lines, never across an await: a std mutex is right.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What is not complete yet, with when it was first seen as it is.
    watched: HashMap<String, (Stamp, Timestamp)>,
    /// When the folder itself had changed, the last time that `changed` looked.
    folder: Option<(i64, i64)>,
}

/// What tells that a file is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanos: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            seconds: metadata.mtime(),
            nanos: metadata.mtime_nsec(),
        }
    }

    /// Without the device: its number may be another one after a restart.
    fn id(&self, name: &str) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.inode.to_be_bytes()).update(&self.size.to_be_bytes());
        hash.update(&self.seconds.to_be_bytes()).update(&self.nanos.to_be_bytes());
        hash.update(name.as_bytes()).finalize().to_hex()[..32].to_owned()
    }
}

impl Inbox {
    /// # Errors
    /// A folder for settled or failed files must be another folder of the same file system.
    pub fn open(folder: Dir, options: Options, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let here = folder.dir_metadata()?;
        let settled = if let Settle::Move(there) = &options.settled { Some(there) } else { None };
        for there in [settled, options.failed.as_ref()].into_iter().flatten() {
            let there = there.dir_metadata()?;
            if there.dev() != here.dev() {
                return Err(io::Error::other("files cannot be moved to a folder of another file system"));
            }
            if there.ino() == here.ino() {
                return Err(io::Error::other("files cannot be moved to the folder that they come from"));
            }
        }
        Ok(Self(Arc::new(Inner { folder, options, clock, seen: Mutex::default() })))
    }

    /// Complete files, the oldest first, up to `limit`, without those whose id is `known`.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn scan(
        &self,
        limit: usize,
        known: impl Fn(&str) -> bool + Send + 'static,
    ) -> io::Result<Vec<Entry>> {
        self.blocking(move |inner| inner.scan(limit, &known)).await
    }

    /// # Errors
    /// [`Failure`] says whether reading it again may help.
    pub async fn read(&self, entry: &Entry) -> Result<Bytes, Failure> {
        let entry = entry.clone();
        self.blocking(move |inner| Ok(inner.read(&entry))).await?
    }

    /// Deletes or moves an accepted file. `false`: it is gone or is another file by now, and nothing was done.
    ///
    /// # Errors
    /// It could not be moved: it is still there, and will be an input again.
    pub async fn settle(&self, entry: &Entry) -> io::Result<bool> {
        let entry = entry.clone();
        self.blocking(move |inner| match &inner.options.settled {
            Settle::Delete => inner.delete(&entry),
            Settle::Move(there) => inner.put(&entry, there, ""),
        })
        .await
    }

    /// Puts a file that was given up where it is not an input any more. `false` as in [`settle`](Self::settle).
    ///
    /// # Errors
    /// It could not be moved: it is still there, and will be an input again.
    pub async fn fail(&self, entry: &Entry) -> io::Result<bool> {
        let entry = entry.clone();
        self.blocking(move |inner| match &inner.options.failed {
            Some(there) => inner.put(&entry, there, ""),
            None => inner.put(&entry, &inner.folder, ".failed"),
        })
        .await
    }

    /// Resolves when a scan may find something new: files came or went, or one may be complete by now. Looks each
    /// second, or when it is told to.
    pub async fn changed(&self) {
        loop {
            let clock = &self.0.clock;
            match &self.0.options.stirred {
                None => clock.sleep_until(clock.now() + POLL).await,
                Some(stirred) => tokio::select! {
                    biased;
                    () = stirred.notified() => {}
                    () = clock.sleep_until(clock.now() + SELDOM) => {}
                },
            }
            // A folder that cannot be read is for the scan to tell.
            if self.blocking(Inner::has_changed).await.unwrap_or(true) {
                return;
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(io::Error::other)?
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("pattern", &self.0.options.pattern).finish_non_exhaustive()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scan(&self, limit: usize, known: &dyn Fn(&str) -> bool) -> io::Result<Vec<Entry>> {
        let now = self.clock.now();
        let before = std::mem::take(&mut self.lock().watched);
        let mut watched = HashMap::new();
        let mut complete = Vec::new();
        for entry in self.folder.entries()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !is_input(&name) || !self.options.pattern.matches(&name) {
                continue;
            }
            // Not following links. One that is gone meanwhile is not there.
            let Ok(metadata) = self.folder.symlink_metadata(&name) else { continue };
            let stamp = Stamp::of(&metadata);
            if !metadata.is_file() {
                continue;
            }
            let id = stamp.id(&name);
            if known(&id) || watched.len() >= MAX_WATCHED {
                continue;
            }
            let since = match before.get(&name) {
                // A clock that was set back begins anew.
                Some((seen, since)) if *seen == stamp && *since <= now => *since,
                _ => now,
            };
            if now.since(since) >= STABLE {
                let modified_ms = folder::modified_ms(&metadata);
                complete.push(Entry { id, name: name.clone(), size: stamp.size, modified_ms, stamp });
            }
            watched.insert(name, (stamp, since));
        }
        complete.sort_by(|a, b| (a.modified_ms, &a.name).cmp(&(b.modified_ms, &b.name)));
        complete.truncate(limit);
        self.lock().watched = watched;
        Ok(complete)
    }

    fn read(&self, entry: &Entry) -> Result<Bytes, Failure> {
        let max = self.options.max_size;
        if !self.is_still(entry)? {
            return Err(Failure::Gone);
        }
        if entry.size > max {
            return Err(Failure::TooLarge(max));
        }
        let (file, metadata) = folder::open_regular(&self.folder, &entry.name)?;
        if Stamp::of(&metadata) != entry.stamp {
            return Err(Failure::Gone);
        }
        let data = folder::read_all(&file, max)?.ok_or(Failure::TooLarge(max))?;
        // Somebody may have written while this read: then it is another file, and not complete.
        if Stamp::of(&file.metadata()?) != entry.stamp { Err(Failure::Gone) } else { Ok(data) }
    }

    fn is_still(&self, entry: &Entry) -> io::Result<bool> {
        match self.folder.symlink_metadata(&entry.name) {
            Ok(metadata) => Ok(metadata.is_file() && Stamp::of(&metadata) == entry.stamp),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, entry: &Entry) -> io::Result<bool> {
        if !self.is_still(entry)? {
            return Ok(false);
        }
        self.remove(entry)?;
        Ok(true)
    }

    fn remove(&self, entry: &Entry) -> io::Result<()> {
        self.folder.remove_file(&entry.name)?;
        folder::sync(&self.folder)?;
        self.lock().watched.remove(&entry.name);
        Ok(())
    }

    /// Moves a file, never over another.
    fn put(&self, entry: &Entry, there: &Dir, ending: &str) -> io::Result<bool> {
        if !self.is_still(entry)? {
            return Ok(false);
        }
        for number in 0..MAX_NUMBER {
            let name = match number {
                0 => format!("{}{ending}", entry.name),
                _ => format!("{}.{number}{ending}", entry.name),
            };
            match self.rename(entry, there, &name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    self.lock().watched.remove(&entry.name);
                    return Ok(true);
                }
            }
        }
        Err(io::Error::other("too many files of that name"))
    }

    /// Renames where nothing is. A link would do as well, but not for the files of another user; it is for file systems
    /// that cannot rename so.
    fn rename(&self, entry: &Entry, there: &Dir, name: &str) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.folder, &entry.name, there, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                folder::sync(there)?;
                folder::sync(&self.folder)
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                self.folder.hard_link(&entry.name, there, name)?;
                folder::sync(there)?;
                self.remove(entry)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn has_changed(&self) -> io::Result<bool> {
        let metadata = self.folder.dir_metadata()?;
        let folder = Some((metadata.mtime(), metadata.mtime_nsec()));
        let mut seen = self.lock();
        let changed = seen.folder != folder || !seen.watched.is_empty();
        seen.folder = folder;
        Ok(changed)
    }
}

/// Whether a name is one that a complete file has.
fn is_input(name: &str) -> bool {
    !name.starts_with('.') && ![".tmp", ".part", ".failed"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests;
