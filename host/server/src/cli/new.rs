//! `mecha-host new`: begins an app from a template.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use cap_std::{ambient_authority, fs::Dir};
use mecha_primitives::name;

use super::{exit, say};
use crate::print::out;

mod templates;

use templates::{File, Lang, Template};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The app's name, and that of its folder
    name: String,
    /// What to begin with. Default: http for Rust, invoke for the others
    #[arg(long, value_enum)]
    template: Option<Template>,
    /// Which language to begin in
    #[arg(long, value_enum, default_value = "rust")]
    lang: Lang,
    /// Where to make the app's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
}

pub fn run(args: &Args) -> u8 {
    match make(args) {
        Ok(()) => exit::OK,
        Err(error) => {
            say(&error);
            exit::APP
        }
    }
}

fn make(args: &Args) -> anyhow::Result<()> {
    let name =
        name::App::new(&args.name).with_context(|| format!("`{}` is no name for an app", args.name))?;
    let files = templates::files(args.lang, args.template)?;
    let folder = args.into.join(name.as_str());
    ensure!(
        args.into.is_dir(),
        "cannot make {}: there is no folder {}; make it, or name another with --into",
        folder.display(),
        args.into.display()
    );
    ensure!(!folder.exists(), "{} is there already; nothing was written", folder.display());
    write(&args.into, &name, files).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.display();
    out(format_args!(
        "made {folder}\n\nnext:\n  cd {folder}\n  mecha-host build\n  mecha-host test\n  mecha-host serve ."
    ));
    Ok(())
}

fn write(into: &Path, name: &name::App, files: &[File]) -> anyhow::Result<()> {
    let parent = Dir::open_ambient_dir(into, ambient_authority())?;
    parent.create_dir(name.as_str())?;
    let folder = parent.open_dir(name.as_str())?;
    for (path, text) in files {
        if let Some(parent) = Path::new(path).parent() {
            folder.create_dir_all(parent)?;
        }
        folder.write(path, text.replace("{{name}}", name.as_str()))?;
    }
    Ok(())
}
