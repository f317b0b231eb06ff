//! What components do: small programs, drawn by lot.

use rand::{RngExt as _, rngs::StdRng};

use super::history::KEYS;

/// One thing that a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Get(usize),
    Peek(usize),
    List {
        start: usize,
        end: usize,
        reverse: bool,
        limit: usize,
    },
    Put(usize),
    Create(usize),
    Delete(usize),
    /// Nobody looks at the sum.
    Add(usize, i64),
    Increment(usize, i64),
    Publish(usize),
    Schedule(usize),
    Cancel(usize),
    /// Of another component.
    Invoke(usize),
    Sleep(u64),
    /// What comes next is left out if what was read so far comes to an odd number.
    UnlessOdd,
}

/// A component: three handlers.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) atomic: bool,
    /// For requests and calls.
    pub(super) call: Vec<Op>,
    pub(super) event: Vec<Op>,
    pub(super) tick: Vec<Op>,
}

/// Topics that programs publish to.
pub(super) const TOPICS: usize = 2;
/// Names that programs give to their jobs.
pub(super) const JOBS: usize = 2;

/// The components of an app: the last one is plain. Each may call those behind it, so that there is no circle.
pub(super) fn app(rng: &mut StdRng) -> Vec<Component> {
    const ATOMIC: usize = 3;
    let component = |rng: &mut StdRng, index: usize| {
        let atomic = index < ATOMIC;
        // A plain one may call an atomic one, which then is a transaction of its own.
        let callees = if atomic { index + 1..ATOMIC } else { 0..ATOMIC };
        let mut handler = || {
            let steps = rng.random_range(1..7);
            (0..steps).map(|_| op(rng, atomic, callees.clone())).collect::<Vec<_>>()
        };
        Component { atomic, call: handler(), event: handler(), tick: handler() }
    };
    (0..=ATOMIC).map(|index| component(rng, index)).collect()
}

fn op(rng: &mut StdRng, atomic: bool, callees: std::ops::Range<usize>) -> Op {
    let key = rng.random_range(0..KEYS);
    let delta = rng.random_range(1..50);
    match rng.random_range(0..100) {
        0..18 => Op::Get(key),
        18..21 if atomic => Op::Peek(key),
        21..33 => {
            let end = rng.random_range(key..=KEYS);
            Op::List { start: key, end, reverse: rng.random(), limit: rng.random_range(1..=KEYS) }
        }
        33..48 => Op::Put(key),
        48..53 => Op::Create(key),
        53..57 => Op::Delete(key),
        57..65 => Op::Add(key, delta),
        65..71 => Op::Increment(key, delta),
        71..80 => Op::Publish(rng.random_range(0..TOPICS)),
        80..83 if atomic => Op::Schedule(rng.random_range(0..JOBS)),
        83..85 if atomic => Op::Cancel(rng.random_range(0..JOBS)),
        85..91 if !callees.is_empty() => Op::Invoke(rng.random_range(callees)),
        91..96 => Op::Sleep(rng.random_range(1..600)),
        96..100 => Op::UnlessOdd,
        _ => Op::Get(key),
    }
}
