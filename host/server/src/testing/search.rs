//! Asks the finders that were asked for what they find in a case.

use mecha_manifest::suite::Case;

use super::{
    bench::Bench,
    finders::{self, Found},
    verdict::Finding,
};

/// Which finders are asked.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub crash: bool,
    pub fail: bool,
    pub race: bool,
    /// Only what this token says, which one of them printed.
    pub replay: Option<String>,
}

/// What they found, and what else there is to say.
#[derive(Debug, Default)]
pub struct Searched {
    pub findings: Vec<Finding>,
    pub notes: Vec<String>,
}

type Finder = fn(&Bench, &Case) -> anyhow::Result<Found>;

const FINDERS: [(&str, Finder); 3] = [
    ("crash-everywhere", finders::crash_everywhere),
    ("fail-everywhere", finders::fail_everywhere),
    ("race-everywhere", finders::race_everywhere),
];

impl Wanted {
    /// Whether any is.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.crash || self.fail || self.race || self.replay.is_some()
    }

    /// # Errors
    /// If the case cannot be run as a finder wants it, or the token is none of this case's.
    pub fn search(&self, bench: &Bench, case: &Case) -> anyhow::Result<Searched> {
        let mut searched = Searched::default();
        if let Some(token) = &self.replay {
            let (name, found) = replayed(bench, case, token)?;
            searched.take(name, found);
            return Ok(searched);
        }
        let wanted = [self.crash, self.fail, self.race];
        for ((name, finder), _) in FINDERS.into_iter().zip(wanted).filter(|(_, wanted)| *wanted) {
            searched.take(name, finder(bench, case)?);
        }
        Ok(searched)
    }
}

fn replayed(bench: &Bench, case: &Case, token: &str) -> anyhow::Result<(&'static str, Found)> {
    let name = match token.split(':').next() {
        Some("race") => "race-everywhere",
        Some("fail") => "fail-everywhere",
        _ => "crash-everywhere",
    };
    match finders::replay(bench, case, token) {
        Some(found) => Ok((name, found?)),
        None => anyhow::bail!(
            "`{token}` is no token that a finder prints: they begin with `crash:`, `fail:` or `race:`"
        ),
    }
}

impl Searched {
    fn take(&mut self, finder: &'static str, found: Found) {
        let Found { tried, broken, skipped } = found;
        match broken {
            Some(broken) => {
                self.findings.push(Finding { finder, text: broken.shown(), replay: broken.replay });
            }
            None => self.notes.push(format!("--{finder}: {tried} tried, and nothing broke it")),
        }
        self.notes.extend(skipped.map(|why| format!("--{finder}: {why}")));
    }
}
