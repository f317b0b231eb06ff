//! Atomic calls on a disk that fails and a clock that stands still until it is moved: whatever happens, there is an order
//! in which it could have happened one after the other, and each trigger has its effect once.
//!
//! Each seed is one life of a host with an app of its own: components whose handlers are random programs, atomic ones and
//! a plain one; clients that repeat what was not answered; events, jobs, nested calls; tasks in an order that is drawn,
//! crashes at any operation of the disk, leases that run out, topics that are full. That the judges see anything is shown
//! by bugs that are there on purpose, each of which they must find.
//!
//! | module | idea |
//! |---|---|
//! | [`life`] | processes, rounds, the end |
//! | [`scheduler`] | which task is next |
//! | [`engine`] | the database, with pauses and groups |
//! | [`program`] | what components do |
//! | [`interpreter`] | how they do it |
//! | [`host`] | transactions and plain calls |
//! | [`workers`] | attempts and clients |
//! | [`world`] | what was told |
//! | [`history`] | what was read and written; the checker |
//! | [`judge`] | what must be so at the end |
//! | [`bug`] | the bugs |
//! | [`simulate`] | more seeds |

mod bug;
mod engine;
mod history;
mod host;
mod interpreter;
mod judge;
mod life;
mod program;
mod scheduler;
mod simulate;
mod workers;
mod world;

use bug::Bug;
use life::{Run, live};

use crate::seeds;

/// Seeds of the test command.
const SEEDS: u64 = 5_000;

#[test]
fn atomic_calls_are_serializable_and_have_their_effects_once() {
    let test = "atomic_calls_are_serializable_and_have_their_effects_once";
    let runs = seeds::all(test, SEEDS, |seed| live(seed, None));
    let sum = |what: fn(&Run) -> u64| runs.iter().map(what).sum::<u64>();
    let counts = [
        ("transaction", sum(|run| run.totals.committed)),
        ("aborted run", sum(|run| run.totals.aborted)),
        ("conflict", sum(|run| run.totals.conflicts)),
        ("commit of which nobody knew", sum(|run| run.totals.unknown)),
        ("nested call undone", sum(|run| run.totals.nested_undone)),
        ("attempt", sum(|run| run.totals.attempts)),
        ("stale lease", sum(|run| run.totals.stale)),
        ("full topic", sum(|run| run.totals.full)),
        ("repeated answer", sum(|run| run.totals.replayed)),
        ("event", sum(|run| run.events)),
        ("dead letter", sum(|run| run.dead)),
        ("crash", sum(|run| run.crashes)),
        ("other fault", sum(|run| run.faults - run.crashes)),
        ("history", sum(|run| run.histories)),
        ("operation in histories", sum(|run| run.transactions)),
    ];
    println!("{} seeds: {counts:?}", runs.len());
    if runs.len() >= 200 {
        for (what, count) in counts {
            assert!(count > 0, "not one {what}: the simulation does not reach what it is for");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_calls() {
    for seed in 0..10 {
        let [one, other] = [(); 2].map(|()| live(seed, None).unwrap_or_else(|why| panic!("{why}")));
        assert_eq!(one, other, "seed {seed} went two ways");
    }
}

/// Within how many seeds a bug must be found.
const FOUND_WITHIN: u64 = 400;

#[test]
fn every_bug_is_found_out() {
    let mut missed = vec![];
    for bug in Bug::ALL {
        match seeds::search(0..FOUND_WITHIN, |seed| live(seed, Some(bug))) {
            Err((seed, why)) => {
                let why = why.lines().next().unwrap_or_default();
                println!(
                    "{bug:?} was found in {} seeds: {}",
                    seed + 1,
                    why.chars().take(120).collect::<String>()
                );
            }
            Ok(_) => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "{missed:?} were not found in {FOUND_WITHIN} seeds");
}
