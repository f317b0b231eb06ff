//! `mecha-host build`: runs the build commands of a manifest.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, bail};
use mecha_manifest as manifest;

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

/// A build needs no secrets: that they are set is for `serve` to ask.
pub(super) struct NoSecrets;

impl manifest::Secrets for NoSecrets {
    fn env(&self, _: &str) -> Option<String> {
        Some(String::new())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Ok(String::new())
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
    let mut built = 0;
    for component in &app.components {
        let Some(command) = &component.build else { continue };
        tracing::info!(component = %component.name, command, "building");
        let status = Command::new("sh")
            .args(["-c", command])
            .current_dir(&source.folder)
            .status()
            .with_context(|| format!("cannot run the build command of `{}`", component.name))?;
        if !status.success() {
            bail!("the build command of `{}` failed ({status}): {command}", component.name);
        }
        let made = source.folder.join(&component.source.value);
        if !made.is_file() {
            let (name, made) = (&component.name, made.display());
            bail!("the build command of `{name}` ended well, but its source {made} is not there: {command}");
        }
        built += 1;
    }
    summary::built(built, app.components.len());
    Ok(exit::OK)
}
