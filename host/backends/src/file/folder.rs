//! What is done to a folder: each function takes the handle of a folder and stays below it.

use std::{
    io::{self, Read as _, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use cap_std::fs::{Dir, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use super::path::{Path, TEMPORARY};

/// Tells temporary files of this process apart.
static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// Writes a file, whole and durably: it is written beside its place, synced, put there at once, and its folder synced.
/// A crash in the middle leaves a file that no listing shows.
pub(super) fn create(root: &Dir, path: &Path, data: &[u8], replace: bool) -> io::Result<()> {
    let folder = make_way(root, path)?;
    match folder.symlink_metadata(path.name()) {
        Ok(_) if !replace => return Err(io::ErrorKind::AlreadyExists.into()),
        // Neither a folder nor a device is there to be replaced. Of a link, the link is.
        Ok(there) if !there.is_file() && !there.is_symlink() => {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (temporary, mut file) = temporary(&folder)?;
    let written = file.write_all(data).and_then(|()| file.sync_all()).and_then(|()| {
        if replace {
            folder.rename(&temporary, &folder, path.name())
        } else {
            // Of two that create the same file, a link lets one in. A renaming would let both.
            folder.hard_link(&temporary, &folder, path.name())
        }
    });
    if !replace || written.is_err() {
        let _ = folder.remove_file(&temporary);
    }
    written?;
    sync(&folder)
}

/// The file's data with its metadata; `None` if it is larger than `max`.
pub(super) fn read(root: &Dir, path: &Path, max: u64) -> io::Result<Option<(Bytes, Metadata)>> {
    let (file, metadata) = open_regular(&way(root, path)?, path.name())?;
    Ok(read_all(&file, max)?.map(|data| (data, metadata)))
}

/// Removes a file or a link. That it, or a folder on the way, is not there is no error.
pub(super) fn delete(root: &Dir, path: &Path) -> io::Result<()> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    let folder = match way(root, path) {
        Ok(folder) => folder,
        Err(error) => return gone(error),
    };
    match folder.symlink_metadata(path.name()) {
        Ok(there) if there.is_file() || there.is_symlink() => {}
        Ok(_) => return Err(io::ErrorKind::IsADirectory.into()),
        Err(error) => return gone(error),
    }
    match folder.remove_file(path.name()) {
        Ok(()) => sync(&folder),
        Err(error) => gone(error),
    }
}

/// Opens a regular file, and nothing else. It is looked at before, because opening a device may do something, and
/// after, because it may have been swapped; in between, opening a FIFO does not wait.
pub(super) fn open_regular(folder: &Dir, name: &str) -> io::Result<(File, Metadata)> {
    let no_file = || io::Error::from(io::ErrorKind::IsADirectory);
    if !folder.metadata(name)?.is_file() {
        return Err(no_file());
    }
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).map_err(|_| no_file())?;
    let file = folder.open_with(name, OpenOptions::new().read(true).custom_flags(flags))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    Ok((file, metadata))
}

/// At most `max` bytes, whatever its metadata said: it may grow while it is read.
pub(super) fn read_all(file: &File, max: u64) -> io::Result<Option<Bytes>> {
    let mut data = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut data)?;
    Ok((data.len() as u64 <= max).then(|| data.into()))
}

pub(super) fn modified_ms(metadata: &Metadata) -> u64 {
    let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    u64::try_from(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)).unwrap_or(0)
}

/// A handle that only names a folder cannot be synced: it is opened once more.
pub(super) fn sync(folder: &Dir) -> io::Result<()> {
    folder.open(".")?.sync_all()
}

/// The folder that the file is in.
fn way(root: &Dir, path: &Path) -> io::Result<Dir> {
    path.folders().try_fold(root.try_clone()?, |folder, part| folder.open_dir(part))
}

/// As [`way`], making what is not there.
fn make_way(root: &Dir, path: &Path) -> io::Result<Dir> {
    path.folders().try_fold(root.try_clone()?, |folder, part| match folder.open_dir(part) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match folder.create_dir(part) {
                Ok(()) => sync(&folder)?,
                // Somebody else made it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            folder.open_dir(part)
        }
        opened => opened,
    })
}

/// A new file of a name that only this one has. What a crash left behind is never written to.
fn temporary(folder: &Dir) -> io::Result<(String, File)> {
    const TRIES: usize = 1000;
    let process = std::process::id();
    for _ in 0..TRIES {
        let name = format!("{TEMPORARY}{process}-{}.tmp", TEMPORARIES.fetch_add(1, Ordering::Relaxed));
        match folder.open_with(&name, OpenOptions::new().write(true).create_new(true)) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the folder is full of temporary files"))
}
