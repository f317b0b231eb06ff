//! Clears away a database whose creation was interrupted, so that it can be created after all.
//!
//! redb lengthens the file, writes its header without the magic number, syncs, and only then writes the
//! magic number. If the process or the machine ends in between, or the disk is full, redb refuses the file
//! for ever: it is neither empty nor a database.

use std::{io, ops::Bound};

use redb::{BackendError, StorageBackend};

/// Where redb writes its magic number.
const MAGIC: std::ops::Range<usize> = 0..9;
/// Where redb's header ends. Behind it a new file is empty.
const HEADER: usize = 320;
/// A file that redb has just created is smaller than this.
const SMALL: u64 = 4 << 20;

/// Empties the file if nothing but the beginning of a header was ever written to it.
pub(super) fn clear(file: &dyn StorageBackend) -> io::Result<()> {
    if !is_unfinished(file)? {
        return Ok(());
    }
    let whole = (Bound::Unbounded, Bound::Unbounded);
    let locked = match file.try_lock_range(whole.0, whole.1) {
        // Somebody else is creating it at this moment.
        Ok(false) => return Ok(()),
        Ok(true) => true,
        Err(BackendError::Unsupported) => false,
        Err(error) => return Err(io::Error::other(error)),
    };
    let outcome = empty(file);
    if locked {
        file.unlock_range(whole.0, whole.1).map_err(io::Error::other)?;
    }
    outcome
}

fn empty(file: &dyn StorageBackend) -> io::Result<()> {
    // Somebody else may have finished it before it was locked.
    if is_unfinished(file)? {
        tracing::warn!("a database whose creation was interrupted is begun anew; it held nothing");
        file.set_len(0)?;
        file.sync_data()?;
    }
    Ok(())
}

/// Whether there is room for a magic number and a header, but no magic number, and no data.
fn is_unfinished(file: &dyn StorageBackend) -> io::Result<bool> {
    let len = file.len()?;
    if len < HEADER as u64 || len > SMALL {
        return Ok(false);
    }
    let mut header = [0; HEADER];
    file.read(0, &mut header)?;
    if header[MAGIC] != [0; MAGIC.end] {
        return Ok(false);
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read(0, &mut bytes)?;
    Ok(bytes[HEADER..].iter().all(|byte| *byte == 0))
}
