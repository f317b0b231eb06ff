//! The data directory: a database file for each tenant, and a lock, so that one host at a time has it.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use mecha_backends::embedded::{Engine, FileDisk, Options};
use mecha_primitives::{clock::Clock, commit::Observer, name};

/// A data directory that this process has to itself for as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Held until the process ends: the lock goes with the file.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is not there, and locks it.
    ///
    /// # Errors
    /// If it cannot be made or written, or another process has it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        make(path).with_context(|| {
            format!("cannot make the data directory {}; name another with --data", path.display())
        })?;
        let file = path.join("lock");
        let mut lock = lock_file(&file).with_context(|| {
            format!("cannot write to the data directory {}; name another with --data", path.display())
        })?;
        if let Err(error) = lock.try_lock() {
            match error {
                std::fs::TryLockError::WouldBlock => {
                    let mut holder = String::new();
                    _ = lock.read_to_string(&mut holder);
                    let holder = holder.trim();
                    let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                    bail!(
                        "the data directory {} is in use by another mecha-host{who}; stop that one, or name another \
                         directory with --data",
                        path.display()
                    );
                }
                std::fs::TryLockError::Error(error) => {
                    return Err(error).with_context(|| format!("cannot lock {}", file.display()));
                }
            }
        }
        // For whoever finds the directory in use.
        let mut note = || -> std::io::Result<()> {
            lock.set_len(0)?;
            lock.rewind()?;
            write!(lock, "{}", std::process::id())
        };
        note().with_context(|| format!("cannot write to the data directory {}", path.display()))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The engine that holds a tenant's data. Its file is opened at first use.
    #[must_use]
    pub fn engine(
        &self,
        tenant: &name::Tenant,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        options: Options,
    ) -> Engine {
        let disk = FileDisk::new(self.path.join(format!("{tenant}.redb")));
        Engine::new(Arc::new(disk), clock, observer, options)
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let missing: Vec<_> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    builder.create(path)?;
    // A new folder is there after a power cut only if its parent knows of it.
    for folder in missing {
        if let Some(parent) = folder.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            std::fs::OpenOptions::new().read(true).open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
