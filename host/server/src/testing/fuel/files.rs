//! Recordings on the disk and in git.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use cap_std::{ambient_authority, fs::Dir};

use super::recording::{BLESS, Recording};
use crate::files;

/// In the app's folder of tests.
const FOLDER: &str = "tests";
const FILE: &str = "fuel.json";

/// Where the recording of an app is, by the app's folder.
#[must_use]
pub fn of_app(folder: &Path) -> PathBuf {
    folder.join(FOLDER).join(FILE)
}

/// Where the recording is that a path means: an app's folder, its manifest, or the recording itself (`.json`).
#[must_use]
pub fn named(path: &Path) -> PathBuf {
    match path.extension().and_then(|extension| extension.to_str()) {
        _ if path.is_dir() => of_app(path),
        Some("json") => path.to_owned(),
        _ => of_app(path.parent().unwrap_or(Path::new(""))),
    }
}

/// Reads a recording. `None`: there is none yet.
///
/// # Errors
/// If it cannot be read, or is damaged.
pub fn read(path: &Path) -> anyhow::Result<Option<Recording>> {
    let file = path.display().to_string();
    match files::read(path) {
        Ok(bytes) => Recording::read(&file, &text(&file, bytes)?).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the recording {file}")),
    }
}

/// Reads a recording that somebody asked for.
///
/// # Errors
/// As [`read`], and if there is none.
pub fn existing(path: &Path) -> anyhow::Result<Recording> {
    let missing = || format!("there is no recording {}; make it with `{BLESS}`", path.display());
    read(path)?.with_context(missing)
}

/// Writes a recording as a whole or not at all. Gives whether it is another than before.
///
/// # Errors
/// As the system says.
pub fn write(path: &Path, recording: &Recording) -> anyhow::Result<bool> {
    let text = recording.text()?;
    if files::read(path).is_ok_and(|before| before == text.as_bytes()) {
        return Ok(false);
    }
    let write = || -> io::Result<()> {
        let name = path.file_name().ok_or_else(|| io::Error::other("this path names no file"))?;
        let folder = parent(path);
        Dir::create_ambient_dir_all(folder, ambient_authority())?;
        let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
        let mut new = name.to_owned();
        new.push(".new");
        folder.write(&new, &text)?;
        folder.rename(&new, &folder, name)
    };
    write().with_context(|| format!("cannot write the recording {}", path.display()))?;
    Ok(true)
}

/// The recording to compare another with: a file, an app's folder, or the same file at a revision of git.
///
/// # Errors
/// If it is none of them, or has no recording.
pub fn base(name: &str, recording: &Path) -> anyhow::Result<Recording> {
    let path = Path::new(name);
    if path.is_file() {
        return existing(path);
    }
    // A branch may be called as a folder is.
    if path.is_dir() && of_app(path).is_file() {
        return existing(&of_app(path));
    }
    at_revision(name, recording)
}

fn at_revision(revision: &str, recording: &Path) -> anyhow::Result<Recording> {
    // Git would take it for an option.
    ensure!(
        !revision.is_empty() && !revision.starts_with('-'),
        "`{revision}` is no file, and no revision of git"
    );
    let folder = parent(recording);
    let name = recording.file_name().and_then(|name| name.to_str()).unwrap_or(FILE);
    let known =
        git(folder, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")], revision)?;
    if !known.status.success() {
        let why = String::from_utf8_lossy(&known.stderr);
        match why.trim().lines().next() {
            Some(why) => {
                bail!("`{revision}` is no file, and no revision of git in {}: {why}", folder.display())
            }
            None => bail!("`{revision}` is no file, and no revision of git in {}", folder.display()),
        }
    }
    let file = format!("{revision}:./{name}");
    let shown = git(folder, &["cat-file", "blob", &file], revision)?;
    ensure!(
        shown.status.success(),
        "the revision `{revision}` has no recording {}: there is nothing to compare with",
        recording.display()
    );
    let file = format!("{revision}:{}", recording.display());
    Recording::read(&file, &text(&file, shown.stdout)?)
}

fn git(folder: &Path, args: &[&str], revision: &str) -> anyhow::Result<Output> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(args).env("LC_ALL", "C").stdin(Stdio::null());
    git.output().with_context(|| {
        format!(
            "there is no file `{revision}`, and cannot run git to see if it is a revision: is git installed?"
        )
    })
}

fn text(file: &str, bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).with_context(|| format!("the recording {file} is not UTF-8"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::{
        super::recording::tests::{recording, used},
        *,
    };

    #[test]
    fn a_path_means_a_recording() {
        let app = tempfile::tempdir().unwrap();
        for (path, found) in [
            (app.path().to_owned(), app.path().join("tests/fuel.json")),
            (app.path().join("mecha.yaml"), app.path().join("tests/fuel.json")),
            (app.path().join("base.json"), app.path().join("base.json")),
            (PathBuf::from("mecha.yaml"), PathBuf::from("tests/fuel.json")),
        ] {
            assert_eq!(named(&path), found);
        }
    }

    #[test]
    fn a_recording_is_written_when_it_is_another() {
        let app = tempfile::tempdir().unwrap();
        let path = of_app(app.path());
        assert_eq!(read(&path).unwrap(), None);
        assert!(existing(&path).unwrap_err().to_string().contains("make it with `mecha-host test --bless`"));
        let made = recording("aa", &[("a / 1", used(1, &[]))]);
        assert!(write(&path, &made).unwrap());
        assert!(!write(&path, &made).unwrap());
        assert_eq!(existing(&path).unwrap(), made);
        assert!(write(&path, &recording("bb", &[])).unwrap());
        let names: Vec<_> =
            path.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["fuel.json"]);
    }

    fn commit(folder: &Path) {
        for args in [
            &["init", "--quiet", "--initial-branch", "main"][..],
            &["add", "."],
            &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--no-gpg-sign", "-m", "a"],
        ] {
            let done = git(folder, args, "").expect("this test needs git");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }

    #[test]
    fn a_base_is_a_file_an_app_or_a_revision() {
        let app = tempfile::tempdir().unwrap();
        let path = of_app(app.path());
        let made = recording("aa", &[("a / 1", used(1, &[]))]);
        write(&path, &made).unwrap();
        commit(app.path());
        let now = recording("bb", &[]);
        write(&path, &now).unwrap();

        for (base, expected) in [
            ("main", &made),
            ("HEAD", &made),
            (path.to_str().unwrap(), &now),
            (app.path().to_str().unwrap(), &now),
        ] {
            assert_eq!(super::base(base, &path).unwrap(), *expected, "{base}");
        }
        let folder = path.parent().unwrap().display();
        let other = path.parent().unwrap().join("other.json");
        for (base, path, message) in [
            ("mian", &path, format!("`mian` is no file, and no revision of git in {folder}")),
            ("--help", &path, "`--help` is no file, and no revision of git".to_owned()),
            (
                "HEAD",
                &other,
                format!(
                    "the revision `HEAD` has no recording {}: there is nothing to compare with",
                    other.display()
                ),
            ),
        ] {
            assert_eq!(super::base(base, path).unwrap_err().to_string(), message);
        }
        let outside = tempfile::tempdir().unwrap();
        let error = base("HEAD", &outside.path().join("fuel.json")).unwrap_err().to_string();
        assert!(error.contains("not a git repository"), "{error}");
    }
}
