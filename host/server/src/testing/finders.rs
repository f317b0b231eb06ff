//! Finds what the author of a case did not think of: the case is run again and again, with something else going wrong
//! each time, and what it leaves is compared.
//!
//! | module | idea |
//! |---|---|
//! | [`picture`] | what a case left |
//! | [`masks`] | which of it is drawn, or a time |
//! | [`usual`] | the case when nothing goes wrong |
//! | [`crash`] | the host crashes |
//! | [`fail`] | host calls fail |
//! | [`sequence`] | what led there, as a person reads it |
//! | [`advice`] | what would mend it |
//! | [`race`] | calls at once, in every order of their host calls |
//! | [`explore`] | every order in which processes can go on |

use anyhow::Context as _;
use mecha_manifest::suite::Case;

use self::{
    picture::Difference,
    usual::{Medium, Usual},
};
use super::{bench::Bench, case::Run, plan::Deed};

mod advice;
mod crash;
mod explore;
mod fail;
pub mod masks;
pub mod picture;
mod race;
mod sequence;
pub mod usual;

/// What a finder has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How often the case was run with something going wrong.
    pub tried: usize,
    pub broken: Option<Broken>,
    /// Why not all of it was tried, or nothing.
    pub skipped: Option<String>,
}

/// The shortest sequence that breaks a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What is not as it is when nothing goes wrong.
    pub what: Vec<Difference>,
    /// The host calls that lead there, what went wrong, and what came of it: a line each.
    pub sequence: Vec<String>,
    /// How many other things break it.
    pub others: usize,
    /// What runs only this again.
    pub replay: String,
    pub advice: String,
}

/// Crashes the host before and after each host call with an effect.
///
/// # Errors
/// If the case cannot be run.
pub fn crash_everywhere(bench: &Bench, case: &Case) -> anyhow::Result<Found> {
    everywhere(&CRASH, bench, case)
}

/// Makes each host call fail, with each error that it may have.
///
/// # Errors
/// If the case cannot be run.
pub fn fail_everywhere(bench: &Bench, case: &Case) -> anyhow::Result<Found> {
    everywhere(&FAIL, bench, case)
}

/// Makes calls at once, in every order of their host calls.
///
/// # Errors
/// If the case cannot be run.
pub fn race_everywhere(bench: &Bench, case: &Case) -> anyhow::Result<Found> {
    race::everywhere(bench, case)
}

/// Runs again what a token stands for. `None`: it is no token of these finders.
///
/// # Errors
/// If the case cannot be run, or has no such place.
pub fn replay(bench: &Bench, case: &Case, token: &str) -> Option<anyhow::Result<Found>> {
    if let Some(order) = race::parse(token) {
        return Some(race::again(bench, case, &order));
    }
    let (finder, attempt) =
        [&CRASH, &FAIL].into_iter().find_map(|finder| Some((finder, (finder.parse)(token)?)))?;
    Some(again(finder, bench, case, &attempt))
}

/// A kind of things that go wrong.
struct Finder {
    medium: Medium,
    attempts: fn(&Usual<'_>) -> Vec<Attempt>,
    parse: fn(&str) -> Option<Attempt>,
    judge: fn(&Usual<'_>, &Attempt) -> anyhow::Result<Option<Wrong>>,
    /// What it makes: `14 crashes`.
    name: (&'static str, &'static str),
}

const CRASH: Finder = Finder {
    medium: Medium::Disk,
    attempts: crash::attempts,
    parse: crash::parse,
    judge: crash::judge,
    name: ("crash", "crashes"),
};

const FAIL: Finder = Finder {
    medium: Medium::Memory,
    attempts: fail::attempts,
    parse: fail::parse,
    judge: fail::judge,
    name: ("failure", "failures"),
};

/// Something that goes wrong at one point.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attempt {
    at: usize,
    deed: Deed,
    token: String,
}

/// What went wrong with it.
struct Wrong {
    what: Vec<Difference>,
    run: Run,
}

/// Runs of one case at the most.
const RUNS: usize = 2000;

fn everywhere(finder: &Finder, bench: &Bench, case: &Case) -> anyhow::Result<Found> {
    let usual = match Usual::of(bench, case, finder.medium)? {
        Ok(usual) => usual,
        Err(why) => return Ok(Found { skipped: Some(why), ..Found::default() }),
    };
    let Searched { tried, wrong, first, left } = search(finder, &usual)?;
    let skipped = (left > 0).then(|| format!("{left} more {} were not tried", finder.name.1));
    let Some((attempt, found)) = first else { return Ok(Found { tried, broken: None, skipped }) };
    let mut broken = shown(&usual, &attempt, &found);
    broken.others = wrong - 1;
    broken.advice = advice::advice(finder, &usual, &attempt, &found.what);
    Ok(Found { tried, broken: Some(broken), skipped })
}

fn again(finder: &Finder, bench: &Bench, case: &Case, attempt: &Attempt) -> anyhow::Result<Found> {
    let usual = match Usual::of(bench, case, finder.medium)? {
        Ok(usual) => usual,
        Err(why) => return Ok(Found { skipped: Some(why), ..Found::default() }),
    };
    usual
        .points
        .get(attempt.at)
        .context("the case does not come to this point: it, or the app, is another by now")?;
    let Some(found) = (finder.judge)(&usual, attempt)? else {
        return Ok(Found { tried: 1, ..Found::default() });
    };
    Ok(Found { tried: 1, broken: Some(shown(&usual, attempt, &found)), skipped: None })
}

struct Searched {
    tried: usize,
    wrong: usize,
    first: Option<(Attempt, Wrong)>,
    left: usize,
}

fn search(finder: &Finder, usual: &Usual<'_>) -> anyhow::Result<Searched> {
    let attempts = (finder.attempts)(usual);
    let left = attempts.len().saturating_sub(RUNS);
    let mut searched = Searched { tried: 0, wrong: 0, first: None, left };
    for attempt in attempts.into_iter().take(RUNS) {
        searched.tried += 1;
        let judged = (finder.judge)(usual, &attempt);
        let Some(wrong) = judged.with_context(|| format!("with {}", attempt.token))? else { continue };
        searched.wrong += 1;
        searched.first.get_or_insert((attempt, wrong));
    }
    Ok(searched)
}

fn shown(usual: &Usual<'_>, attempt: &Attempt, wrong: &Wrong) -> Broken {
    Broken {
        what: wrong.what.clone(),
        sequence: sequence::sequence(usual, attempt, &wrong.run),
        others: 0,
        replay: attempt.token.clone(),
        advice: String::new(),
    }
}

impl Broken {
    /// All that there is to say, as a person reads it.
    #[must_use]
    pub fn shown(&self) -> String {
        let Self { what, sequence, others, replay, advice } = self;
        let mut text: String = what.iter().map(|difference| format!("{difference}\n")).collect();
        text.push('\n');
        text.extend(sequence.iter().map(|line| format!("  {line}\n")));
        text.push('\n');
        match others {
            0 => {}
            1 => text.push_str("One other place breaks it too.\n"),
            others => text.push_str(&format!("{others} other places break it too.\n")),
        }
        text.push_str(&format!("Again: --replay {replay}\n"));
        if !advice.is_empty() {
            text.push_str(&format!("What would help: {advice}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests;
