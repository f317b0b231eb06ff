//! Random groups of batches over few keys, so that they meet.

use std::time::Duration;

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Action, Batch, Change, Check, Expect, Quota, Record, Version},
    identity::CallId,
};
use mecha_tests::model::{Model, SWEPT_WITH_COMMIT};
use rand::{RngExt as _, rngs::StdRng};

const ACCOUNTS: [&str; 3] = ["shop/state/carts/", "shop/state/carts@web/", "blog/state/posts/"];
const KEYS_EACH: usize = 12;
const _: () = assert!(ACCOUNTS.len() * KEYS_EACH < SWEPT_WITH_COMMIT);

/// Makes batches. The model tells it which expectations would hold.
#[derive(Default)]
pub(super) struct Workload {
    writes: u32,
}

impl Workload {
    pub(super) fn group(&mut self, rng: &mut StdRng, model: &Model, now: Timestamp) -> Vec<Batch> {
        let batches = if rng.random_bool(0.5) { 1 } else { rng.random_range(2..8) };
        (0..batches).map(|_| self.batch(rng, model, now)).collect()
    }

    fn batch(&mut self, rng: &mut StdRng, model: &Model, now: Timestamp) -> Batch {
        let checks = if rng.random_bool(0.2) { rng.random_range(1..3) } else { 0 };
        let checks = (0..checks).map(|_| {
            let key = key(rng);
            Check { expect: expect(rng, model.version(&key, now)), key }
        });
        let checks = checks.collect();
        let changes = if rng.random_bool(0.5) { 1 } else { rng.random_range(2..10) };
        let changes = (0..changes).map(|_| self.change(rng, model, now)).collect();
        let quotas = if rng.random_bool(0.15) { vec![quota(rng)] } else { vec![] };
        Batch { checks, changes, quotas }
    }

    fn change(&mut self, rng: &mut StdRng, model: &Model, now: Timestamp) -> Change {
        let key = key(rng);
        let expect = rng.random_bool(0.2).then(|| expect(rng, model.version(&key, now)));
        self.writes += 1;
        let version = Version::new(CallId(self.writes.into()), 1, self.writes);
        let expires_at =
            rng.random_bool(0.25).then(|| now + Duration::from_millis(rng.random_range(0..6_000)));
        let action = match rng.random_range(0..100) {
            0..55 => Action::Put(Record {
                version,
                expires_at,
                media_type: rng.random_bool(0.2).then(|| "application/json".into()),
                value: value(rng),
            }),
            55..70 => Action::Delete,
            70..95 => {
                let delta = if rng.random_bool(0.1) { i64::MAX / 2 } else { rng.random_range(-9..10) };
                Action::Add { delta, expires_at, version }
            }
            _ => Action::Verify,
        };
        Change { key, expect, action }
    }
}

fn key(rng: &mut StdRng) -> Bytes {
    let account = ACCOUNTS[rng.random_range(0..ACCOUNTS.len())];
    format!("{account}{}", rng.random_range(0..KEYS_EACH)).into()
}

/// Holds in most cases, by what the model knows before the group.
fn expect(rng: &mut StdRng, found: Option<Version>) -> Expect {
    match (rng.random_range(0..10), found) {
        (0, _) => Expect::Absent,
        (1, _) => Expect::Present,
        (2, _) => Expect::Version(Version::new(CallId(0), 0, 0)),
        (_, Some(version)) => Expect::Version(version),
        (_, None) => Expect::Absent,
    }
}

fn quota(rng: &mut StdRng) -> Quota {
    let account = ACCOUNTS[rng.random_range(0..ACCOUNTS.len())].into();
    Quota { account, max_bytes: rng.random_range(100..20_000) }
}

/// Mostly small; now and then as large as many pages; often a number, so that additions succeed.
fn value(rng: &mut StdRng) -> Bytes {
    let len = match rng.random_range(0..100) {
        0..40 => return rng.random_range(-1000..1000).to_string().into(),
        40..80 => rng.random_range(0..200),
        80..95 => rng.random_range(200..5_000),
        95..99 => rng.random_range(5_000..20_000),
        _ => rng.random_range(90_000..110_000),
    };
    // Every byte tells its place and its value apart, so that a sector of another write is noticed.
    let salt: u64 = rng.random();
    let words = (0..len as u64).step_by(8).flat_map(|at| (salt ^ at).to_le_bytes());
    words.take(len).collect()
}
