//! `mecha-host check`: everything that `serve` checks, without serving.

use std::path::PathBuf;

use super::{CacheArgs, exit};
use crate::summary;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm or .wat), a manifest, or a folder with one
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Treat warnings about the app as errors
    #[arg(long)]
    strict: bool,
    /// Print the problems as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

pub fn run(args: &Args) -> u8 {
    match super::app(&args.path, &args.cache, args.strict, args.json) {
        Ok((_, loaded)) => {
            summary::good(&loaded, args.json);
            exit::OK
        }
        Err(code) => code,
    }
}
