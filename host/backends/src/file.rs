//! Files in one folder: an output that creates, gets, lists and deletes them, and an [`Inbox`] that hands over the files
//! which others put there.
//!
//! The folder is a handle that was opened once. Every path is resolved below it, by the kernel where it can: neither a
//! path, nor a link, nor a folder that is swapped for a link in the middle reaches outside. Only regular files are
//! opened, and none in a way that could wait (a FIFO) or do something (a device).

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::Dir;
use mecha_primitives::bindings::{self, Effect, Error, Key, Metadata, Operation, Request, Response};
use tokio::sync::Semaphore;

mod folder;
mod inbox;
mod list;
mod path;
mod pattern;

pub use inbox::{Entry, Failure, Inbox, Options as InboxOptions, Settle};
pub use path::Path;
pub use pattern::Pattern;

/// Operations at once. Each holds a thread while the disk works; the others wait, each within its call.
const AT_ONCE: usize = 8;

const PATH: Key = Key {
    name: "path",
    summary: "The file, relative to the folder, with `/` between its parts. `.` and `..` are refused.",
    required: true,
};

/// What the output can be asked to do.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "create",
        summary: "Writes the data to a file, whole and durably or not at all. Folders on the way are made.",
        keys: &[
            PATH,
            Key {
                name: "if-exists",
                summary: "`error` (the default: rejected with the code `exists`) or `replace`.",
                required: false,
            },
        ],
        effect: Effect::Deferrable,
    },
    Operation {
        name: "get",
        summary: "Gives a file's data. A file that is not there is rejected with the code `not-found`.",
        keys: &[PATH],
        effect: Effect::Safe,
    },
    Operation {
        name: "list",
        summary: "Gives a page of the files' paths, in the order of their bytes, as JSON: [{path, size, modified-ms}].",
        keys: &[
            Key { name: "prefix", summary: "Only paths that begin so.", required: false },
            Key { name: "limit", summary: "At most so many: 1 to 1000, the default.", required: false },
            Key {
                name: "after",
                summary: "Go on behind this path: what the page before gave as its metadata `after`.",
                required: false,
            },
        ],
        effect: Effect::Safe,
    },
    Operation {
        name: "delete",
        summary: "Removes a file. One that is not there is no error.",
        keys: &[PATH],
        effect: Effect::Deferrable,
    },
];

/// The output binding `file`.
pub struct Output {
    folder: Dir,
    /// What errors and logs call it: as the manifest does, never where it is.
    name: String,
    max_size: u64,
    places: Arc<Semaphore>,
}

impl Output {
    /// Files below `folder`. One that is larger than `max_size` is not read.
    #[must_use]
    pub fn new(folder: Dir, name: &str, max_size: u64) -> Self {
        Self { folder, name: name.to_owned(), max_size, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.name)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("name", &self.name)
            .field("max_size", &self.max_size)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl bindings::Output for Output {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        Work::of(request).map(drop)
    }

    /// Whether a file that was to be created has the same content.
    async fn is_there(&self, request: &Request) -> bool {
        let Ok(Work::Create { path, data, .. }) = Work::of(request) else { return false };
        let Ok(folder) = self.folder.try_clone() else { return false };
        let read = move || {
            folder::read(&folder, &path, data.len() as u64)
                .is_ok_and(|found| found.is_some_and(|(found, _)| found == data))
        };
        tokio::task::spawn_blocking(read).await.unwrap_or(false)
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        let work = Work::of(&request)?;
        let folder = self.folder.try_clone().map_err(|error| refusal(&error))?;
        let (places, max_size) = (self.places.clone(), self.max_size);
        let work = async move {
            let place = places.acquire_owned().await.map_err(|_| Error::Busy(None))?;
            let done = tokio::task::spawn_blocking(move || {
                let _place = place;
                work.carry_out(&folder, max_size)
            });
            done.await.map_err(|_| Error::Other("the work on the file was given up".into()))?
        };
        match request.timeout {
            Some(timeout) => tokio::time::timeout(timeout, work).await.map_err(|_| Error::Timeout)?,
            None => work.await,
        }
    }
}

/// A request that was understood.
enum Work {
    Create { path: Path, data: Bytes, replace: bool },
    Get(Path),
    List(list::Page),
    Delete(Path),
}

impl Work {
    fn of(request: &Request) -> Result<Self, Error> {
        let operation = bindings::select(OPERATIONS, request)?;
        if operation.name == "list" {
            return Ok(Self::List(list::Page::of(request)?));
        }
        let path = Path::parse(request.need(PATH.name)?)?;
        Ok(match operation.name {
            "create" => {
                let replace = match request.get("if-exists") {
                    None | Some("error") => false,
                    Some("replace") => true,
                    Some(other) => {
                        let other = bindings::excerpt(other);
                        let message = format!("`if-exists` is `error` or `replace`, not `{other}`");
                        return Err(Error::InvalidArgument(message));
                    }
                };
                Self::Create { path, data: request.data.clone(), replace }
            }
            "delete" => Self::Delete(path),
            _ => Self::Get(path),
        })
    }

    fn carry_out(self, folder: &Dir, max_size: u64) -> Result<Response, Error> {
        match self {
            Self::Create { path, data, replace } => {
                folder::create(folder, &path, &data, replace).map_err(|error| refusal(&error))?;
                Ok(Response::default())
            }
            Self::Get(path) => {
                let found = folder::read(folder, &path, max_size).map_err(|error| refusal(&error))?;
                let Some((data, metadata)) = found else {
                    let message = format!("the file is larger than {max_size} bytes");
                    return Err(Error::rejected("too-large", message));
                };
                let metadata: Metadata = vec![
                    ("size".into(), data.len().to_string()),
                    ("modified-ms".into(), folder::modified_ms(&metadata).to_string()),
                ];
                Ok(Response { data: Some(data), content_type: None, metadata, ..Response::default() })
            }
            Self::List(page) => page.read(folder),
            Self::Delete(path) => {
                folder::delete(folder, &path).map_err(|error| refusal(&error))?;
                Ok(Response::default())
            }
        }
    }
}

/// What a guest is told: what it can act on, and nothing of where the folder is.
fn refusal(error: &io::Error) -> Error {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => Error::rejected("not-found", "there is no such file"),
        Kind::AlreadyExists => Error::rejected("exists", "there is a file of that name"),
        Kind::NotADirectory => Error::rejected("not-a-folder", "a part of the path is no folder"),
        Kind::IsADirectory => Error::rejected("not-a-file", "that is no file"),
        // What leads outside is one of these, and so is what the host's user may not do.
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            Error::rejected("not-permitted", "that is not permitted")
        }
        Kind::InvalidFilename => Error::InvalidArgument("the path is too long for this disk".into()),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            Error::QuotaExceeded("the disk is full".into())
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Error::rejected("not-permitted", "that is not permitted")
        }
        kind => {
            tracing::warn!(%error, "a file operation failed");
            Error::Unavailable(kind.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
