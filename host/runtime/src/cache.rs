//! Compiled code on disk, so that the second start of a component takes milliseconds.
//!
//! Compiled code is native code: whoever can plant a file here can run code in the host. So the folder
//! must belong to the host's user with mode 0700, and each file carries a MAC, keyed by a secret in that
//! folder, over its content and its name. It is verified on the very bytes that are then loaded. A file that
//! was damaged, planted without the key, or written for other settings or by another version is never
//! executed: it is compiled anew. An attacker with the same user id can read the key, and needs no cache to
//! harm that user: that is out of scope.

#![expect(clippy::disallowed_methods, reason = "this file owns the cache folder")]

use std::{
    fs,
    hash::{Hash as _, Hasher},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use rand::{TryRng as _, rngs::SysRng};
use wasmtime::{Engine, component::Component};

const KEY: &str = "key";
const MAC: usize = blake3::OUT_LEN;

/// A folder of compiled components.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

impl Cache {
    /// Opens a cache folder, making it and its key if they are not there.
    ///
    /// # Errors
    /// If the folder cannot be made, belongs to another user, or is open to others.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        make_private(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        ensure_private(folder)?;
        let key =
            key(folder).with_context(|| format!("cannot read or make {}", folder.join(KEY).display()))?;
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// The component that these bytes compile to for this engine, if it is here and whole.
    pub(crate) fn load(&self, engine: &Engine, bytes: &[u8]) -> Option<Component> {
        let name = name(engine, bytes);
        let stored = fs::read(self.folder.join(&name)).ok()?;
        let Some((_, code)) = stored.split_first_chunk::<MAC>().filter(|(mac, code)| {
            // blake3::Hash compares in constant time.
            self.mac(&name, code) == blake3::Hash::from_bytes(**mac)
        }) else {
            tracing::warn!(file = %name, "a file in the cache is damaged or not ours; compiling anew");
            return None;
        };
        deserialize(engine, code)
            .inspect_err(
                |error| tracing::warn!(file = %name, %error, "cached code is of no use; compiling anew"),
            )
            .ok()
    }

    /// Keeps a compiled component. That it cannot be kept is no reason not to serve it.
    pub(crate) fn store(&self, engine: &Engine, bytes: &[u8], component: &Component) {
        let name = name(engine, bytes);
        if let Err(error) = self.write(&name, component) {
            tracing::warn!(folder = %self.folder.display(), %error, "compiled code cannot be cached");
        }
    }

    fn write(&self, name: &str, component: &Component) -> anyhow::Result<()> {
        let code = component.serialize()?;
        let part = part(&self.folder, name)?;
        let written = private_file(&part).and_then(|mut file| {
            file.write_all(self.mac(name, &code).as_bytes())?;
            file.write_all(&code)?;
            fs::rename(&part, self.folder.join(name))
        });
        if written.is_err() {
            _ = fs::remove_file(&part);
        }
        Ok(written?)
    }

    /// Covers the name too, so that one file cannot take another's place.
    fn mac(&self, name: &str, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(name.as_bytes()).update(&[0]).update(code).finalize()
    }
}

/// Content, wasmtime's version, target and settings.
fn name(engine: &Engine, bytes: &[u8]) -> String {
    struct Settings(blake3::Hasher);
    impl Hasher for Settings {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut settings = Settings(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    let settings = settings.0.finalize().to_hex();
    format!("{}-{}", blake3::hash(bytes).to_hex(), &settings[..16])
}

#[expect(unsafe_code, reason = "the MAC says that this host's user compiled these bytes")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes carry the MAC of code that `Component::serialize` returned to a process that could read
    // the key; wasmtime itself refuses those of another version or other settings.
    unsafe { Component::deserialize(engine, code) }
}

fn key(folder: &Path) -> anyhow::Result<[u8; 32]> {
    let path = folder.join(KEY);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| anyhow::anyhow!("the key must have 32 bytes")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            SysRng.try_fill_bytes(&mut key)?;
            // Whole or not at all; and of two hosts that start at once, the second takes the first one's key.
            let part = part(folder, KEY)?;
            private_file(&part)?.write_all(&key)?;
            let linked = fs::hard_link(&part, &path);
            fs::remove_file(&part)?;
            match linked {
                Ok(()) => Ok(key),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    fs::read(&path)?.try_into().map_err(|_| anyhow::anyhow!("the key must have 32 bytes"))
                }
                Err(error) => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The name of a file that is not whole yet.
fn part(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let mut suffix = [0; 8];
    SysRng.try_fill_bytes(&mut suffix)?;
    Ok(folder.join(format!("{name}.{:016x}.part", u64::from_be_bytes(suffix))))
}

fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn ensure_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::symlink_metadata(folder)?;
    ensure!(meta.is_dir(), "the cache {} is no folder", folder.display());
    let ours = rustix::process::geteuid().as_raw();
    ensure!(meta.uid() == ours, "the cache folder {} belongs to another user", folder.display());
    ensure!(
        meta.mode() & 0o077 == 0,
        "the cache folder {} is open to others (mode {:03o}): `chmod 700` it",
        folder.display(),
        meta.mode() & 0o777
    );
    Ok(())
}

#[cfg(not(unix))]
fn ensure_private(folder: &Path) -> anyhow::Result<()> {
    anyhow::bail!("the cache {} cannot be checked for its owner on this system", folder.display())
}
