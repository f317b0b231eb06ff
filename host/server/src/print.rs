//! What the command line prints: results to stdout, everything else to stderr.
//!
//! Nobody has to read to the end (`inspect app.wasm | head`): what can no longer be written is left out, the command goes
//! on, and its exit code says how it ended.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// A line, or several, to stdout.
pub fn out(text: impl Display) {
    _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line, or several, to stderr.
pub fn err(text: impl Display) {
    _ = writeln!(io::stderr().lock(), "{text}");
}
