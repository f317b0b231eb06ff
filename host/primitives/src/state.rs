//! State: a map of values that outlives any instance.
//!
//! [`Store`] is the seam. [`Records`] keeps state in any [`Engine`]; the
//! wrappers [`Scoped`] and [`Limited`] are put around a store when an app is loaded; [`conformance`]
//! holds a test for every law.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

pub use crate::commit::{Expect, Version};
use crate::{class::Class, clock::Timestamp, commit::Engine};

pub mod conformance;
mod limited;
mod records;
mod scoped;

pub use limited::{Limited, Limits};
pub use records::Records;
pub use scoped::{Scoped, private_scope, shared_scope};

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY: usize = 1024;
/// The most entries in one page.
pub const MAX_PAGE: u32 = 1000;
/// About how many bytes one page holds. An entry that is larger is a page of its own.
pub const MAX_PAGE_BYTES: usize = 1024 * 1024;
/// The most bytes of values in one request. (What crosses into the host at once is bounded to 8 MiB.)
pub const MAX_VALUES: usize = 6 << 20;
/// The most steps in one transaction.
pub const MAX_STEPS: usize = 1000;

/// A key: 1 to [`MAX_KEY`] bytes of UTF-8, none of them special.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// # Errors
    /// [`Error::InvalidArgument`] if it is empty, [`Error::TooLarge`] if it is longer than
    /// [`MAX_KEY`] bytes.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::InvalidArgument("a key cannot be empty".into()));
        }
        if text.len() > MAX_KEY {
            return Err(Error::TooLarge(MAX_KEY as u64));
        }
        Ok(Self(text.into()))
    }

    /// For wrappers, which make keys longer than guests may.
    fn unchecked(text: String) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A stored value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub value: Bytes,
    pub version: Version,
    pub content_type: Option<Arc<str>>,
    pub expires_at: Option<Timestamp>,
}

/// Which keys to list, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    pub prefix: String,
    /// Included.
    pub start: Option<String>,
    /// Excluded.
    pub end: Option<String>,
    pub reverse: bool,
    /// Go on behind this key, the last one of the page before.
    pub after: Option<String>,
}

/// How much of a range to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    /// Without values the items' values are empty.
    pub values: bool,
}

/// A page of a listing, and whether there is more behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub entries: Vec<(Key, Item)>,
    pub more: bool,
}

/// One step of a transaction. Its expectation sees what the steps before it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub key: Key,
    pub expect: Option<Expect>,
    pub action: Action,
}

impl Step {
    /// Bytes of the value that it brings.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.action {
            Action::Set { value, .. } => value.len(),
            _ => 0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Set {
        value: Bytes,
        content_type: Option<Arc<str>>,
        ttl: Option<Duration>,
        version: Version,
    },
    Delete,
    /// Changes nothing; the step is there for its expectation.
    Check,
    /// Adds to a counter (absent: 0), whose value is decimal ASCII. The time to live takes effect only if
    /// this creates the counter.
    Add {
        delta: i64,
        ttl: Option<Duration>,
        version: Version,
        /// Whether the new value is wanted: an addition without is no read.
        told: bool,
    },
}

/// What a step left behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// The new version, after `Set` and `Add`.
    pub version: Option<Version>,
    /// The new value, after `Add`.
    pub sum: Option<i64>,
}

/// What a store can do. The manifest is checked against it, and it selects the laws to test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// What it acknowledged survives the process and the machine.
    pub durable: bool,
    /// Values can expire.
    pub ttl: bool,
    /// Several keys change together or not at all.
    pub transactions: bool,
}

/// Why an operation failed. A key that is not there is never an error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("no store of that name: {0}")]
    NoSuchStore(String),
    #[error("access denied: {0}")]
    AccessDenied(String),
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// Carries the version that is there now.
    #[error("a precondition did not hold")]
    Conflict(Option<Version>),
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    #[error("busy")]
    Busy(Option<Duration>),
    /// It may or may not have happened.
    #[error("timed out")]
    Timeout,
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error("{0}")]
    Other(String),
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NoSuchStore(_) => Class::NotFound,
            Self::AccessDenied(_) => Class::Denied,
            Self::InvalidArgument(_) => Class::Invalid,
            Self::TooLarge(_) => Class::TooLarge,
            Self::Conflict(_) => Class::Conflict,
            Self::Unsupported(_) => Class::Unsupported,
            Self::QuotaExceeded(_) => Class::Quota,
            Self::Busy(after) => Class::Busy(*after),
            Self::Timeout => Class::Timeout,
            Self::Unavailable(_) => Class::Unavailable,
            Self::Other(_) => Class::Internal,
        }
    }
}

/// Why a transaction failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// This step could not be applied, and nothing was.
    #[error("step {0}: {1}")]
    Step(usize, #[source] Error),
    /// The transaction as a whole. After [`Error::Timeout`] it is unknown whether it was applied.
    #[error(transparent)]
    Whole(#[from] Error),
}

impl Failure {
    /// The error itself, for callers who have only one step.
    #[must_use]
    pub fn into_error(self) -> Error {
        match self {
            Self::Step(_, error) | Self::Whole(error) => error,
        }
    }
}

/// A map of values that outlives any instance.
///
/// # Laws                                                            checked by
/// - What one handle sets, every handle gets.                        `set_is_seen_by_every_handle`
/// - Value, version and content type come back as they were set.     `an_item_comes_back_as_it_was_set`
/// - Any value comes back, byte for byte, the empty one too.         `any_value_comes_back`
/// - A deleted key is absent; deleting an absent one is no error.    `a_deleted_key_is_absent`
/// - A write guarded by an old version changes nothing.              `stale_write_conflicts`
/// - `Absent` lets one of many writers in.                           `insert_if_absent_has_one_winner`
/// - `Present` refuses an absent key.                                `must_exist_refuses_an_absent_key`
/// - A conflict carries the version that is there.                   `a_conflict_names_the_present_version`
/// - `scan` gives each key once, in order of bytes, across pages.    `scan_pages_are_gapless`
/// - A reverse scan is the scan turned round.                        `a_reverse_scan_is_the_scan_turned_round`
/// - Prefix, start and end restrict a scan together.                 `a_range_restricts_a_scan`
/// - Keys are bytes: nothing in them is special.                     `hostile_keys_stay_themselves`
/// - A page ends near 1 MiB, and the next goes on there.             `a_large_page_ends_early`
/// - Of a transaction, all steps happen or none.                     `a_transaction_is_all_or_nothing`
/// - Later steps see earlier ones.                                   `later_steps_see_earlier_ones`
/// - Concurrent additions all count.                                 `additions_all_count`
/// - A counter reads back as decimal text.                           `a_counter_reads_back_as_text`
/// - Adding to no number, or beyond 64 bits, changes nothing.        `a_wrong_addition_changes_nothing`
/// - An expired key is absent to every operation.                    `an_expired_key_is_gone`
/// - Each write sets expiry anew.                                    `each_write_sets_expiry_anew`
/// - A counter keeps the expiry it was created with.                 `a_counter_keeps_its_expiry`
#[async_trait]
pub trait Store: fmt::Debug + fmt::Display + Send + Sync + 'static {
    fn abilities(&self) -> Abilities;

    /// The value under `key`, if it is there and has not expired.
    async fn get(&self, key: &Key) -> Result<Option<Item>, Error>;

    /// As [`get`](Self::get), but an atomic call's commit does not depend on it.
    async fn peek(&self, key: &Key) -> Result<Option<Item>, Error>;

    /// One page of a listing: one snapshot, in the order of the keys' bytes.
    async fn scan(&self, range: &Range, page: Page) -> Result<Listing, Error>;

    /// The same store over another engine: the unit of work of an atomic call. What it reads and writes is then the
    /// unit's to check and to hold.
    fn over(&self, engine: &Arc<dyn Engine>) -> Arc<dyn Store>;

    /// Applies every step or none, in order. When this returns the writes are as durable as the
    /// store is.
    async fn apply(&self, steps: Vec<Step>) -> Result<Vec<Applied>, Failure>;
}

/// What can be said in terms of [`Store`]'s methods.
#[async_trait]
pub trait StoreExt: Store {
    /// Applies one step.
    async fn apply_one(&self, step: Step) -> Result<Applied, Error> {
        let applied = self.apply(vec![step]).await.map_err(Failure::into_error)?;
        Ok(applied.into_iter().next().unwrap_or_default())
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
