//! How far a run is, on a terminal. Machines and logs see none of it.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mecha_manifest::suite::{Case, Suite};

use super::{
    Report,
    words::{number, plain},
};
use crate::testing::{run::Summary, verdict::Tried};

/// A line that is drawn below what is printed.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    failed: usize,
}

impl Progress {
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::no_length();
        if !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        // The template is ours, and right; without it the bar has its own.
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len}  {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, failed: 0 }
    }

    /// Where to print to meanwhile: what is written to stdout, the line makes room for.
    #[must_use]
    pub fn stdout(&self) -> Beside {
        Beside(io::stdout().is_terminal().then(|| self.bar.clone()))
    }
}

impl Report for Progress {
    fn begin(&mut self, cases: usize) {
        self.bar.set_length(cases as u64);
    }

    fn began(&mut self, suite: &Suite, case: &Case) {
        let failed = match self.failed {
            0 => String::new(),
            failed => format!("{} failed  ", number(failed as u64)),
        };
        self.bar.set_message(format!("{failed}{}  {}", plain(&suite.file), plain(&case.name)));
    }

    fn ended(&mut self, tried: &Tried) {
        self.failed += usize::from(!tried.has_passed());
        self.bar.inc(1);
    }

    fn tried(&mut self, _: &Tried) {}

    fn not_run(&mut self, _: &Suite, _: &Case) {}

    fn end(&mut self, _: &Summary) {
        self.bar.finish_and_clear();
    }
}

/// Stdout, beside the line if both are on a terminal.
#[derive(Debug)]
pub struct Beside(Option<ProgressBar>);

impl io::Write for Beside {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let write = || io::stdout().lock().write_all(text);
        match &self.0 {
            Some(bar) => bar.suspend(write)?,
            None => write()?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}
