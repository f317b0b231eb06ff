//! Calls that are made at once, in every order of their host calls: what they come to must be what they come to one
//! after the other, in some order.
//!
//! | module | idea |
//! |---|---|
//! | [`races`] | which steps of a case race |
//! | [`turnstile`] | lets their calls through one at a time |
//! | [`strands`] | which calls go on together |
//! | [`op`] | what a call does next, and what it can be exchanged with |
//! | [`serial`] | what they come to one after the other |
//! | [`told`] | an order, as a person reads it |
//! | [`advice`] | what would mend it |
//!
//! Files of directories do not pass the gate: who races for those is not held.

use std::time::Duration;

use anyhow::Context as _;
use mecha_manifest::suite::{Action, Case};

use super::{
    Broken, Found,
    explore::{Explorer, Process, Rule, Schedule},
    picture::{Difference, Picture},
};
use crate::testing::{
    bench::Bench,
    case::{self, How, Run},
    plan::Plan,
};

mod advice;
mod op;
mod races;
mod serial;
mod strands;
mod told;
mod turnstile;

use op::Op;
use races::Race;
use serial::Serial;
use turnstile::{Made, Turnstile};

/// Orders of one race that are tried at the most.
const RUNS: usize = 2000;
/// How long a call is waited for that waits for another, by the time of the case.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a case goes on after its steps, so that what is tried again is. It is no round time: what is due after a round
/// one would be due at the very end.
const AFTERWARDS: Duration = Duration::from_secs(77);

/// Tries the races of a case, until one breaks it.
pub(super) fn everywhere(bench: &Bench, case: &Case) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut skipped = vec![];
    let races = races::races(case);
    if races.is_empty() {
        skipped.push("it has no requests, events or invocations that could race".to_owned());
    }
    for race in races {
        let serial = match Serial::of(bench, &race)? {
            Ok(serial) => serial,
            Err(why) => {
                skipped.push(format!("{}: {why}", race.name()));
                continue;
            }
        };
        let Explored { tried, left, broken } = explore(bench, &race, &serial)?;
        found.tried += tried;
        if let Some(broken) = broken {
            found.broken = Some(shown(bench, &race, &serial, broken));
            break;
        }
        if left > 0 {
            skipped.push(format!("{}: {tried} orders were tried, and at least {left} were not", race.name()));
        }
    }
    found.skipped = (!skipped.is_empty()).then(|| skipped.join("; "));
    Ok(found)
}

/// An order that was found: of which race of its case, and who went on when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    race: Option<String>,
    choices: Vec<Process>,
}

/// `race:1.2.1`, or `race:2+3:1.2.1` of the second and the third step.
pub(super) fn parse(token: &str) -> Option<Order> {
    let order = token.strip_prefix("race:")?;
    let (race, choices) = order.rsplit_once(':').map_or((None, order), |(race, rest)| (Some(race), rest));
    let choice = |text: &str| text.parse::<usize>().ok()?.checked_sub(1);
    let choices = choices.split('.').map(choice).collect::<Option<_>>()?;
    Some(Order { race: race.map(str::to_owned), choices })
}

/// Runs one order again.
pub(super) fn again(bench: &Bench, case: &Case, order: &Order) -> anyhow::Result<Found> {
    let race = races::races(case).into_iter().find(|race| race.token == order.race);
    let race = race.context("the case has no such race: it is another by now")?;
    let serial = match Serial::of(bench, &race)? {
        Ok(serial) => serial,
        Err(why) => return Ok(Found { skipped: Some(why), ..Found::default() }),
    };
    let schedule = Schedule::replaying(order.choices.clone());
    let directed = direct(bench, &race.case, &race, schedule, PATIENCE)?;
    let broken = serial.judge(&directed).map(|what| Violation { what, directed });
    let broken = broken.map(|broken| shown(bench, &race, &serial, broken));
    Ok(Found { tried: 1, broken, skipped: None })
}

/// What the orders of a race have shown.
struct Explored {
    tried: usize,
    /// Orders that were not tried.
    left: usize,
    broken: Option<Violation>,
}

/// An order that comes to what no serial order comes to.
struct Violation {
    what: Vec<Difference>,
    directed: Directed,
}

/// A run whose calls were let through in an order.
struct Directed {
    run: Run,
    picture: Picture,
    schedule: Schedule<Op>,
    made: Vec<Made>,
}

fn explore(bench: &Bench, race: &Race, serial: &Serial) -> anyhow::Result<Explored> {
    let mut explorer = Explorer::new(Rule { preemptions: None, reduces: true, runs: RUNS });
    let mut tried = 0;
    while let Some(schedule) = explorer.next() {
        let directed = direct(bench, &race.case, race, schedule, PATIENCE)?;
        if !directed.schedule.is_redundant() {
            tried += 1;
            if let Some(what) = serial.judge(&directed) {
                let broken = Some(Violation { what, directed });
                return Ok(Explored { tried, left: 0, broken });
            }
        }
        explorer.learn(directed.schedule);
    }
    Ok(Explored { tried, left: explorer.left(), broken: None })
}

/// Runs a case of a race in the order of a schedule.
fn direct(
    bench: &Bench,
    case: &Case,
    race: &Race,
    schedule: Schedule<Op>,
    patience: Duration,
) -> anyhow::Result<Directed> {
    let turnstile = Turnstile::new(race.numbers(), schedule, patience);
    let plan = Plan::new(&case.given.faults, Some(Box::new(turnstile.clone())));
    let until = case.given.clock + waits(case) + AFTERWARDS;
    let run = case::run(bench, case, How { plan, in_turn: true, until: Some(until), ..How::default() })?;
    let picture = Picture::of(&run).with_answers(&run.replies);
    let (schedule, made) = turnstile.passed();
    Ok(Directed { run, picture, schedule, made })
}

/// How long the steps of a case wait.
fn waits(case: &Case) -> Duration {
    let wait = |action: &Action| if let Action::Wait(time) = action { *time } else { Duration::ZERO };
    case.when.iter().map(|step| wait(&step.action)).fold(Duration::ZERO, Duration::saturating_add)
}

fn shown(bench: &Bench, race: &Race, serial: &Serial, violation: Violation) -> Broken {
    let Violation { what, directed } = violation;
    let (sequence, flaw) = told::table(race, &directed.made, &directed.run.seen);
    let advice = advice::advice(bench, race, serial, &what, &directed.made, flaw);
    Broken { what, sequence, others: 0, replay: token(race, directed.schedule.chosen()), advice }
}

fn token(race: &Race, chosen: &[Process]) -> String {
    let order: Vec<_> = chosen.iter().map(|process| (process + 1).to_string()).collect();
    let of = race.token.as_ref().map(|token| format!("{token}:")).unwrap_or_default();
    format!("race:{of}{}", order.join("."))
}

#[cfg(test)]
mod tests;
