//! Whatever was acknowledged is there after a crash at any moment, whole groups only, and nothing else.
//!
//! Each seed is one life of a database on a [`SimDisk`](mecha_tests::simdisk::SimDisk): random groups,
//! sweeps and faults, and after every fault the content is compared with the model. That the judge sees
//! anything is shown by planted bugs, each of which it must find.

mod simulation;
pub(crate) mod workload;

use simulation::{Bug, Totals, simulate};

use crate::seeds;

#[test]
fn what_was_acknowledged_survives_every_crash() {
    let runs = seeds::all("what_was_acknowledged_survives_every_crash", 2_000, |seed| simulate(seed, None));
    let totals = runs.iter().fold(Totals::default(), |sum, run| sum + run.totals);
    println!("{} seeds: {totals:?}", runs.len());
    if runs.len() >= 100 {
        let Totals { appended, listed, stale, crashes, errors, unknown_kept, unknown_lost, .. } = totals;
        for (what, count) in [
            ("append", appended),
            ("listing that held", listed),
            ("listing that had changed", stale),
            ("crash", crashes),
            ("I/O error", errors),
            ("unknown group that was kept", unknown_kept),
            ("unknown group that was lost", unknown_lost),
        ] {
            assert!(count > 0, "not one {what}: the simulation does not reach what it is for");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..10 {
        let [one, other] = [(); 2].map(|()| simulate(seed, None).unwrap_or_else(|why| panic!("{why}")));
        assert_eq!((one.trace, one.totals), (other.trace, other.totals), "seed {seed} went two ways");
    }
}

/// Within how many seeds a planted bug must be found.
const FOUND_WITHIN: u64 = 100;

fn is_found(bug: Bug) {
    let Err((seed, why)) = seeds::search(0..FOUND_WITHIN, |seed| simulate(seed, Some(bug))) else {
        panic!("{bug:?} was not found in {FOUND_WITHIN} seeds");
    };
    println!("{bug:?} was found with seed {seed}: {why}");
}

#[test]
fn a_disk_that_lies_is_found_out() {
    is_found(Bug::LyingDisk);
}

#[test]
fn an_acknowledgment_before_the_commit_is_found_out() {
    is_found(Bug::EarlyAcknowledgment);
}

#[test]
fn a_put_that_is_forgotten_is_found_out() {
    is_found(Bug::ForgottenPut);
}

#[test]
fn a_number_that_is_forgotten_is_found_out() {
    is_found(Bug::ForgottenNumber);
}

#[test]
fn a_listing_that_is_forgotten_is_found_out() {
    is_found(Bug::ForgottenSpans);
}
