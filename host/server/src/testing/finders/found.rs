//! What a finder has found.

use std::fmt;

use super::picture::Difference;

#[derive(Debug, Default)]
pub struct Found {
    /// How often the case was tried.
    pub tried: usize,
    pub broken: Option<Broken>,
    /// What was not tried, and why.
    pub skipped: Option<String>,
}

/// What breaks a case.
#[derive(Debug)]
pub struct Broken {
    /// What is not as it should be.
    pub what: Vec<Difference>,
    /// How it comes to that: lines, as a person reads them.
    pub sequence: Vec<String>,
    /// Of how many others the cause is the same.
    pub others: usize,
    /// What runs only this again.
    pub replay: String,
    pub advice: String,
}

/// Differences that are shown.
const SHOWN: usize = 10;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in self.what.iter().take(SHOWN) {
            writeln!(f, "{difference}")?;
        }
        if self.what.len() > SHOWN {
            writeln!(f, "… and {} more", self.what.len() - SHOWN)?;
        }
        for line in &self.sequence {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{}", self.advice)
    }
}
