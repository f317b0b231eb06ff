//! `mecha-host completions`: for a shell.

use super::exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, command: impl FnOnce() -> clap::Command) -> u8 {
    clap_complete::generate(args.shell, &mut command(), "mecha-host", &mut std::io::stdout());
    exit::OK
}
