//! The law that a unit is its steps, in one: random lives of a unit, beside the same steps made at once.
//!
//! A life has three places in one engine, with the same records in the beginning. One is changed by a unit. In one each
//! step is committed at once, and what a savepoint undoes is put back: it tells what every step must give. And in the
//! end one is given all that has remained as one batch: it tells what the unit's commit must come to.

use super::*;

const LIVES: u64 = 500;
const STEPS: u64 = 16;

/// The places; their names are equally long, so that their records are equally large.
const UNIT: &str = "unit";
const STEP: &str = "step";
const ONCE: &str = "once";

pub async fn a_unit_does_what_its_steps_would(fixture: &impl Fixture) {
    for seed in 0..LIVES {
        live(fixture, seed).await;
        fixture.clock().advance(Duration::from_millis(1));
    }
}

async fn live(fixture: &impl Fixture, seed: u64) {
    let engine = fixture.engine();
    let mut life = Life {
        unit: unit_of(fixture, engine.clone()),
        engine,
        lots: Lots { random: Seeded::new(seed), now: fixture.clock().now(), versions: 0 },
        seed,
        kept: Batch::default(),
        savepoints: vec![],
    };
    let start = life.lots.start();
    for place in [UNIT, STEP, ONCE] {
        life.engine.commit(life.placed(place, &start)).await.unwrap();
    }
    let before = life.content(&*life.engine, UNIT).await;
    for _ in 0..1 + life.lots.up_to(STEPS) {
        life.step().await;
    }
    while !life.savepoints.is_empty() {
        life.end_savepoint().await;
    }
    let outcome = end(fixture, &life.unit).await;
    let expected = life.engine.commit(life.placed(ONCE, &life.kept)).await;
    let refused = matches!(outcome, Err(Error::Quota { .. }));
    assert_eq!(
        refused,
        matches!(expected, Err(Error::Quota { .. })),
        "seed {seed}: {outcome:?}, {expected:?}"
    );
    for _ in 0..2 {
        let content = life.content(&*life.engine, UNIT).await;
        assert_eq!(content, life.content(&*life.engine, ONCE).await, "seed {seed}: what is there");
        if refused {
            assert_eq!(content, before, "seed {seed}: a refused unit has left something");
            break;
        }
        assert_eq!(outcome.clone().map_err(|error| error.to_string()), Ok(()), "seed {seed}");
        assert_eq!(content, life.content(&*life.engine, STEP).await, "seed {seed}: what its steps have left");
        // And so it is when some of it has expired.
        fixture.clock().advance(SECOND);
    }
}

struct Life {
    engine: Arc<dyn Engine>,
    unit: Unit,
    lots: Lots,
    seed: u64,
    /// All that was done and not undone, in order.
    kept: Batch,
    savepoints: Vec<Open>,
}

/// A savepoint, and what it would come back to.
struct Open {
    savepoint: Savepoint,
    content: Vec<(Bytes, Record)>,
    kept: usize,
}

impl Life {
    fn prefix(&self, place: &str) -> String {
        format!("{:04}/{place}/s/", self.seed)
    }

    fn key(&self, place: &str, name: &Bytes) -> Bytes {
        [self.prefix(place).as_bytes(), name].concat().into()
    }

    fn name(&self, key: &Bytes) -> Bytes {
        key.slice(self.prefix(UNIT).len()..)
    }

    /// A span of names as one of keys.
    fn span(&self, place: &str, span: &Span) -> Span {
        let end = span.end.as_ref().map(|end| self.key(place, end));
        Span { start: self.key(place, &span.start), end, reverse: span.reverse }
    }

    /// A batch of names as one of keys.
    fn placed(&self, place: &str, batch: &Batch) -> Batch {
        let key = |name: &Bytes| self.key(place, name);
        let mut batch = batch.clone();
        batch.checks.iter_mut().for_each(|check| check.key = key(&check.key));
        for seen in &mut batch.spans {
            seen.span = self.span(place, &seen.span);
            seen.records.iter_mut().for_each(|(name, _)| *name = key(name));
        }
        for change in &mut batch.changes {
            change.key = key(&change.key);
            if let Action::Countdown { last, .. } = &mut change.action {
                last.iter_mut().for_each(|name| *name = key(name));
            }
        }
        batch.quotas.iter_mut().for_each(|quota| quota.account = key(&quota.account));
        batch
    }

    /// What is in a place, by name. What was appended has no more of its stamp than its order.
    async fn content(&self, engine: &dyn Engine, place: &str) -> Vec<(Bytes, Record)> {
        let all = Span { start: "".into(), end: Some("z".into()), reverse: false };
        let found = engine.snapshot().await.unwrap().scan(&self.span(place, &all), WHOLE).await.unwrap().0;
        let name = |key| {
            let name = self.name(key);
            if name.starts_with(b"log") { name.slice(..LOGS[0].len()) } else { name }
        };
        found.iter().map(|(key, record)| (name(key), record.clone())).collect()
    }

    async fn step(&mut self) {
        match self.lots.up_to(12) {
            0..=5 => self.commit().await,
            6 => self.read().await,
            7..=9 => self.list().await,
            10 if self.savepoints.len() < 4 => self.savepoint().await,
            _ if !self.savepoints.is_empty() => self.end_savepoint().await,
            _ => {}
        }
    }

    async fn commit(&mut self) {
        let mut batch = self.lots.batch();
        if self.lots.one_in(4) {
            batch.spans.push(self.seen().await);
        }
        let batch = batch;
        let outcome = Engine::commit(&self.unit, self.placed(UNIT, &batch)).await;
        let at_once = Batch { quotas: vec![], ..self.placed(STEP, &batch) };
        let expected = self.engine.commit(at_once).await;
        let about = format!("seed {}, {batch:?}", self.seed);
        match (outcome, expected) {
            (Ok(found), Ok(expected)) => {
                for (index, change) in batch.changes.iter().enumerate() {
                    let (sum, expected) = (found.sums[index], expected.sums[index]);
                    // Sums that nobody asks for need not be known before the end.
                    let told = match change.action {
                        Action::Add { told, .. } => told,
                        Action::Countdown { .. } => false,
                        _ => true,
                    };
                    assert!(sum == expected || (!told && sum.is_none()), "{sum:?}, {expected:?}: {about}");
                }
                let later = u32::try_from(self.kept.changes.len()).unwrap();
                self.kept.quotas.extend(batch.quotas);
                self.kept.changes.extend(batch.changes.into_iter().map(|mut change| {
                    if let Action::Append { ordinal, .. } = &mut change.action {
                        *ordinal += later;
                    }
                    change
                }));
            }
            (Err(found), Err(expected)) => {
                let stripped = |error: Error| match error {
                    Error::Stale { key } => Error::Stale { key: self.name(&key) },
                    other => other,
                };
                assert_eq!(format!("{:?}", stripped(found)), format!("{:?}", stripped(expected)), "{about}");
            }
            (found, expected) => panic!("{found:?}, {expected:?}: {about}"),
        }
    }

    /// A listing as it is; or, sometimes, as it is not.
    async fn seen(&mut self) -> Seen {
        let span = Span { reverse: false, ..self.lots.span() };
        let snapshot = self.engine.snapshot().await.unwrap();
        let found = snapshot.scan(&self.span(STEP, &span), WHOLE).await.unwrap().0;
        let mut records: Vec<_> =
            found.iter().map(|(key, record)| (self.name(key), record.version)).collect();
        if self.lots.one_in(3) {
            _ = records.pop();
        }
        if self.lots.one_in(5)
            && let Some((_, version)) = records.first_mut()
        {
            *version = Version::NEVER;
        }
        Seen { span, records }
    }

    async fn read(&mut self) {
        let name = self.lots.value();
        let (key, snapshot) = (self.key(UNIT, &name), self.unit.snapshot().await.unwrap());
        let found = match self.lots.one_in(2) {
            true => snapshot.get(&key).await.unwrap(),
            false => snapshot.peek(&key).await.unwrap(),
        };
        let expected = self.engine.snapshot().await.unwrap().get(&self.key(STEP, &name)).await.unwrap();
        assert_eq!(found, expected, "seed {}: {name:?}", self.seed);
    }

    /// Lists a span page by page, all of it or a part.
    async fn list(&mut self) {
        let (span, budget) = (self.lots.span(), self.lots.budget());
        let about = format!("seed {}: {span:?} {budget:?}", self.seed);
        let snapshot = self.engine.snapshot().await.unwrap();
        let all = Budget { values: budget.values, ..WHOLE };
        let whole = snapshot.scan(&self.span(STEP, &span), all).await.unwrap().0;
        let mut left: Vec<_> = whole.iter().map(|(key, record)| (self.name(key), record)).collect();
        let mut rest = self.span(UNIT, &span);
        let size =
            |(name, record): &(Bytes, &Record)| self.prefix(UNIT).len() + name.len() + record.value.len();
        for _ in 0..1 + self.lots.up_to(8) {
            let (found, more) = self.unit.scan(&rest, budget).await.unwrap();
            assert!(found.len() <= budget.records, "{about}: {} found", found.len());
            let behind = left.split_off(found.len().min(left.len()));
            let named: Vec<_> = found.iter().map(|(key, record)| (self.name(key), record)).collect();
            assert_eq!(named, left, "{about}");
            assert_eq!(more, !behind.is_empty(), "{about}");
            let bytes: usize = left.iter().map(size).sum();
            assert!(bytes <= budget.bytes || left.len() == 1, "{about}: {bytes} bytes");
            let has_room = |next: &(Bytes, &Record)| bytes + size(next) <= budget.bytes || left.is_empty();
            let is_short = left.len() < budget.records && behind.first().is_some_and(has_room);
            assert!(!is_short, "{about}: there was room for more than {left:?}");
            let Some((last, _)) = found.last() else { break };
            match span.reverse {
                true => rest.end = Some(last.clone()),
                false => rest.start = [last, &[0][..]].concat().into(),
            }
            left = behind;
        }
    }

    async fn savepoint(&mut self) {
        let all = Span { start: "".into(), end: Some("z".into()), reverse: false };
        let snapshot = self.engine.snapshot().await.unwrap();
        let content = snapshot.scan(&self.span(STEP, &all), WHOLE).await.unwrap().0;
        let (savepoint, kept) = (self.unit.savepoint(), self.kept.changes.len());
        self.savepoints.push(Open { savepoint, content, kept });
    }

    async fn end_savepoint(&mut self) {
        let Some(Open { savepoint, content, kept }) = self.savepoints.pop() else { return };
        if self.lots.one_in(2) {
            return savepoint.keep();
        }
        drop(savepoint);
        self.kept.changes.truncate(kept);
        let all = Span { start: "".into(), end: Some("z".into()), reverse: false };
        let snapshot = self.engine.snapshot().await.unwrap();
        let now = snapshot.scan(&self.span(STEP, &all), WHOLE).await.unwrap().0;
        let delete = |(key, _)| Change { key, expect: None, action: Action::Delete };
        let put = |(key, record)| Change { key, expect: None, action: Action::Put(record) };
        let back: Vec<_> = now.into_iter().map(delete).chain(content.into_iter().map(put)).collect();
        self.engine.commit(batch(back)).await.unwrap();
    }
}

/// What is drawn. Keys are names here.
struct Lots {
    random: Seeded,
    now: Timestamp,
    versions: u32,
}

const VALUES: [&str; 8] = ["k", "k0", "k1", "k2", "k20", "k3", "k4", "k5"];
const LOGS: [&str; 2] = ["log0/", "log1/"];
/// Counted down, with what goes with the last.
const COUNTS: [(&str, [&str; 2]); 3] =
    [("c0", ["c0/x", "c0/y"]), ("c1", ["c1/x", "c1/y"]), ("c2", ["c2/x", "c2/y"])];

impl Lots {
    fn up_to(&self, bound: u64) -> u64 {
        self.random.next() % bound
    }

    fn one_in(&self, chances: u64) -> bool {
        self.up_to(chances) == 0
    }

    fn of<T: Clone>(&self, items: &[T]) -> T {
        let at = self.up_to(items.len() as u64);
        items[usize::try_from(at).unwrap()].clone()
    }

    fn value(&self) -> Bytes {
        self.of(&VALUES).into()
    }

    /// A few are given twice, so that expectations of one may hold.
    fn version(&mut self) -> Version {
        self.versions += u32::from(!self.one_in(4));
        Version::new(CallId(1), 1, self.versions)
    }

    fn expiry(&self) -> Option<Timestamp> {
        self.of(&[None, None, None, Some(self.now + SECOND), Some(self.now)])
    }

    fn record(&mut self) -> Record {
        let number = || i64::try_from(self.up_to(100)).unwrap().to_string();
        let value = match self.up_to(8) {
            0 => "no number".to_owned(),
            1 => i64::MAX.to_string(),
            2 => "x".repeat(200),
            _ => number(),
        };
        let media_type = self.one_in(4).then(|| "text/plain".into());
        Record { version: self.version(), expires_at: self.expiry(), media_type, value: value.into() }
    }

    fn start(&mut self) -> Batch {
        let mut changes = vec![];
        let mut put = |name: &str, record| {
            changes.push(Change { key: name.to_owned().into(), expect: None, action: Action::Put(record) });
        };
        for name in VALUES {
            if !self.one_in(3) {
                put(name, self.record());
            }
        }
        for (name, last) in COUNTS {
            if !self.one_in(4) {
                let value = self.of(&["1", "2", "3"]).into();
                put(name, Record { value, expires_at: None, ..self.record() });
            }
            last.into_iter().for_each(|name| put(name, self.record()));
        }
        batch(changes)
    }

    fn batch(&mut self) -> Batch {
        let mut drawn = Batch::default();
        if self.one_in(4) {
            drawn.checks.push(Check { key: self.value(), expect: self.expectation() });
        }
        for _ in 0..1 + self.up_to(4) {
            let change = self.change();
            drawn.changes.push(change);
        }
        if self.one_in(3) {
            let max_bytes = self.of(&[100, 2_000, 4_000, 1 << 20]);
            drawn.quotas.push(Quota { account: Bytes::new(), max_bytes });
        }
        drawn
    }

    fn expectation(&self) -> Expect {
        let version =
            Version::new(CallId(1), 1, u32::try_from(self.up_to(u64::from(self.versions) + 1)).unwrap());
        self.of(&[Expect::Absent, Expect::Present, Expect::Present, Expect::Version(version)])
    }

    fn change(&mut self) -> Change {
        let mut key = self.value();
        let action = match self.up_to(12) {
            0..=2 => Action::Put(self.record()),
            3 | 4 => Action::Delete,
            5 => Action::Verify,
            6..=9 => {
                let delta = self.of(&[1, -1, 7, i64::MAX, i64::MIN]);
                let (expires_at, told) = (self.expiry(), self.one_in(3));
                Action::Add { delta, expires_at, version: self.version(), told }
            }
            10 => {
                key = self.of(&LOGS).into();
                let ordinal = u32::try_from(self.up_to(3)).unwrap();
                Action::Append { ordinal, record: Record { expires_at: None, ..self.record() } }
            }
            _ => {
                let (name, last) = self.of(&COUNTS);
                key = name.into();
                Action::Countdown { last: last.map(Bytes::from).into(), version: self.version() }
            }
        };
        // What a key of these is before the end is not known through the unit.
        let is_shown = !matches!(action, Action::Append { .. } | Action::Countdown { .. });
        let expect = (is_shown && self.one_in(4)).then(|| self.expectation());
        Change { key, expect, action }
    }

    /// A part of where values are, now and then one that can hold none.
    fn span(&self) -> Span {
        let (start, end) = (self.value(), self.of(&["k1", "k2", "k3", "k9", "l", "l", "l"]));
        let start = if self.one_in(2) { "k".into() } else { start };
        Span { start, end: Some(end.into()), reverse: self.one_in(2) }
    }

    fn budget(&self) -> Budget {
        let records = self.of(&[0, 1, 1, 2, 3, 100]);
        Budget { records, bytes: self.of(&[0, 30, 60, 250, usize::MAX]), values: !self.one_in(4) }
    }
}
