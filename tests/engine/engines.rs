//! Any batch has the same outcome in every engine, and leaves the same: what the model says.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_backends::{
    embedded::{self, Options},
    memory,
};
use mecha_primitives::{
    clock::{ManualClock, Timestamp},
    commit::{Budget, Engine, Record, Span, Unobserved},
};
use mecha_tests::{model::Model, simdisk::SimDisk};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    crash::workload::{self, Workload},
    seeds,
};

const GROUPS: usize = 40;

#[test]
fn any_batch_has_the_same_outcome_in_every_engine() {
    let runs = seeds::all("any_batch_has_the_same_outcome_in_every_engine", 200, |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(seed))
    });
    println!("{} seeds, {} batches", runs.len(), runs.iter().sum::<usize>());
}

async fn compare(seed: u64) -> Result<usize, String> {
    let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
    let options = Options { cache: 1 << 20, ..Options::default() };
    let disk = Arc::new(SimDisk::new(seed));
    let embedded = embedded::Engine::new(disk, clock.clone(), Arc::new(Unobserved), options);
    let memory = memory::Engine::new(clock.clone());
    let engines: [&dyn Engine; 2] = [&embedded, &memory];
    let (mut rng, mut model, mut workload) =
        (StdRng::seed_from_u64(seed), Model::default(), Workload::default());
    let mut now = Timestamp(1_000_000);
    let mut batches = 0;
    for _ in 0..GROUPS {
        for mut batch in workload.group(&mut rng, &model, now) {
            // What a record counts is not the same in all of them.
            batch.quotas.clear();
            let expected = format!("{:?}", model.commit(now, std::slice::from_ref(&batch)));
            for engine in engines {
                let found = format!("{:?}", [engine.commit(batch.clone()).await]);
                if found != expected {
                    return Err(format!("in {engine:?}\n  {found}\n  {expected}\nof {batch:?}"));
                }
            }
            batches += 1;
        }
        let span = Span { reverse: rng.random(), ..workload::span(&mut rng, &model) };
        let within = |key: &Bytes| *key >= span.start && span.end.as_ref().is_none_or(|end| key < end);
        let live =
            model.live(now).filter(|(key, _)| within(key)).map(|(key, record)| (key.clone(), record.clone()));
        let mut expected: Vec<(Bytes, Record)> = live.collect();
        if span.reverse {
            expected.reverse();
        }
        let budget = Budget { records: rng.random_range(1..100), bytes: usize::MAX, values: true };
        let more = expected.len() > budget.records;
        expected.truncate(budget.records);
        for engine in engines {
            let found = engine.snapshot().await.unwrap().scan(&span, budget).await.unwrap();
            if found != (expected.clone(), more) {
                return Err(format!("{span:?} in {engine:?}\n  {found:?}\n  {expected:?}"));
            }
        }
        now = now + Duration::from_millis(rng.random_range(0..1_500));
        clock.set(now);
    }
    Ok(batches)
}
