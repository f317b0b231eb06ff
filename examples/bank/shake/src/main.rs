//! `cargo run -p bank-shake`: see the example's README.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, ensure};
use bank_shake::{Plan, host::Start, shake};
use clap::Parser as _;

/// Moves money in examples/bank while its host is killed and started again, and then reads the books.
#[derive(Debug, clap::Parser)]
struct Args {
    /// How often the host is killed
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Milliseconds from one kill to the next, on average
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    between: u64,
    /// How many move money at once
    #[arg(long, default_value_t = 32)]
    customers: u64,
    /// How many accounts there are, 2 to 500; fewer have more conflicts
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..=500))]
    accounts: u64,
    /// The app's folder
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    app: PathBuf,
    /// Where the host listens: open it in a browser meanwhile
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether all was right.
async fn run(args: Args) -> anyhow::Result<bool> {
    // Each time a new bank.
    let folder = tempfile::tempdir()?.keep();
    say(&format!("the host's data and log are in {}", folder.display()));
    let Args { kills, between, customers, accounts, app, listen } = args;
    let start = Start { binary: binary()?, app, folder, listen, args: vec![] };
    let between = Duration::from_millis(between);
    let report = shake(&start, &Plan { customers, accounts, each: 1000, kills, between }, say).await?;
    say(&report.to_string());
    Ok(report.is_right())
}

/// The host that was built beside this program.
fn binary() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("mecha-host");
    ensure!(binary.exists(), "there is no {}: run `cargo build` first", binary.display());
    binary.canonicalize().context("the host's path")
}

#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn say(text: &str) {
    println!("{text}");
}
