//! What people and machines are told of a run: a file for each way to tell it.
//!
//! A report is told of cases in the order of the files, and is not asked what it thinks of them: what a case is worth is
//! decided before.

use mecha_manifest::suite::{Case, Suite};

use super::{run::Summary, verdict::Tried};

mod block;
pub mod json;
pub mod junit;
pub mod progress;
pub mod text;
pub mod words;

/// Who is told.
pub trait Report {
    /// So many cases are going to be run.
    fn begin(&mut self, _cases: usize) {}

    /// A case begins; in whatever order.
    fn began(&mut self, _suite: &Suite, _case: &Case) {}

    /// A case has ended; in whatever order.
    fn ended(&mut self, _tried: &Tried) {}

    /// What became of a case; in the order of the files.
    fn tried(&mut self, tried: &Tried);

    /// A case was not begun any more; in the same order.
    fn not_run(&mut self, suite: &Suite, case: &Case);

    fn end(&mut self, summary: &Summary);
}

/// Several reports of one run.
#[derive(Default)]
pub struct All<'a>(pub Vec<&'a mut dyn Report>);

impl Report for All<'_> {
    fn begin(&mut self, cases: usize) {
        self.0.iter_mut().for_each(|report| report.begin(cases));
    }

    fn began(&mut self, suite: &Suite, case: &Case) {
        self.0.iter_mut().for_each(|report| report.began(suite, case));
    }

    fn ended(&mut self, tried: &Tried) {
        self.0.iter_mut().for_each(|report| report.ended(tried));
    }

    fn tried(&mut self, tried: &Tried) {
        self.0.iter_mut().for_each(|report| report.tried(tried));
    }

    fn not_run(&mut self, suite: &Suite, case: &Case) {
        self.0.iter_mut().for_each(|report| report.not_run(suite, case));
    }

    fn end(&mut self, summary: &Summary) {
        self.0.iter_mut().for_each(|report| report.end(summary));
    }
}

#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;
