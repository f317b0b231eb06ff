//! `mecha-host new`: begins an app from a template.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use cap_std::{ambient_authority, fs::Dir};
use mecha_primitives::name;

use super::{exit, say};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The app's name, and that of its folder
    name: String,
    /// What to begin with
    #[arg(long, value_enum, default_value = "http")]
    template: Template,
    /// Where to make the app's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Template {
    /// Answers HTTP and counts its visitors in a store (Rust)
    Http,
}

/// A file of a template: its path, and its text with `{{name}}` for the app's name.
type File = (&'static str, &'static str);

const HTTP: &[File] = &[
    ("mecha.yaml", include_str!("../../templates/http/mecha.yaml")),
    ("README.md", include_str!("../../templates/http/README.md")),
    ("Cargo.toml", include_str!("../../templates/http/Cargo.toml.txt")),
    ("rust-toolchain.toml", include_str!("../../templates/http/rust-toolchain.toml")),
    (".gitignore", include_str!("../../templates/http/gitignore.txt")),
    ("src/lib.rs", include_str!("../../templates/http/lib.rs.txt")),
    ("wit/state.wit", include_str!("../../../../wit/state/state.wit")),
];

pub fn run(args: &Args) -> u8 {
    match make(args) {
        Ok(()) => exit::OK,
        Err(error) => {
            say(&error);
            exit::APP
        }
    }
}

#[expect(clippy::print_stdout, reason = "the next steps are what was asked for")]
fn make(args: &Args) -> anyhow::Result<()> {
    let name =
        name::App::new(&args.name).with_context(|| format!("`{}` is no name for an app", args.name))?;
    let files = match args.template {
        Template::Http => HTTP,
    };
    let folder = args.into.join(name.as_str());
    ensure!(!folder.exists(), "{} is there already; nothing was written", folder.display());
    write(&args.into, &name, files).with_context(|| format!("cannot make {}", folder.display()))?;
    println!(
        "made {}\n\nnext:\n  cd {}\n  mecha-host build\n  mecha-host serve .",
        folder.display(),
        folder.display()
    );
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
