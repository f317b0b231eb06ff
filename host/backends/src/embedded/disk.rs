//! Where a database's bytes live.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    path::PathBuf,
};

use redb::{StorageBackend, backends::FileBackend};

/// A place for one database. It is opened anew after every I/O error.
pub trait Disk: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// # Errors
    /// Whatever keeps the storage from being opened.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;
}

/// A file, readable by its owner only.
#[derive(Debug)]
pub struct FileDisk {
    path: PathBuf,
}

impl FileDisk {
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)
    }

    /// A new file's name is durable only once its folder has been synced.
    fn sync_folder(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(folder) => OpenOptions::new().read(true).open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FileDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.path.display())
    }
}

impl Disk for FileDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = self.file()?;
        self.sync_folder()?;
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }
}
