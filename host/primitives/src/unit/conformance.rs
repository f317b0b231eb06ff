//! One test for each law of [`Unit`] and of [`Transactions`], which every engine runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::unit_conformance!(MyFixture::new());
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use super::{Bounds, Failed, Observer, Run, Savepoint, Transactions, Unit, transactions::Options};
use crate::{
    clock::{Clock as _, ManualClock, Timestamp},
    commit::{
        Action, Batch, Budget, Change, Check, Committed, Engine, Error, Expect, Quota, Record, Room, Seen,
        Slice, Snapshot, Span, Stamp, Version,
    },
    identity::CallId,
    random::{Random, Seeded},
};

mod bounded;
mod calls;
mod ends;
mod nested;
mod races;
mod reads;
mod steps;
mod words;

pub use bounded::*;
pub use calls::*;
pub use ends::*;
pub use nested::*;
pub use races::*;
pub use reads::*;
pub use steps::*;
use words::*;

/// An empty engine, and the clock that it goes by.
pub trait Fixture {
    /// Another handle to the same records.
    fn engine(&self) -> Arc<dyn Engine>;

    fn clock(&self) -> Arc<ManualClock>;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! unit_conformance {
    ($fixture:expr) => { $crate::unit_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::unit_conformance! { @$then [$($with)*]
            all_of_a_unit_or_none,
            nobody_sees_what_is_held,
            reads_are_of_one_moment,
            its_own_writes_are_seen,
            a_changed_read_refuses_the_unit,
            a_phantom_refuses_the_unit,
            what_was_not_listed_does_not_matter,
            what_was_peeked_at_may_change,
            blind_additions_do_not_conflict,
            a_nested_call_is_undone_alone,
            acts_come_after_the_commit,
            room_is_made,
            what_is_held_is_bounded,
            reading_needs_no_commit,
            nothing_is_held_after_the_commit,
            appended_records_keep_their_order,
            a_unit_does_what_its_steps_would,
            transfers_keep_the_sum,
            write_skew_does_not_occur,
            phantoms_do_not_occur,
            calls_for_one_key_take_turns,
            calls_for_one_range_take_turns,
            blind_additions_run_once,
            a_discarded_call_leaves_nothing,
            who_gives_up_names_the_key,
            a_deadline_ends_the_runs,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::unit::conformance::$law(&fixture).await;
            });
        }
    )*};
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_tables_is_tested() {
        let tables = [include_str!("../unit.rs"), include_str!("transactions.rs")].into_iter();
        let laws = tables.flat_map(str::lines).filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(laws.collect::<Vec<_>>(), unit_conformance! { @laws names });
    }
}
