//! State in any engine answers as state in a map does, whatever is asked of it.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use mecha_backends::{
    embedded::{Engine, Options},
    memory,
};
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::Unobserved,
    identity::CallId,
    state::{Action, Error, Expect, Failure, Key, Page, Range, Records, Step, Store, Version},
};
use mecha_tests::{map::Map, simdisk::SimDisk};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::seeds;

const OPERATIONS: usize = 200;

#[test]
fn state_in_any_engine_answers_as_a_map_does() {
    let runs = seeds::all("state_in_any_engine_answers_as_a_map_does", 300, |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(seed))
    });
    println!("{} seeds, {} operations", runs.len(), runs.len() * OPERATIONS);
}

async fn compare(seed: u64) -> Result<(), String> {
    let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
    let options = Options { cache: 1 << 20, ..Options::default() };
    let engine = Engine::new(Arc::new(SimDisk::new(seed)), clock.clone(), Arc::new(Unobserved), options);
    let embedded = Records::new(Arc::new(engine), clock.clone());
    let map = Map::new(clock.clone());
    let engine = memory::Engine::new(clock.clone());
    let in_memory = Records::new(Arc::new(engine), clock.clone());
    let mut random = Random { rng: StdRng::seed_from_u64(seed), written: vec![], writes: 0 };
    for number in 0..OPERATIONS {
        let operation = random.operation();
        if let Operation::Wait(time) = operation {
            clock.advance(time);
        }
        let expected = operation.run(&map).await;
        for (engine, store) in [("embedded", &embedded), ("in memory", &in_memory)] {
            let found = operation.run(store).await;
            if found != expected {
                return Err(format!("operation {number}, {operation:#?}\n  {engine}: {found}\n  {expected}"));
            }
        }
    }
    Ok(())
}

#[derive(Debug)]
enum Operation {
    Get(Key),
    Peek(Key),
    Scan(Range, Page),
    /// The range page by page, each behind the last key of the one before.
    Walk(Range, Page),
    Apply(Vec<Step>),
    Wait(Duration),
}

impl Operation {
    /// What a caller sees.
    async fn run(&self, store: &dyn Store) -> String {
        match self {
            Self::Get(key) => format!("{:?}", store.get(key).await),
            Self::Peek(key) => format!("{:?}", store.peek(key).await),
            Self::Scan(range, page) => format!("{:?}", store.scan(range, *page).await),
            Self::Walk(range, page) => walk(store, range.clone(), *page).await,
            Self::Apply(steps) => match store.apply(steps.clone()).await {
                Ok(applied) => format!("{applied:?}"),
                Err(Failure::Step(step, error)) => format!("step {step}: {}", seen(&error)),
                Err(Failure::Whole(error)) => seen(&error),
            },
            Self::Wait(_) => String::new(),
        }
    }
}

/// Words are for people and may differ.
fn seen(error: &Error) -> String {
    match error {
        Error::Conflict(version) => format!("conflict with {version:?}"),
        other => other.class().to_string(),
    }
}

async fn walk(store: &dyn Store, mut range: Range, page: Page) -> String {
    let mut text = String::new();
    loop {
        let listing = store.scan(&range, page).await.unwrap();
        writeln!(text, "{listing:?}").unwrap();
        range.after = listing.entries.last().map(|(key, _)| key.as_str().to_owned());
        if !listing.more {
            return text;
        }
    }
}

struct Random {
    rng: StdRng,
    /// Versions that were, and perhaps are.
    written: Vec<Version>,
    writes: u32,
}

impl Random {
    fn operation(&mut self) -> Operation {
        match self.rng.random_range(0..100) {
            0..15 => Operation::Get(self.key()),
            15..20 => Operation::Peek(self.key()),
            20..32 => Operation::Scan(self.range(), self.page()),
            32..38 => Operation::Walk(Range { after: None, ..self.range() }, self.page()),
            38..90 => {
                let steps = if self.rng.random_bool(0.6) { 1 } else { self.rng.random_range(0..8) };
                Operation::Apply((0..steps).map(|_| self.step()).collect())
            }
            _ => Operation::Wait(Duration::from_millis(self.rng.random_range(0..3_000))),
        }
    }

    fn step(&mut self) -> Step {
        let expect = self.rng.random_bool(0.3).then(|| self.expect());
        let ttl = self.rng.random_bool(0.3).then(|| match self.rng.random_range(0..10) {
            0 => Duration::ZERO,
            1 => Duration::MAX,
            _ => Duration::from_millis(self.rng.random_range(0..8_000)),
        });
        let action = match self.rng.random_range(0..10) {
            0..5 => {
                let content_type = self.rng.random_bool(0.3).then(|| "text/plain".into());
                Action::Set { value: self.value(), content_type, ttl, version: self.version() }
            }
            5 => Action::Delete,
            6 => Action::Check,
            _ => Action::Add { delta: self.delta(), ttl, version: self.version(), told: true },
        };
        Step { key: self.key(), expect, action }
    }

    fn expect(&mut self) -> Expect {
        match self.rng.random_range(0..3) {
            0 => Expect::Absent,
            1 => Expect::Present,
            _ if self.written.is_empty() => Expect::Absent,
            // One of the last: it may still be there.
            _ => Expect::Version(
                self.written[self.written.len() - 1 - self.rng.random_range(0..self.written.len().min(8))],
            ),
        }
    }

    fn version(&mut self) -> Version {
        self.writes += 1;
        let version = Version::new(CallId(1), 1, self.writes);
        self.written.push(version);
        version
    }

    fn delta(&mut self) -> i64 {
        match self.rng.random_range(0..10) {
            0 => i64::MAX,
            1 => i64::MIN,
            _ => self.rng.random_range(-100..100),
        }
    }

    /// Numbers, numbers at the edge, what looks like one, and bytes.
    fn value(&mut self) -> bytes::Bytes {
        let texts = ["", "0", "-0", "007", "+5", "9223372036854775807", "-9223372036854775808", " 1", "1e3"];
        match self.rng.random_range(0..3) {
            0 => self.rng.random_range(-1000..1000).to_string().into(),
            1 => texts[self.rng.random_range(0..texts.len())].into(),
            _ => {
                let mut bytes = vec![0; self.rng.random_range(0..2_000)];
                self.rng.fill(bytes.as_mut_slice());
                bytes.into()
            }
        }
    }

    fn page(&mut self) -> Page {
        let limit = if self.rng.random_bool(0.7) { self.rng.random_range(1..8) } else { 1000 };
        Page { limit, values: self.rng.random() }
    }

    fn range(&mut self) -> Range {
        let mut bound = |chance| self.rng.random_bool(chance).then(|| text(&mut self.rng));
        let (prefix, start, end, after) = (bound(0.4), bound(0.4), bound(0.4), bound(0.3));
        Range { prefix: prefix.unwrap_or_default(), start, end, after, reverse: self.rng.random() }
    }

    fn key(&mut self) -> Key {
        loop {
            if let Ok(key) = Key::new(&text(&mut self.rng)) {
                return key;
            }
        }
    }
}

/// Short texts of few letters: they meet, and are prefixes of each other.
fn text(rng: &mut StdRng) -> String {
    let letters = ['a', 'b', '/', '\0', 'ä', '\u{10ffff}'];
    (0..rng.random_range(0..3)).map(|_| letters[rng.random_range(0..letters.len())]).collect()
}
