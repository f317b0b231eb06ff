//! The files that the host reads for an app: its manifest, its components, the secrets that it names.
//!
//! Each is opened through cap-std, in the folder that it lies in.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use cap_std::{
    ambient_authority,
    fs::{Dir, MetadataExt as _},
};
use mecha_manifest::Secrets;

/// What a command was asked to work on.
#[derive(Debug)]
pub struct Source {
    /// The folder that relative paths begin in.
    pub folder: PathBuf,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    /// A manifest: its path as the user wrote it, and its text.
    Manifest { file: String, text: String },
    /// A component by itself.
    Component { path: PathBuf },
}

/// Finds out what a path names: a component, a manifest, or a folder with one.
///
/// # Errors
/// If there is nothing that can be served.
pub fn find(path: &Path) -> anyhow::Result<Source> {
    if path.is_dir() {
        let file = path.join(mecha_manifest::FILE);
        if !file.is_file() {
            bail!(
                "there is no {} in {}; name a manifest, a folder with one, or a component (.wasm or .wat)",
                mecha_manifest::FILE,
                path.display()
            );
        }
        return manifest(&file);
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("wasm" | "wat") => {
            read(path).with_context(|| format!("cannot read the component {}", path.display()))?;
            Ok(Source { folder: folder(path), kind: Kind::Component { path: path.to_owned() } })
        }
        Some("yaml" | "yml" | "json") => manifest(path),
        _ if !path.exists() => bail!("there is no {}", path.display()),
        _ => bail!("{} is neither a component (.wasm or .wat) nor a manifest (.yaml)", path.display()),
    }
}

fn manifest(file: &Path) -> anyhow::Result<Source> {
    let bytes = read(file).with_context(|| format!("cannot read the manifest {}", file.display()))?;
    let text =
        String::from_utf8(bytes).with_context(|| format!("the manifest {} is not UTF-8", file.display()))?;
    Ok(Source { folder: folder(file), kind: Kind::Manifest { file: file.display().to_string(), text } })
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The content of a file.
///
/// # Errors
/// As the system says, and if it is a pipe or another special file: a read of it may never end.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let name = path.file_name().ok_or_else(|| io::Error::other("this path names no file"))?;
    let folder = Dir::open_ambient_dir(folder(path), ambient_authority())?;
    let metadata = folder.metadata(name)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::other("it is no regular file"));
    }
    folder.read(name)
}

/// What tells a folder from all others, whatever it is called: its device and inode.
///
/// # Errors
/// As the system says.
pub fn identity(folder: &Path) -> io::Result<(u64, u64)> {
    let metadata = Dir::open_ambient_dir(folder, ambient_authority())?.dir_metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Secrets of the host's environment, and of files beside the manifest.
#[derive(Debug)]
pub struct HostSecrets<'a> {
    pub folder: &'a Path,
}

impl Secrets for HostSecrets<'_> {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let bytes = read(&self.folder.join(path)).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }
}
