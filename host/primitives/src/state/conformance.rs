//! One test for each law of [`Store`], which every backend runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::state_conformance!(MyFixture::new());
//! }
//! ```
//!
//! makes each law a `#[test]` of its own, on a fixture of its own. A law that needs what a store cannot
//! do, by its [`Abilities`](super::Abilities), does not apply to it and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::sync::Arc;

use super::Store;
use crate::clock::ManualClock;

mod counters;
mod expiry;
mod guards;
mod listings;
mod steps;
mod transactions;
mod values;

pub use counters::*;
pub use expiry::*;
pub use guards::*;
pub use listings::*;
pub use transactions::*;
pub use values::*;

/// An empty store, and the clock that it goes by.
pub trait Fixture {
    /// Another handle to the same data.
    fn store(&self) -> Arc<dyn Store>;

    fn clock(&self) -> &ManualClock;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! state_conformance {
    ($fixture:expr) => { $crate::state_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::state_conformance! { @$then [$($with)*]
            set_is_seen_by_every_handle,
            an_item_comes_back_as_it_was_set,
            any_value_comes_back,
            a_deleted_key_is_absent,
            stale_write_conflicts,
            insert_if_absent_has_one_winner,
            must_exist_refuses_an_absent_key,
            a_conflict_names_the_present_version,
            scan_pages_are_gapless,
            a_reverse_scan_is_the_scan_turned_round,
            a_range_restricts_a_scan,
            hostile_keys_stay_themselves,
            a_large_page_ends_early,
            a_transaction_is_all_or_nothing,
            later_steps_see_earlier_ones,
            additions_all_count,
            a_counter_reads_back_as_text,
            a_wrong_addition_changes_nothing,
            an_expired_key_is_gone,
            each_write_sets_expiry_anew,
            a_counter_keeps_its_expiry,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::state::conformance::$law(&fixture).await;
            });
        }
    )*};
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let table = include_str!("../state.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(table.collect::<Vec<_>>(), state_conformance! { @laws names });
    }
}
