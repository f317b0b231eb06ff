//! Runs a simulation for many seeds on all cores, and says how to run the one that failed again.
//!
//! `MECHA_SEEDS=n` runs n seeds instead of a test's own number; `MECHA_SEED=s` runs only s.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Runs `simulation` for each seed. The first failure by seed fails the test.
///
/// # Panics
/// If one fails, with its seed and the command that runs it again.
pub(crate) fn all<T: Send>(
    test: &str,
    count: u64,
    simulation: impl Fn(u64) -> Result<T, String> + Sync,
) -> Vec<T> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a seed is a number"));
    let seeds = match number("MECHA_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MECHA_SEEDS").unwrap_or(count),
    };
    match search(seeds, simulation) {
        Ok(results) => results,
        Err((seed, why)) => panic!(
            "seed {seed}: {why}\n\nRun it again:  MECHA_SEED={seed} cargo test -p mecha-tests --test engine {test}\n"
        ),
    }
}

/// The first seed that fails, and why; or all results.
pub(crate) fn search<T: Send>(
    seeds: std::ops::Range<u64>,
    simulation: impl Fn(u64) -> Result<T, String> + Sync,
) -> Result<Vec<T>, (u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let results = Mutex::new(vec![]);
    let first_failure = Mutex::new(None::<(u64, String)>);
    let work = || {
        while first_failure.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| simulation(seed)));
            match outcome.unwrap_or_else(|panic| Err(format!("panic: {}", message(&*panic)))) {
                Ok(result) => results.lock().unwrap().push(result),
                Err(why) => {
                    let mut first = first_failure.lock().unwrap();
                    if first.as_ref().is_none_or(|(other, _)| seed < *other) {
                        *first = Some((seed, why));
                    }
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    match first_failure.into_inner().unwrap() {
        Some(failure) => Err(failure),
        None => Ok(results.into_inner().unwrap()),
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of an unknown kind")
}
