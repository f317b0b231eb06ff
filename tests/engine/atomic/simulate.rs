//! More seeds than the test command has time for, a part at a time: whoever interrupts it goes on from there.
//!
//! `MECHA_SIMULATE=n` runs n further seeds. The next one is kept in a file beside what Cargo has built; without the file,
//! it is the first that the test command leaves out.

use std::{env, fs, path::Path, time::Instant};

use super::{SEEDS, life::live};
use crate::seeds;

/// Seeds between two looks at the clock.
const PART: u64 = 100;
const NEXT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/simulate");

#[test]
#[ignore = "it takes as long as it is told to: `just simulate N`"]
fn simulate() {
    let count = env::var("MECHA_SIMULATE").ok().and_then(|text| text.parse().ok());
    let count: u64 = count.expect("MECHA_SIMULATE says how many seeds");
    let path = Path::new(NEXT);
    let first = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(SEEDS);
    let end = first + count;
    println!("seeds {first} to {}; the next one is kept in {NEXT}", end - 1);
    let began = Instant::now();
    let mut next = first;
    while next < end {
        let part = next..end.min(next + PART);
        let outcome = seeds::search(part.clone(), |seed| live(seed, None));
        next = match &outcome {
            Ok(_) => part.end,
            Err((seed, _)) => seed + 1,
        };
        fs::write(path, next.to_string()).expect("the next seed can be kept");
        if let Err((seed, why)) = outcome {
            panic!(
                "seed {seed}: {why}\n\nRun it again:  MECHA_SEED={seed} cargo test -p mecha-tests --test engine atomic\n"
            );
        }
        let (done, seconds) = (next - first, began.elapsed().as_secs());
        println!("{done} of {count} in {seconds} s, {} s to go", seconds * (count - done) / done);
    }
}
