//! The process. Read [`cli::serve`] like a table of contents: log, load, check, wire, serve, drain.

mod admin;
mod apps;
mod body;
mod cli;
mod clock;
mod conflicts;
mod control;
mod data;
mod dispatch;
mod fault;
mod files;
mod load;
mod log;
mod metrics;
mod print;
mod progress;
mod route;
mod shutdown;
mod summary;
mod testing;
mod trace;
mod triggers;
mod wire;

fn main() -> std::process::ExitCode {
    cli::main()
}
