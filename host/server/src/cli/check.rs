//! `mecha-host check`: everything that `serve` checks, without serving.

use std::path::PathBuf;

use super::{CacheArgs, exit, say};
use crate::{files, load, progress::Progress, summary};

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
    let source = match files::find(&args.path) {
        Ok(source) => source,
        Err(error) => {
            say(&error);
            return exit::APP;
        }
    };
    let cache = args.cache.open();
    let progress = Progress;
    let options = load::Options { cache: cache.as_ref(), strict: args.strict, progress: &progress };
    match load::load(&source, &options) {
        Ok(loaded) => {
            summary::good(&loaded, args.json);
            exit::OK
        }
        Err(report) => {
            summary::report(&report, args.json);
            exit::APP
        }
    }
}
