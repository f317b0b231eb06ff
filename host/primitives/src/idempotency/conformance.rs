//! One test for each law of answers that are kept, which every engine runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::idempotency_conformance!(MyFixture::new());
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;

use super::{Fingerprint, Found, Key, Request, Scope, Stored, Terms, find, keep};
use crate::{
    clock::{Clock as _, ManualClock},
    commit::{self, Action, Batch, Change, Engine, Record, Version},
    identity::CallId,
    unit::{Bounds, Unit},
};

/// An empty engine, and the clock that it goes by.
pub trait Fixture {
    /// Another handle to the same records.
    fn engine(&self) -> Arc<dyn Engine>;

    fn clock(&self) -> Arc<ManualClock>;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! idempotency_conformance {
    ($fixture:expr) => { $crate::idempotency_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::idempotency_conformance! { @$then [$($with)*]
            an_unused_key_is_new,
            the_first_answer_is_given_again,
            another_payload_is_a_mismatch,
            other_scopes_do_not_meet,
            an_answer_has_its_time,
            one_answer_is_the_first,
            an_answer_can_be_replaced,
            an_answer_without_room_is_refused,
            a_damaged_record_is_an_error,
            an_answer_comes_with_its_effects,
            of_two_units_one_has_effects,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::idempotency::conformance::$law(&fixture).await;
            });
        }
    )*};
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn fingerprint(body: &[u8]) -> Fingerprint {
    let content_type = Some(&b"application/json"[..]);
    Fingerprint::of(&Request { method: "POST", path_and_query: "/transfers", content_type, body })
}

fn answer(request: &[u8], body: &'static [u8]) -> Stored {
    let headers = vec![
        ("content-type".to_owned(), b"application/json".to_vec()),
        ("x-bytes".to_owned(), vec![0xe4, b' ', 0xff]),
        ("set-cookie".to_owned(), b"a=1".to_vec()),
        ("set-cookie".to_owned(), b"b=2".to_vec()),
    ];
    Stored::new(fingerprint(request), 201, headers, Bytes::from_static(body)).unwrap()
}

fn record_of(names: [&str; 2], route: &str, caller: Option<&[u8]>, key: &str) -> Bytes {
    let (app, component) = (names[0].parse().unwrap(), names[1].parse().unwrap());
    Scope { app: &app, component: &component, route, caller }.record(&Key::parse(key.as_bytes()).unwrap())
}

fn record(key: &str) -> Bytes {
    record_of(["bank", "teller"], "/transfers", None, key)
}

fn version(ordinal: u32) -> Version {
    Version::new(CallId(1), 1, ordinal)
}

/// For a day, if nobody was first.
fn terms(fixture: &impl Fixture, ordinal: u32) -> Terms {
    let expires_at = fixture.clock().now() + DAY;
    Terms { expires_at, version: version(ordinal), only_if_absent: true, max_bytes: None }
}

pub async fn an_unused_key_is_new(fixture: &impl Fixture) {
    let engine = fixture.engine();
    assert_eq!(find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap(), Found::New);
    assert!(keep(&*engine, &record("a"), &answer(b"1", b"one"), terms(fixture, 1)).await.unwrap());
    assert_eq!(find(&*engine, &record("b"), &fingerprint(b"1")).await.unwrap(), Found::New);
}

pub async fn the_first_answer_is_given_again(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let empty = Stored::new(fingerprint(b"2"), 204, vec![], Bytes::new()).unwrap();
    let large = answer(b"3", &[0xa7; 100_000]);
    let answers = [("a", b"1", answer(b"1", b"one\0\xff")), ("b", b"2", empty), ("c", b"3", large)];
    for (key, _, stored) in &answers {
        assert!(keep(&*engine, &record(key), stored, terms(fixture, 1)).await.unwrap());
    }
    for _ in 0..2 {
        for (key, request, stored) in &answers {
            let found = find(&*fixture.engine(), &record(key), &fingerprint(*request)).await.unwrap();
            assert_eq!(found, Found::Replay(stored.clone()));
        }
    }
}

pub async fn another_payload_is_a_mismatch(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let first = answer(b"1", b"one");
    keep(&*engine, &record("a"), &first, terms(fixture, 1)).await.unwrap();
    assert_eq!(find(&*engine, &record("a"), &fingerprint(b"2")).await.unwrap(), Found::Mismatch);
    assert_eq!(find(&*engine, &record("a"), &fingerprint(b"")).await.unwrap(), Found::Mismatch);
    let found = find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap();
    assert_eq!(found, Found::Replay(first), "a mismatch changes nothing");
}

pub async fn other_scopes_do_not_meet(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let records = [
        record_of(["bank", "teller"], "/transfers", None, "a"),
        record_of(["bank2", "teller"], "/transfers", None, "a"),
        record_of(["bank", "clerk"], "/transfers", None, "a"),
        record_of(["bank", "teller"], "/transfers/*", None, "a"),
        record_of(["bank", "teller"], "/transfers", Some(b""), "a"),
        record_of(["bank", "teller"], "/transfers", Some(b"ada"), "a"),
        record_of(["bank", "teller"], "/transfers", Some(b"bob"), "a"),
        record_of(["bank", "teller"], "/transfers", Some(b"ada"), "b"),
    ];
    for (index, record) in records.iter().enumerate() {
        let found = find(&*engine, record, &fingerprint(b"1")).await.unwrap();
        assert_eq!(found, Found::New, "scope {index} meets one before it");
        let headers = vec![("x-scope".to_owned(), vec![u8::try_from(index).unwrap()])];
        let stored = Stored::new(fingerprint(b"1"), 200, headers, Bytes::new()).unwrap();
        assert!(keep(&*engine, record, &stored, terms(fixture, 1)).await.unwrap());
    }
    for (index, record) in records.iter().enumerate() {
        match find(&*engine, record, &fingerprint(b"1")).await.unwrap() {
            Found::Replay(stored) => assert_eq!(usize::from(stored.headers[0].1[0]), index),
            other => panic!("{other:?} in scope {index}"),
        }
    }
}

pub async fn an_answer_has_its_time(fixture: &impl Fixture) {
    let (engine, clock) = (fixture.engine(), fixture.clock());
    let first = answer(b"1", b"one");
    keep(&*engine, &record("a"), &first, terms(fixture, 1)).await.unwrap();
    clock.advance(DAY - Duration::from_millis(1));
    let found = find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap();
    assert_eq!(found, Found::Replay(first), "it is there until its time has come");
    clock.advance(Duration::from_millis(1));
    for request in [b"1", b"2"] {
        assert_eq!(find(&*engine, &record("a"), &fingerprint(request)).await.unwrap(), Found::New);
    }
    let second = answer(b"2", b"two");
    assert!(keep(&*engine, &record("a"), &second, terms(fixture, 2)).await.unwrap());
    let found = find(&*engine, &record("a"), &fingerprint(b"2")).await.unwrap();
    assert_eq!(found, Found::Replay(second));
}

pub async fn one_answer_is_the_first(fixture: &impl Fixture) {
    let answers: [&'static [u8]; 8] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"];
    let kept = (1..).zip(answers).map(|(ordinal, body)| {
        let (engine, terms) = (fixture.engine(), terms(fixture, ordinal));
        tokio::spawn(async move {
            keep(&*engine, &record("a"), &answer(b"1", body), terms).await.unwrap().then_some(body)
        })
    });
    let kept: Vec<_> = join_all(kept).await.into_iter().filter_map(|task| task.unwrap()).collect();
    let [first] = &*kept else { panic!("{} were first", kept.len()) };
    let engine = fixture.engine();
    let found = find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap();
    assert_eq!(found, Found::Replay(answer(b"1", first)), "the first one's answer stays");
    let late = keep(&*engine, &record("a"), &answer(b"2", b"late"), terms(fixture, 9)).await.unwrap();
    assert!(!late, "another request's answer takes nobody's place");
    let found = find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap();
    assert_eq!(found, Found::Replay(answer(b"1", first)));
}

pub async fn an_answer_can_be_replaced(fixture: &impl Fixture) {
    let engine = fixture.engine();
    for (ordinal, body) in [(1, &b"one"[..]), (2, b"two")] {
        let terms = Terms { only_if_absent: false, ..terms(fixture, ordinal) };
        assert!(keep(&*engine, &record("a"), &answer(b"1", body), terms).await.unwrap());
        let found = find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap();
        assert_eq!(found, Found::Replay(answer(b"1", body)));
    }
}

pub async fn an_answer_without_room_is_refused(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let large = answer(b"1", &[7; 10_000]);
    let within = |ordinal| Terms { max_bytes: Some(25_000), ..terms(fixture, ordinal) };
    for key in ["a", "b"] {
        assert!(keep(&*engine, &record(key), &large, within(1)).await.unwrap());
    }
    let refused = keep(&*engine, &record("c"), &large, within(2)).await;
    assert!(matches!(refused, Err(commit::Error::Quota { .. })), "{refused:?}");
    assert_eq!(find(&*engine, &record("c"), &fingerprint(b"1")).await.unwrap(), Found::New);
    let found = find(&*engine, &record("a"), &fingerprint(b"1")).await.unwrap();
    assert_eq!(found, Found::Replay(large.clone()), "the others stay");
    let other = record_of(["bank", "clerk"], "/transfers", None, "c");
    assert!(keep(&*engine, &other, &large, within(3)).await.unwrap(), "each component has its own room");
    fixture.clock().advance(DAY);
    assert!(keep(&*engine, &record("c"), &large, within(4)).await.unwrap(), "what expires makes room");
}

pub async fn a_damaged_record_is_an_error(fixture: &impl Fixture) {
    let engine = fixture.engine();
    let bytes = answer(b"1", b"one").encode();
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damaged = [
        vec![],
        bytes[..bytes.len() - 1].to_vec(),
        [&bytes[..], b"!"].concat(),
        flipped(0),
        flipped(bytes.len() / 2),
        flipped(bytes.len() - 1),
    ];
    for value in damaged {
        let put = Action::Put(Record {
            version: version(1),
            expires_at: Some(fixture.clock().now() + DAY),
            media_type: None,
            value: value.into(),
        });
        let change = Change { key: record("a"), expect: None, action: put };
        engine.commit(Batch { changes: vec![change], ..Batch::default() }).await.unwrap();
        for request in [b"1", b"2"] {
            let found = find(&*engine, &record("a"), &fingerprint(request)).await;
            assert!(matches!(found, Err(commit::Error::Unavailable(_))), "{found:?}");
        }
        let kept = keep(&*engine, &record("a"), &answer(b"1", b"new"), terms(fixture, 2)).await;
        assert!(!kept.unwrap(), "what may have been an answer is not replaced");
    }
}

fn unit(fixture: &impl Fixture) -> Unit {
    Unit::new(fixture.engine(), fixture.clock().now(), Bounds::default())
}

/// A call in a unit: an effect, which is a record, and an answer.
async fn call(fixture: &impl Fixture, unit: &Unit, effect: &'static str, answer: &Stored) {
    let value = "done".into();
    let put = Action::Put(Record { version: version(1), expires_at: None, media_type: None, value });
    let change = Change { key: effect.into(), expect: None, action: put };
    unit.engine().commit(Batch { changes: vec![change], ..Batch::default() }).await.unwrap();
    assert!(keep(&*unit.engine(), &record("a"), answer, terms(fixture, 2)).await.unwrap());
}

async fn has(fixture: &impl Fixture, effect: &str) -> bool {
    fixture.engine().snapshot().await.unwrap().get(effect.as_bytes()).await.unwrap().is_some()
}

pub async fn an_answer_comes_with_its_effects(fixture: &impl Fixture) {
    const EFFECT: &str = "bank/state/accounts/ada";
    let (engine, request) = (fixture.engine(), fingerprint(b"1"));
    for committed in [false, true] {
        let unit = unit(fixture);
        assert_eq!(find(&*unit.engine(), &record("a"), &request).await.unwrap(), Found::New);
        call(fixture, &unit, EFFECT, &answer(b"1", b"one")).await;
        let found = find(&*engine, &record("a"), &request).await.unwrap();
        assert_eq!((found, has(fixture, EFFECT).await), (Found::New, false), "before the commit");
        if committed {
            unit.commit(fixture.clock().now() + DAY).await.unwrap();
        }
    }
    let found = find(&*engine, &record("a"), &request).await.unwrap();
    assert_eq!((found, has(fixture, EFFECT).await), (Found::Replay(answer(b"1", b"one")), true));
}

pub async fn of_two_units_one_has_effects(fixture: &impl Fixture) {
    const EFFECTS: [&str; 2] = ["bank/state/accounts/ada", "bank/state/accounts/bob"];
    let (units, request) = ([unit(fixture), unit(fixture)], fingerprint(b"1"));
    let answers = [answer(b"1", b"one"), answer(b"1", b"two")];
    for (unit, (effect, answer)) in units.iter().zip(EFFECTS.into_iter().zip(&answers)) {
        assert_eq!(find(&*unit.engine(), &record("a"), &request).await.unwrap(), Found::New);
        call(fixture, unit, effect, answer).await;
    }
    let deadline = fixture.clock().now() + DAY;
    units[1].commit(deadline).await.unwrap();
    let refused = units[0].commit(deadline).await;
    assert!(matches!(&refused, Err(commit::Error::Stale { key }) if *key == record("a")), "{refused:?}");
    let again = unit(fixture);
    let found = find(&*again.engine(), &record("a"), &request).await.unwrap();
    assert_eq!(found, Found::Replay(answers[1].clone()), "when it is run again, it finds the other's answer");
    again.commit(deadline).await.unwrap();
    assert_eq!((has(fixture, EFFECTS[0]).await, has(fixture, EFFECTS[1]).await), (false, true));
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let table = include_str!("../idempotency.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("//! - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(table.collect::<Vec<_>>(), idempotency_conformance! { @laws names });
    }
}
