//! Random groups of batches over few keys, so that they meet.

use std::time::Duration;

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Action, Batch, Change, Check, Expect, Quota, Record, Seen, Span, Stamp, Version},
    identity::CallId,
};
use mecha_tests::model::Model;
use rand::{RngExt as _, rngs::StdRng};

const ACCOUNTS: [&str; 3] = ["shop/state/carts/", "shop/state/carts@web/", "blog/state/posts/"];
const KEYS_EACH: usize = 12;
/// What appended keys have before their stamp.
const LOG: &str = "log/";

/// Makes batches. The model tells it which expectations would hold.
#[derive(Default)]
pub(crate) struct Workload {
    writes: u32,
}

impl Workload {
    pub(crate) fn group(&mut self, rng: &mut StdRng, model: &Model, now: Timestamp) -> Vec<Batch> {
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
        let spans = if rng.random_bool(0.2) { rng.random_range(1..3) } else { 0 };
        let spans = (0..spans).map(|_| seen(rng, model, now)).collect();
        let changes = if rng.random_bool(0.5) { 1 } else { rng.random_range(2..10) };
        let changes = (0..changes).map(|_| self.change(rng, model, now)).collect();
        let quotas = if rng.random_bool(0.15) { vec![quota(rng)] } else { vec![] };
        Batch { checks, spans, changes, quotas }
    }

    fn change(&mut self, rng: &mut StdRng, model: &Model, now: Timestamp) -> Change {
        let key = key(rng);
        let expect = rng.random_bool(0.2).then(|| expect(rng, model.version(&key, now)));
        let version = self.version();
        let expires_at =
            rng.random_bool(0.25).then(|| now + Duration::from_millis(rng.random_range(0..6_000)));
        let record = |rng: &mut StdRng| Record {
            version,
            expires_at,
            media_type: rng.random_bool(0.2).then(|| "application/json".into()),
            value: value(rng),
        };
        let (key, action) = match rng.random_range(0..100) {
            0..45 => (key, Action::Put(record(rng))),
            45..57 => (key, Action::Delete),
            57..62 => return Change { key: stamped(rng, model), expect: None, action: Action::Delete },
            62..78 => {
                let delta = if rng.random_bool(0.1) { i64::MAX / 2 } else { rng.random_range(-9..10) };
                (key, Action::Add { delta, expires_at, version, told: true })
            }
            78..82 => {
                let last = (0..rng.random_range(0..4)).map(|_| stamped(rng, model)).collect();
                (key, Action::Countdown { last, version })
            }
            // One that is low enough to come to its end within a batch or two.
            82..85 => {
                let value = rng.random_range(-1..4).to_string().into();
                (key, Action::Put(Record { value, ..record(rng) }))
            }
            85..97 => {
                // Seldom the same twice in a batch, which is refused for it.
                let ordinal = rng.random_range(0..200);
                let key = format!("{}{LOG}", account(rng)).into();
                return Change { key, expect: None, action: Action::Append { ordinal, record: record(rng) } };
            }
            _ => (key, Action::Verify),
        };
        Change { key, expect, action }
    }

    fn version(&mut self) -> Version {
        self.writes += 1;
        Version::new(CallId(self.writes.into()), 1, self.writes)
    }
}

fn account(rng: &mut StdRng) -> &'static str {
    ACCOUNTS[rng.random_range(0..ACCOUNTS.len())]
}

/// A key that was appended; or that the next commit may make, so that a batch may delete what it appends itself.
fn stamped(rng: &mut StdRng, model: &Model) -> Bytes {
    let appended = model
        .stored()
        .map(|(key, _)| key)
        .filter(|key| key.windows(LOG.len()).any(|part| part == LOG.as_bytes()));
    let appended: Vec<_> = appended.collect();
    if appended.is_empty() || rng.random_bool(0.1) {
        let stamp = Stamp { commit: model.number() + 1, ordinal: rng.random_range(0..200) };
        return stamp.key(format!("{}{LOG}", account(rng)).as_bytes());
    }
    appended[rng.random_range(0..appended.len())].clone()
}

fn key(rng: &mut StdRng) -> Bytes {
    format!("{}{}", account(rng), rng.random_range(0..KEYS_EACH)).into()
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

/// Part of the key space, and in one case of five none of it.
pub(crate) fn span(rng: &mut StdRng, model: &Model) -> Span {
    let stored: Vec<_> = model.stored().map(|(key, _)| key.clone()).collect();
    let mut bound = || match rng.random_range(0..3) {
        0 => account(rng).into(),
        1 if !stored.is_empty() => stored[rng.random_range(0..stored.len())].clone(),
        _ => key(rng),
    };
    let (one, other) = (bound(), bound());
    let (start, end) = (one.clone().min(other.clone()), one.max(other));
    match rng.random_range(0..5) {
        0 => Span { start: Bytes::new(), end: None, reverse: false },
        1 => Span { start, end: None, reverse: false },
        2 => Span { start: end, end: Some(start), reverse: false },
        _ => Span { start, end: Some(end), reverse: false },
    }
}

/// A listing. In most cases it is true, by what the model knows before the group.
fn seen(rng: &mut StdRng, model: &Model, now: Timestamp) -> Seen {
    let span = span(rng, model);
    let mut records = model.listed(&span, now);
    let other = Version::new(CallId(0), 0, 0);
    let at = rng.random_range(0..=records.len());
    match rng.random_range(0..16) {
        0 => records.insert(at, (key(rng), other)),
        1 if at < records.len() => records[at].1 = other,
        2 if at < records.len() => _ = records.remove(at),
        3 if at < records.len() => records.swap(0, at),
        // What has expired is taken for what is there.
        4 => records = model.listed(&span, Timestamp(0)),
        _ => {}
    }
    Seen { span, records }
}

fn quota(rng: &mut StdRng) -> Quota {
    Quota { account: account(rng).into(), max_bytes: rng.random_range(100..20_000) }
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
