//! Topics on any engine deliver as lists do: random operations beside a model that keeps everything in `Vec`s.
//!
//! After each operation the two agree on what there is, and what is taken is what the model would give. At the end time
//! goes on until all is settled, and nothing is left but what the model still has. That the judge sees anything is
//! shown by models that are wrong on purpose.

mod model;
mod process;
mod run;

use model::Bug;
use run::{Run, compare};

use crate::seeds;

#[test]
fn topics_on_any_engine_deliver_as_lists_do() {
    let runs = seeds::all("topics_on_any_engine_deliver_as_lists_do", 60, |seed| compare(seed, None));
    let sum = |what: fn(&Run) -> u64| runs.iter().map(what).sum::<u64>();
    let counts = [
        ("publications", sum(|run| run.published)),
        ("repetitions", sum(|run| run.repeated)),
        ("leases", sum(|run| run.taken)),
        ("stale settlements", sum(|run| run.stale)),
        ("dead letters", sum(|run| run.dead)),
        ("replays", sum(|run| run.replayed)),
        ("new processes", sum(|run| run.reopened)),
        ("new groups", sum(|run| run.begun)),
        ("expiries", sum(|run| run.expired)),
    ];
    println!("{} seeds: {counts:?}", runs.len());
    if runs.len() >= 20 {
        for (what, count) in counts {
            assert!(count > 0, "no {what}: the operations do not reach what they are for");
        }
    }
}

/// Within how many seeds a planted bug must be found.
const FOUND_WITHIN: u64 = 20;

fn is_found(bug: Bug) {
    let Err((seed, why)) = seeds::search(0..FOUND_WITHIN, |seed| compare(seed, Some(bug))) else {
        panic!("{bug:?} was not found in {FOUND_WITHIN} seeds");
    };
    println!("{bug:?} was found with seed {seed}: {why}");
}

#[test]
fn a_forgotten_delay_is_found_out() {
    is_found(Bug::Delay);
}

#[test]
fn a_forgotten_order_is_found_out() {
    is_found(Bug::Order);
}

#[test]
fn a_forgotten_attempt_is_found_out() {
    is_found(Bug::Attempt);
}
