//! `mecha-host build`: runs the build commands of a manifest.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use mecha_manifest::{self as manifest, App};

use super::{exit, say};
use crate::{
    files::{self, Kind},
    load::Report,
    summary,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A manifest, or a folder with one
    #[arg(default_value = ".")]
    path: PathBuf,
}

/// A build needs no secrets: that they are set is for `serve` to ask. Any text will do, but for none: a key must not be
/// empty.
pub(super) struct NoSecrets;

impl manifest::Secrets for NoSecrets {
    fn env(&self, _: &str) -> Option<String> {
        Some("none".to_owned())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Ok("none".to_owned())
    }
}

pub fn run(args: &Args) -> u8 {
    match build(args) {
        Ok(code) => code,
        Err(error) => {
            say(&error);
            exit::APP
        }
    }
}

fn build(args: &Args) -> anyhow::Result<u8> {
    let source = files::find(&args.path)?;
    let Kind::Manifest { file, text } = &source.kind else {
        bail!("{} is a component, and built already", args.path.display());
    };
    let app = match manifest::load(file, text, &NoSecrets) {
        Ok((app, _)) => app,
        Err(problems) => {
            summary::report(&Report { problems, text: text.clone() }, false);
            return Ok(exit::APP);
        }
    };
    let built = commands(&app, &source.folder, Stdio::inherit)?;
    summary::built(built, app.components.len());
    Ok(exit::OK)
}

/// Runs the build command of each component that has one. How many there are.
pub(super) fn commands(app: &App, folder: &Path, stdout: impl Fn() -> Stdio) -> anyhow::Result<usize> {
    let mut built = 0;
    for component in &app.components {
        let Some(command) = &component.build else { continue };
        tracing::info!(component = %component.name, command, "building");
        let status = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .stdout(stdout())
            .status()
            .with_context(|| format!("cannot run the build command of `{}`", component.name))?;
        if !status.success() {
            bail!("the build command of `{}` failed ({status}): {command}", component.name);
        }
        let made = folder.join(&component.source.value);
        if !made.is_file() {
            let (name, made) = (&component.name, made.display());
            bail!("the build command of `{name}` ended well, but its source {made} is not there: {command}");
        }
        built += 1;
    }
    Ok(built)
}
