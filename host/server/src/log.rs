//! Logs: events on stderr, as text for people or as JSON for machines.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Begins to log. `filter` is what `--log` says, in the syntax of `RUST_LOG`, which it precedes; `default`, what is logged if neither says. What is logged last
/// is written when the answer is dropped.
///
/// A thread of its own writes: whoever reads stderr, and stops reading, must not stop the host. What it cannot write
/// in time is dropped.
///
/// # Errors
/// If the filter cannot be read.
pub fn start(filter: Option<&str>, default: &str, format: Format) -> anyhow::Result<WorkerGuard> {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let from_env = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let wanted = filter.or(from_env.as_deref()).unwrap_or(default);
    let filter = EnvFilter::try_new(wanted).with_context(|| {
        format!("cannot read the log filter `{wanted}`; right would be `info`, or `warn,guest=info`")
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => {
            let ansi = std::io::stderr().is_terminal();
            let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
            registry.with(layer.with_target(true)).init();
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
            registry.with(layer.with_writer(writer)).init();
        }
    }
    Ok(guard)
}
