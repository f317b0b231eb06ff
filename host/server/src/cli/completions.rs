//! `mecha-host completions`: for a shell.

use super::exit;
use crate::print::out;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, command: impl FnOnce() -> clap::Command) -> u8 {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut command(), "mecha-host", &mut script);
    out(String::from_utf8_lossy(&script).trim_end());
    exit::OK
}
