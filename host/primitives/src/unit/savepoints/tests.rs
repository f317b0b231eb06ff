use crate::{
    commit::{Action, Change, Record, Version},
    identity::CallId,
    random::{Random as _, Seeded},
    unit::Bounds,
};

use super::*;

fn put(size: u64) -> Write {
    let value = vec![0; usize::try_from(size).unwrap()].into();
    Write::Put(Record { version: Version::new(CallId(1), 1, 1), expires_at: None, media_type: None, value })
}

/// What is held, counted anew.
fn counted(held: &Held) -> (usize, usize) {
    let writes = held.writes.iter().map(|(key, write)| size(key, write));
    let before = held.levels.iter().flat_map(|level| &level.before);
    let before = before.filter_map(|(key, before)| before.as_ref().map(|write| size(key, write)));
    let sizes: Vec<_> = writes.chain(before).collect();
    (sizes.len() + held.appended.len(), sizes.iter().sum::<usize>() + weight(&held.appended))
}

#[test]
fn what_is_taken_is_what_is_held() {
    let bounds = Bounds { entries: 40, bytes: 8_000 };
    let (mut refused, mut undone) = (0, 0);
    for seed in 0..200 {
        let (mut held, random) = (Held::new(bounds), Seeded::new(seed));
        let up_to = |bound| random.next() % bound;
        let mut marks = vec![];
        for _ in 0..100 {
            match up_to(8) {
                0 => marks.push((held.mark(), held.writes.len(), held.appended.len())),
                1 => {
                    if let Some((mark, ..)) = marks.pop() {
                        held.keep(&mark);
                    }
                }
                2 => {
                    if let Some((mark, writes, appended)) = marks.pop() {
                        assert!(held.undo(&mark).is_empty());
                        assert_eq!((held.writes.len(), held.appended.len()), (writes, appended));
                        undone += 1;
                    }
                }
                // One that is not the innermost takes those within it with it.
                3 if marks.len() > 2 => {
                    drop(held.undo(&marks[1].0));
                    marks.truncate(1);
                }
                _ => {
                    let write = |_| {
                        (Bytes::from(vec![b'k'; usize::try_from(1 + up_to(9)).unwrap()]), put(up_to(400)))
                    };
                    let delete = (Bytes::from_static(b"kkk"), Write::Delete);
                    let writes = (0..up_to(4)).map(write).chain([delete]).collect();
                    let action = Action::Countdown { last: vec!["last".into()], version: Version::NEVER };
                    let appended = Change { key: "a".into(), expect: None, action };
                    let before = counted(&held);
                    if held.hold(writes, vec![appended], vec![]).is_err() {
                        refused += 1;
                        assert_eq!(counted(&held), before, "seed {seed}: a part is held");
                    }
                }
            }
            assert_eq!(held.size(), counted(&held), "seed {seed}");
            assert!(held.size().0 <= bounds.entries && held.size().1 <= bounds.bytes, "seed {seed}");
        }
    }
    assert!(refused > 100 && undone > 100, "{refused} refused, {undone} undone");
}
