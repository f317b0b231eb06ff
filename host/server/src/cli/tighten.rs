//! `mecha-host tighten`: the smallest manifest that would do, by receipts.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use cap_std::{ambient_authority, fs::Dir};
use mecha_manifest as manifest;
use similar::TextDiff;

use super::{build::NoSecrets, exit, say};
use crate::{
    files::{self, Kind},
    load::Report,
    print::{err, out},
    summary,
    testing::{
        report::words::plain,
        tighten::{self, Tightened, used::Used},
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A manifest, or a folder with one
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Receipts that `mecha-host test --receipts` has written; may be given several times
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    receipts: Vec<PathBuf>,
    /// Change the manifest. What it was is kept beside it, with `.bak` at the end of its name
    #[arg(long)]
    write: bool,
}

pub fn run(args: &Args) -> u8 {
    answer(args).unwrap_or_else(|error| {
        say(&error);
        exit::APP
    })
}

fn answer(args: &Args) -> anyhow::Result<u8> {
    let source = files::find(&args.path)?;
    let Kind::Manifest { file, text } = &source.kind else {
        bail!("{} is a component by itself, without a manifest that could be tightened", args.path.display());
    };
    let wrong = |problems| {
        summary::report(&Report { problems, text: text.clone() }, false);
        exit::APP
    };
    let app = match manifest::load(file, text, &NoSecrets) {
        Ok((app, _)) => app,
        Err(problems) => return Ok(wrong(problems)),
    };
    let mut used = Used::default();
    for path in &args.receipts {
        used.read(path, app.name.as_str())?;
    }
    let tightened = match tighten::tighten(file, text, &NoSecrets, &used) {
        Ok(tightened) => tightened,
        Err(problems) => return Ok(wrong(problems)),
    };
    let Tightened { text: new, done, by_hand, notes } = &tightened;
    for note in notes {
        err(plain(&format!("note: {note}")));
    }
    for proposal in done {
        err(plain(&proposal.told()));
    }
    for proposal in by_hand {
        err(plain(&format!("by hand: {}", proposal.told())));
    }
    if done.is_empty() {
        if by_hand.is_empty() {
            err("nothing to tighten");
            return Ok(exit::OK);
        }
        return Ok(exit::APP);
    }
    if args.write {
        let path = Path::new(file);
        write(path, text, new).with_context(|| format!("cannot write {file}"))?;
        err(format_args!("{file} is changed; {file}.bak is what it was"));
        return Ok(if by_hand.is_empty() { exit::OK } else { exit::APP });
    }
    out(diff(file, text, new).trim_end());
    Ok(exit::APP)
}

/// The difference, as `patch` reads it.
fn diff(file: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().header(file, file).to_string()
}

/// The new text as a whole or not at all, and the old one beside it.
fn write(path: &Path, old: &str, new: &str) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("this path names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
    let with = |end: &str| {
        let mut name = name.to_owned();
        name.push(end);
        name
    };
    folder.write(with(".bak"), old)?;
    folder.write(with(".new"), new)?;
    folder.rename(with(".new"), &folder, name)
}
