//! The command line: a file for each command.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use mecha_primitives::clock::Clock as _;
use mecha_runtime::engine::Metering;

use crate::{
    clock::SystemClock,
    files::{self, Source},
    load::{self, Loaded},
    log,
    progress::Progress,
    summary,
};

mod bindings;
mod build;
mod call;
mod check;
mod completions;
mod conflicts;
mod dlq;
mod fuel;
mod inspect;
mod new;
mod operate;
mod schema;
pub mod serve;
mod test;
mod tighten;
mod topics;

/// What the process answers when it ends. Documented in `docs/cli.md`.
pub mod exit {
    /// All went well.
    pub const OK: u8 = 0;
    /// The app is wrong: its manifest, a component, or a grant.
    pub const APP: u8 = 1;
    // 2 is the command line's own: a flag that does not exist, a value that cannot be read.
    /// The machine is in the way: a port in use, a data directory that cannot be written.
    pub const MACHINE: u8 = 3;
    /// A second signal ended the process at once.
    pub const INTERRUPTED: u8 = 130;
}

/// Serves WebAssembly components, and gives them durable state and more.
#[derive(Debug, Parser)]
#[command(name = "mecha-host", version, max_term_width = 100)]
struct Cli {
    /// What to log, in the syntax of RUST_LOG: `info`, `warn,guest=info`. Default: RUST_LOG, else `info`
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// How to log (to stderr)
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: log::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a component, or the app of a manifest
    Serve(serve::Args),
    /// Run the build commands of a manifest
    Build(build::Args),
    /// Check all that `serve` checks, without serving
    Check(check::Args),
    /// Show a component's imports, exports and size, and the smallest manifest that would run it
    Inspect(inspect::Args),
    /// Print the JSON Schema of the manifest or of test files, for editors
    Schema(schema::Args),
    /// Print what output and input bindings offer: the reference
    Bindings(bindings::Args),
    /// Run the tests of an app
    Test(test::Args),
    /// Propose the smallest manifest that would have allowed all that receipts of tests show
    Tighten(tighten::Args),
    /// Begin a new app from a template
    New(new::Args),
    /// Call a method of a component, as somebody outside of the app
    Call(call::Args),
    /// Show what the app's topics hold and how far behind their groups are; pause and resume subscriptions
    Topics(topics::Args),
    /// List the keys for which atomic calls are run again
    Conflicts(conflicts::Args),
    /// Look at events that were given up; deliver them again, or drop them
    Dlq(dlq::Args),
    /// Show what the cases of tests use, and how that changed
    Fuel(fuel::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

/// The compiled-code cache, for every command that compiles.
#[derive(Debug, clap::Args)]
struct CacheArgs {
    /// The folder of compiled components. Default: `mecha-host` in the user's cache folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Compile every component anew
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

impl CacheArgs {
    /// The cache, if it is wanted and can be trusted. That there is none is no reason not to go on.
    fn open(&self) -> Option<mecha_runtime::cache::Cache> {
        if self.no_cache {
            return None;
        }
        let folder = self.cache.clone().or_else(default_cache)?;
        mecha_runtime::cache::Cache::open(&folder)
            .inspect_err(|error| tracing::warn!("compiled code is not cached: {error:#}"))
            .ok()
    }
}

fn default_cache() -> Option<PathBuf> {
    let xdg = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Some(xdg.or_else(home)?.join("mecha-host"))
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // What goes wrong in a case is told with the case.
    let default = if matches!(cli.command, Command::Test(_)) { "off" } else { "info" };
    let _log = match log::start(cli.log.as_deref(), default, cli.log_format) {
        Ok(log) => log,
        Err(error) => return fail(exit::APP, &error),
    };
    ExitCode::from(match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Bindings(args) => bindings::run(&args),
        Command::Test(args) => test::run(&args, &mecha_manifest::suite::load, &test::prepare),
        Command::Tighten(args) => tighten::run(&args),
        Command::New(args) => new::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Conflicts(args) => conflicts::run(&args),
        Command::Dlq(args) => dlq::run(&args),
        Command::Fuel(args) => fuel::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command),
    })
}

use clap::CommandFactory as _;

/// Loads the app at a path. If that cannot be, says why, and gives the code to end with.
fn app(path: &Path, cache: &CacheArgs, strict: bool, as_json: bool) -> Result<(Source, Loaded), u8> {
    app_metered(path, cache, strict, as_json, Metering::None)
}

/// As [`app`], with this compiled into all code at least.
fn app_metered(
    path: &Path,
    cache: &CacheArgs,
    strict: bool,
    as_json: bool,
    metering: Metering,
) -> Result<(Source, Loaded), u8> {
    let source = files::find(path).map_err(|error| {
        summary::refused(&error, as_json);
        exit::APP
    })?;
    let cache = cache.open();
    let options = load::Options {
        cache: cache.as_ref(),
        strict,
        metering,
        secrets: None,
        now: SystemClock.now(),
        progress: &Progress,
    };
    let loaded = load::load(&source, &options).map_err(|report| {
        summary::report(&report, as_json);
        exit::APP
    })?;
    Ok((source, loaded))
}

/// Says what is in the way, with the whole chain of causes.
fn say(error: &anyhow::Error) {
    summary::refused(error, false);
}

fn fail(code: u8, error: &anyhow::Error) -> ExitCode {
    say(error);
    ExitCode::from(code)
}
