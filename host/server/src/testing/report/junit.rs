//! A run as a CI server reads it: JUnit XML, a suite for each file.
//!
//! A failed expectation is a `failure`. What ended at a limit or could not be run is an `error`, told apart by its type.

use std::path::Path;

use anyhow::Context as _;
use cap_std::{ambient_authority, fs::Dir};
use mecha_manifest::suite::{Case, Suite};
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::{Report, block};
use crate::testing::{
    run::Summary,
    verdict::{Tried, Verdict},
};

/// Gathers a report, to be written when the run has ended.
#[derive(Debug)]
pub struct Junit {
    report: quick_junit::Report,
    /// Of the file that is being told of.
    suite: Option<TestSuite>,
}

impl Junit {
    #[must_use]
    pub fn new(app: &str) -> Self {
        Self { report: quick_junit::Report::new(app), suite: None }
    }

    /// Writes the file, and the folders that it is to be in.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(self, path: &Path) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", path.display());
        let text = self.finish().with_context(cannot)?;
        let name = path.file_name().context("it names no file").with_context(cannot)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Dir::create_ambient_dir_all(folder, ambient_authority()).with_context(cannot)?;
        let folder = Dir::open_ambient_dir(folder, ambient_authority()).with_context(cannot)?;
        folder.write(name, text).with_context(cannot)
    }

    /// The file's content.
    ///
    /// # Errors
    /// If it cannot be written as XML.
    pub fn finish(mut self) -> Result<String, quick_junit::SerializeError> {
        self.end_of_file();
        self.report.to_string()
    }

    fn add(&mut self, file: &str, line: u32, mut case: TestCase) {
        case.set_classname(file);
        case.extra.insert("file".into(), file.into());
        case.extra.insert("line".into(), line.to_string().into());
        if self.suite.as_ref().is_some_and(|suite| suite.name.as_str() != file) {
            self.end_of_file();
        }
        self.suite.get_or_insert_with(|| TestSuite::new(file)).add_test_case(case);
    }

    fn end_of_file(&mut self) {
        if let Some(mut suite) = self.suite.take() {
            let times = suite.test_cases.iter().filter_map(|case| case.time);
            suite.set_time(times.sum());
            self.report.add_test_suite(suite);
        }
    }
}

impl Report for Junit {
    fn tried(&mut self, tried: &Tried) {
        let (kind, what) = match tried.verdict {
            Verdict::Passed => (None, ""),
            Verdict::Failed(_) | Verdict::Said(_) => (Some(NonSuccessKind::Failure), "failed"),
            Verdict::Fuel(_) => (Some(NonSuccessKind::Failure), "fuel"),
            Verdict::Found(_) => (Some(NonSuccessKind::Failure), "found"),
            Verdict::Limit(_) => (Some(NonSuccessKind::Error), "limit"),
            Verdict::Broken(_) => (Some(NonSuccessKind::Error), "broken"),
        };
        let mut status = kind.map_or_else(TestCaseStatus::success, TestCaseStatus::non_success);
        // Both leave a success as it is.
        status.set_message(block::headline(tried)).set_type(what);
        if !tried.has_passed() {
            status.set_description(block::why(tried));
        }
        let mut case = TestCase::new(&tried.case, status);
        case.set_time(tried.took);
        let usage = &tried.usage;
        let used = [("fuel", usage.fuel), ("memory", usage.memory), ("host-calls", usage.host_calls)];
        case.add_properties(used.map(|(name, value)| Property::new(name, value.to_string())));
        self.add(&tried.file, tried.at.line, case);
    }

    fn not_run(&mut self, suite: &Suite, case: &Case) {
        let mut status = TestCaseStatus::skipped();
        status.set_message("not begun: another case had failed");
        self.add(&suite.file, case.at.line, TestCase::new(&case.name, status));
    }

    fn end(&mut self, summary: &Summary) {
        self.report.set_time(summary.took);
    }
}
