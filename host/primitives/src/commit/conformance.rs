//! One test for each law of [`Engine`], which every engine runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::commit_conformance!(MyFixture::new());
//! }
//! ```
//!
//! makes each law a `#[test]` of its own, on a fixture of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::sync::Arc;

use super::Engine;
use crate::clock::ManualClock;

mod batches;
mod countdowns;
mod listings;
mod quotas;
mod stamps;
mod whole;

pub use countdowns::*;
pub use listings::*;
pub use quotas::*;
pub use stamps::*;
pub use whole::*;

/// An empty engine, and the clock that it goes by.
pub trait Fixture {
    /// Another handle to the same records.
    fn engine(&self) -> Arc<dyn Engine>;

    fn clock(&self) -> &ManualClock;

    /// Closes the engine, if what it keeps outlives that: the next handle opens it again.
    fn reopen(&self) -> impl Future<Output = ()> + Send;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! commit_conformance {
    ($fixture:expr) => { $crate::commit_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::commit_conformance! { @$then [$($with)*]
            a_committed_batch_is_seen_whole,
            a_refused_batch_leaves_nothing,
            a_snapshot_does_not_change,
            a_scan_keeps_to_its_span_and_budget,
            checks_see_what_was_before_the_batch,
            a_changed_listing_refuses_the_batch,
            a_stale_batch_names_what_has_changed,
            expectations_see_earlier_changes,
            numbers_grow_with_commits,
            appended_keys_share_the_number,
            two_appends_never_share_a_key,
            a_refused_append_leaves_no_trace,
            a_number_without_a_key_is_still_given,
            a_countdown_deletes_exactly_at_zero,
            a_countdown_of_nothing_changes_nothing,
            a_quota_refuses_growth_only,
            appended_records_count_in_the_quota,
            what_has_expired_is_absent,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::commit::conformance::$law(&fixture).await;
            });
        }
    )*};
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let table = include_str!("../commit.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(table.collect::<Vec<_>>(), commit_conformance! { @laws names });
    }
}
