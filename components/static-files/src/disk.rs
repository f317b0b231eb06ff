//! The granted folder: looked into and read, never written.
#![allow(clippy::disallowed_methods, reason = "in a guest, std's files are the host's")]

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// What is there, if there is something that can be shown.
pub fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found).filter(|found| found.is_file() || found.is_dir())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a file to be read, if it still is one. It is looked at again, so that what is said of it is said of the
/// file that is sent, even if another one takes its name meanwhile.
pub fn open(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

/// Sends a part of a file, a chunk at a time.
///
/// # Errors
/// Also if the file has become shorter: then the part is not whole, and the client has to know.
pub fn send(mut file: File, start: u64, length: u64, to: &mut impl Write) -> io::Result<()> {
    const CHUNK: usize = 64 << 10;
    file.seek(SeekFrom::Start(start))?;
    let mut chunk = vec![0; usize::try_from(length).unwrap_or(CHUNK).min(CHUNK)];
    let mut rest = file.take(length);
    while rest.limit() > 0 {
        let read = rest.read(&mut chunk)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter"));
        }
        to.write_all(chunk.get(..read).unwrap_or_default())?;
    }
    Ok(())
}

/// Names that cannot be, and what leads out of the folder, are no more there than what is not.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied | InvalidFilename | InvalidInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_sent_and_a_file_that_shrank_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        fs::write(&path, &content).unwrap();
        let send = |start, length| {
            let mut sent = vec![];
            send(open(&path).unwrap().unwrap().0, start, length, &mut sent).map(|()| sent)
        };
        assert_eq!(send(0, 200_000).unwrap(), content);
        assert_eq!(send(7, 100_000).unwrap(), content[7..100_007]);
        assert_eq!(send(5, 0).unwrap(), b"");
        assert_eq!(send(199_999, 2).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        for name in ["b", "a/b", &"x".repeat(5000)] {
            assert!(look(&folder.path().join(name)).unwrap().is_none(), "{name}");
            assert!(open(&folder.path().join(name)).unwrap().is_none(), "{name}");
        }
        assert!(open(folder.path()).unwrap().is_none(), "a folder is not sent");
    }
}
