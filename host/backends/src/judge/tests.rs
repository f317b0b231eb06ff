//! What was listed, judged on rows in memory.

use std::ops::Range;

use mecha_primitives::{commit::Check, identity::CallId};

use super::*;
use crate::memory::Rows as Memory;

const NOW: Timestamp = Timestamp(1_000);

fn v(number: u32) -> Version {
    Version::new(CallId(1), 1, number)
}

fn put(key: &'static str, version: u32, expires_at: Option<Timestamp>) -> Change {
    let record = Record { version: v(version), expires_at, media_type: None, value: Bytes::new() };
    Change { key: key.into(), expect: None, action: Action::Put(record) }
}

/// Rows under `b`, `d` and `f`, and one under `e` that has expired.
fn rows() -> Memory {
    let mut rows = Memory::default();
    let changes = vec![put("b", 1, None), put("d", 2, Some(Timestamp(1_001))), put("f", 3, None)];
    let expired = put("e", 4, Some(NOW));
    let batches = [changes, vec![expired]].map(|changes| Batch { changes, ..Batch::default() });
    for outcome in outcomes(&mut rows, Timestamp(0), &batches) {
        outcome.unwrap();
    }
    rows
}

fn outcomes(rows: &mut Memory, now: Timestamp, batches: &[Batch]) -> Vec<Outcome> {
    rows.changed = false;
    let Ok(outcomes) = group(rows, now, batches);
    outcomes
}

fn listed(span: Range<&'static str>, records: &[(&'static str, u32)]) -> Seen {
    let end = Some(span.end).filter(|end| !end.is_empty()).map(Bytes::from);
    let span = Span { start: span.start.into(), end, reverse: false };
    Seen { span, records: records.iter().map(|(key, version)| ((*key).into(), v(*version))).collect() }
}

#[test]
fn the_first_key_that_differs_is_found() {
    type Case<'a> = (&'static str, &'static str, &'a [(&'static str, u32)], Option<&'a str>);
    // Without an end, the end is written as nothing.
    let cases: [Case<'_>; 21] = [
        ("", "", &[("b", 1), ("d", 2), ("f", 3)], None),
        ("b", "f", &[("b", 1), ("d", 2)], None),
        ("c", "", &[("d", 2), ("f", 3)], None),
        ("c", "d", &[], None),
        ("e", "f", &[], None),
        ("g", "", &[], None),
        ("d", "d", &[], None),
        ("f", "b", &[], None),
        ("", "", &[], Some("b")),
        ("c", "", &[], Some("d")),
        ("", "", &[("d", 2), ("f", 3)], Some("b")),
        ("", "", &[("b", 1), ("f", 3)], Some("d")),
        ("", "", &[("b", 1), ("d", 2)], Some("f")),
        ("", "", &[("b", 1), ("d", 9), ("f", 9)], Some("d")),
        ("", "", &[("a", 1), ("b", 1), ("d", 2), ("f", 3)], Some("a")),
        ("", "", &[("b", 1), ("c", 1), ("d", 2), ("f", 3)], Some("c")),
        ("", "", &[("b", 1), ("d", 2), ("f", 3), ("g", 1)], Some("g")),
        ("", "", &[("b", 1), ("d", 2), ("e", 4), ("f", 3)], Some("e")),
        ("", "", &[("d", 2), ("b", 1), ("f", 3)], Some("b")),
        ("d", "d", &[("d", 2)], Some("d")),
        ("f", "b", &[("d", 2)], Some("d")),
    ];
    let rows = rows();
    for (start, end, records, expected) in cases {
        let Ok(found) = changed(&rows, &listed(start..end, records), NOW);
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{start:?} to {end:?} with {records:?}");
    }
    let Ok(found) = changed(&rows, &listed("c".."e", &[("d", 2)]), Timestamp(1_001));
    assert_eq!(found.as_deref(), Some(&b"d"[..]), "it has expired");
}

#[test]
fn a_listing_sees_the_batches_before_its_own() {
    let batch =
        |records, changes| Batch { spans: vec![listed("b".."e", records)], changes, ..Batch::default() };
    let insert = |key| vec![put(key, 5, None), Change { action: Action::Delete, ..put("b", 0, None) }];
    let batches = [
        batch(&[("b", 1), ("d", 2)], insert("c")),
        batch(&[("b", 1), ("d", 2)], insert("c\0")),
        batch(&[("c", 5), ("d", 2)], insert("c\0")),
        batch(&[("c", 5), ("d", 2)], insert("c\0\0")),
        batch(&[("c", 5), ("c\0", 5), ("d", 2)], vec![]),
    ];
    let outcomes = outcomes(&mut rows(), NOW, &batches);
    let stale = outcomes.iter().map(|outcome| match outcome {
        Ok(_) => "",
        Err(commit::Error::Stale { key }) => std::str::from_utf8(key).unwrap(),
        Err(other) => panic!("{other}"),
    });
    assert_eq!(stale.collect::<Vec<_>>(), ["", "b", "", "c\0", ""]);
}

#[test]
fn a_batch_that_is_refused_for_what_it_read_touches_nothing() {
    let changes = vec![put("c", 5, None)];
    let check = Check { key: "b".into(), expect: commit::Expect::Absent };
    let refused = [
        Batch { spans: vec![listed("b".."e", &[("b", 1)])], changes: changes.clone(), ..Batch::default() },
        Batch { checks: vec![check], changes, ..Batch::default() },
    ];
    let mut rows = rows();
    for outcome in outcomes(&mut rows, NOW, &refused) {
        assert!(matches!(outcome, Err(commit::Error::Stale { .. })), "{outcome:?}");
    }
    assert!(!rows.is_changed());
    assert!(rows.record(b"e").is_ok_and(|record| record.is_some()), "nothing was swept either");
}
