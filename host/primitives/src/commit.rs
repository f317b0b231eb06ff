//! The one write path. Every durable change, of whatever primitive, is a [`Batch`] given to an
//! [`Engine`]'s [`commit`](Engine::commit).
//!
//! A plain `set` is a batch of one; a transaction is a batch of several. An engine takes what is
//! queued, checks each batch against what the batches before it left, applies or refuses it as a
//! whole, makes the group durable once, and answers all of them.
//!
//! Keys are bytes of the form `app/primitive/space/…`. The part up to the third slash is the key's
//! [`account`]: engines count bytes by it.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{class::Class, clock::Timestamp, identity::CallId};

mod accounts;
pub mod conformance;

pub use accounts::accounts;

/// The version of a record: the call that wrote it, the attempt, and the ordinal of the write.
/// Only equality means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version([u8; Self::LEN]);

impl Version {
    pub const LEN: usize = 24;
    /// A version that no write is ever given: an expectation of it never holds.
    pub const NEVER: Self = Self([u8::MAX; Self::LEN]);

    #[must_use]
    pub fn new(call: CallId, attempt: u32, ordinal: u32) -> Self {
        let mut bytes = [0; Self::LEN];
        bytes[..16].copy_from_slice(&call.0.to_be_bytes());
        bytes[16..20].copy_from_slice(&attempt.to_be_bytes());
        bytes[20..].copy_from_slice(&ordinal.to_be_bytes());
        Self(bytes)
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no version: it does not have 48 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an ETag has {} hexadecimal digits", Version::LEN * 2)]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        if text.len() != Self::LEN * 2 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NoVersion);
        }
        let mut bytes = [0; Self::LEN];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| NoVersion)?;
        }
        Ok(Self(bytes))
    }
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub version: Version,
    /// From this moment on the record is absent to every operation.
    pub expires_at: Option<Timestamp>,
    pub media_type: Option<Arc<str>>,
    pub value: Bytes,
}

impl Record {
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}

/// What must hold of a key for a batch to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Absent,
    Present,
    Version(Version),
}

impl Expect {
    /// Whether it holds of a key whose live record has this version (`None`: there is none).
    #[must_use]
    pub fn holds(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Present => found.is_some(),
            Self::Version(wanted) => found == Some(wanted),
        }
    }
}

/// Something that was read, and must still be so when the batch is committed: seen *before* any of
/// the batch's own changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub key: Bytes,
    pub expect: Expect,
}

/// What was listed, and must still be so when the batch is committed: the live records of `span` are exactly these,
/// in order. Seen, like a [`Check`], before any of the batch's own changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Never in reverse.
    pub span: Span,
    pub records: Vec<(Bytes, Version)>,
}

/// One change of a batch. Its expectation is judged in order: it sees the changes before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: Bytes,
    pub expect: Option<Expect>,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Put(Record),
    Delete,
    /// Changes nothing; the change is there for its expectation.
    Verify,
    /// Adds to a decimal number (absent: 0). `expires_at` applies only if this creates the record;
    /// otherwise expiry and media type stay as they are.
    Add {
        delta: i64,
        expires_at: Option<Timestamp>,
        version: Version,
        /// Whether somebody wants to know the new number. If not, a unit of work need not read the old one.
        told: bool,
    },
    /// Puts a record under a key that is the change's key and a [`Stamp`]: the number that the engine gives the
    /// commit, and `ordinal`. Keys with one prefix are therefore in the order of their commits, whoever made them,
    /// and a reader who has seen one will never find a new one before it. A batch that would put two records under
    /// one stamped key is refused with a conflict. An expectation is of the key without the stamp.
    Append {
        ordinal: u32,
        record: Record,
    },
    /// Subtracts one from a decimal number; when it comes to zero (or was there already), the key and all of `last`
    /// are deleted, and the sum is 0. An absent key changes nothing, and gives no sum.
    Countdown {
        last: Vec<Bytes>,
        version: Version,
    },
}

/// What an engine adds to the key of an [`Append`](Action::Append): the number of the commit and the ordinal of the
/// change, both big-endian. Numbers of commits grow and are never given twice, across restarts too; they have gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    pub commit: u64,
    pub ordinal: u32,
}

impl Stamp {
    pub const LEN: usize = 12;

    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.commit.to_be_bytes());
        bytes[8..].copy_from_slice(&self.ordinal.to_be_bytes());
        bytes
    }

    /// The stamp at the end of a key; `None` if the key is too short for one.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        let (_, bytes) = key.split_last_chunk::<{ Self::LEN }>()?;
        let (commit, ordinal) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            commit: u64::from_be_bytes(*commit),
            ordinal: u32::from_be_bytes(ordinal.try_into().ok()?),
        })
    }

    /// The key of an [`Append`](Action::Append) under `prefix`.
    #[must_use]
    pub fn key(self, prefix: &[u8]) -> Bytes {
        [prefix, &self.to_bytes()].concat().into()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.commit, self.ordinal)
    }
}

/// A bound on the bytes (keys and values) that an account may hold. Only a batch that makes the
/// account larger is refused for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    pub account: Bytes,
    pub max_bytes: u64,
}

/// Changes that happen together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub checks: Vec<Check>,
    pub spans: Vec<Seen>,
    pub changes: Vec<Change>,
    pub quotas: Vec<Quota>,
}

impl Batch {
    /// What the batch weighs in a queue, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let changes = self.changes.iter().map(|change| {
            change.key.len()
                + match &change.action {
                    Action::Put(record) | Action::Append { record, .. } => record.value.len(),
                    Action::Countdown { last, .. } => {
                        64 + last.iter().map(|key| key.len() + 32).sum::<usize>()
                    }
                    Action::Delete | Action::Verify | Action::Add { .. } => 64,
                }
        });
        let checks = self.checks.iter().map(|check| check.key.len() + 32);
        let listed = self.spans.iter().flat_map(|seen| &seen.records).map(|(key, _)| key.len() + 32);
        changes.chain(checks).chain(listed).sum()
    }
}

/// What a commit left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The number of the commit, if the batch appends; otherwise 0.
    pub number: u64,
    /// One for each change: for `Add`, and for `Countdown` of a key that is there, the new number; for others nothing.
    pub sums: Vec<Option<i64>>,
}

/// Why a batch was not committed. Unless the error is [`Unknown`](Error::Unknown), nothing of it
/// was applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What was read or listed has changed since: the record under this key.
    #[error("what was read has changed since: {}", String::from_utf8_lossy(key))]
    Stale { key: Bytes },
    /// A change's expectation failed; `found` is the version that is there.
    #[error("a precondition did not hold (change {change})")]
    Conflict { change: usize, found: Option<Version> },
    /// `Add` or `Countdown` met a value that is no decimal number within 64 bits.
    #[error("the value is no number")]
    NotANumber { change: usize },
    /// `Add` or `Countdown` would leave the range of 64 bits.
    #[error("the number would leave 64 bits")]
    Overflow { change: usize },
    #[error("quota of {max_bytes} bytes exceeded")]
    Quota { account: Bytes, max_bytes: u64 },
    /// A unit of work holds as much as it may: so many reads and writes, or so many bytes of them.
    #[error("an atomic call reads and writes at most {max} {what}")]
    Held { what: &'static str, max: usize },
    /// The queue is full.
    #[error("too many writes are waiting")]
    Busy(Option<Duration>),
    /// The engine is out of reach, and the batch was not applied.
    #[error("storage is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// The engine failed in the middle: the batch may or may not be there.
    #[error("it is unknown whether the write happened: {0}")]
    Unknown(Arc<str>),
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Stale { .. } | Self::Conflict { .. } => Class::Conflict,
            Self::NotANumber { .. } | Self::Overflow { .. } => Class::Invalid,
            Self::Quota { .. } | Self::Held { .. } => Class::Quota,
            Self::Busy(after) => Class::Busy(*after),
            Self::Unavailable(_) => Class::Unavailable,
            Self::Unknown(_) => Class::Timeout,
        }
    }
}

/// A part of the key space, in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Included.
    pub start: Bytes,
    /// Excluded; `None`: no end.
    pub end: Option<Bytes>,
    /// From the last key to the first.
    pub reverse: bool,
}

/// How much of a span to read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub records: usize,
    /// Bytes of keys and values; the first record is given even if it is larger.
    pub bytes: usize,
    /// Whether values are wanted; without, they are empty.
    pub values: bool,
}

/// Records in order, and whether live ones are left beyond them.
pub type Slice = (Vec<(Bytes, Record)>, bool);

/// A moment of the engine's content. What it shows does not change, and holding it blocks nobody;
/// but it keeps old pages alive, so it is held for a call at the most.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// The live record under `key`.
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, Error>;

    /// As [`get`](Self::get), but a unit of work does not remember it: whether it commits does not depend on it.
    async fn peek(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        self.get(key).await
    }

    /// Live records of `span`, as many as `budget` allows.
    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error>;
}

/// Keeps records, durably and in order, and commits batches.
///
/// # Laws                                                            checked by
/// - A committed batch is seen as a whole by every later snapshot.   `a_committed_batch_is_seen_whole`
/// - A refused batch leaves nothing.                                 `a_refused_batch_leaves_nothing`
/// - What a snapshot shows does not change.                          `a_snapshot_does_not_change`
/// - A scan keeps to its span, its order and its budget.             `a_scan_keeps_to_its_span_and_budget`
/// - Checks see what was there before the batch.                     `checks_see_what_was_before_the_batch`
/// - What was listed is exactly what is there, or nothing happens.   `a_changed_listing_refuses_the_batch`
/// - A stale batch names the first key that is not as it was read.   `a_stale_batch_names_what_has_changed`
/// - Expectations see the batch's own earlier changes.               `expectations_see_earlier_changes`
/// - Numbers grow with commits, whoever makes them, and for ever.    `numbers_grow_with_commits`
/// - Keys that one batch appends share its number.                   `appended_keys_share_the_number`
/// - Two appends never share a key.                                  `two_appends_never_share_a_key`
/// - An append that is refused leaves no trace, and no number.       `a_refused_append_leaves_no_trace`
/// - A number is not given twice, whatever became of its keys.       `a_number_without_a_key_is_still_given`
/// - A countdown deletes its key and the last ones exactly at zero.  `a_countdown_deletes_exactly_at_zero`
/// - A countdown of an absent key changes nothing.                   `a_countdown_of_nothing_changes_nothing`
/// - A quota refuses growth only.                                    `a_quota_refuses_growth_only`
/// - Appended records count in the quota.                            `appended_records_count_in_the_quota`
/// - What has expired is absent, and gives its room back.            `what_has_expired_is_absent`
/// - An acknowledged commit survives the process and the machine.    the simulated disk, the kill test
/// - Snapshots never wait for a commit.                              the tests of groups
///
/// The last two are of engines that are durable, and that have a writer.
#[async_trait]
pub trait Engine: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// Whether what was acknowledged survives the process and the machine.
    fn is_durable(&self) -> bool;

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error>;

    /// Applies the batch durably and as a whole. A dropped future may still commit.
    async fn commit(&self, batch: Batch) -> Result<Committed, Error>;

    /// Does something once what this has committed is there for all to see. That is now, unless this is a unit of work.
    fn afterwards(&self, act: Box<dyn FnOnce() + Send>) {
        act();
    }

    /// Does something once all that was handed over before has been committed or refused: for who does not wait for the
    /// end of a commit, and has to act as if it had happened.
    fn when_written(&self, act: Box<dyn FnOnce() + Send>) {
        act();
    }

    /// Tells a unit of work who can make room if its commit finds the account full. Others have said so already.
    fn on_full(&self, _account: Bytes, _room: Arc<dyn Room>) {}
}

/// Makes room in an account that is full, if that is what its owner wants.
#[async_trait]
pub trait Room: Send + Sync {
    /// Waits for room, or makes it. Whether it is worth another try.
    async fn make(&self, deadline: Timestamp) -> bool;
}

/// Hears what an engine does, for the operator's metrics. Called on the engine's own thread: be quick.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A group of `batches` became durable after `took`.
    fn committed(&self, batches: usize, took: Duration);
    /// The engine failed and will open its storage anew.
    fn failed(&self, why: &str);
}

/// An observer that is not interested.
#[derive(Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn committed(&self, _: usize, _: Duration) {}
    fn failed(&self, _: &str) {}
}

/// The account of a key: up to and with its third slash, or all of it if it has fewer.
#[must_use]
pub fn account(key: &[u8]) -> &[u8] {
    let third = key.iter().enumerate().filter(|(_, byte)| **byte == b'/').nth(2);
    third.map_or(key, |(at, _)| &key[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_back_from_its_text() {
        let version = Version::new(CallId(u128::MAX - 3), 2, 77);
        assert_eq!(version.to_string().parse(), Ok(version));
        for wrong in ["", "00", &"g".repeat(48), &"A".repeat(48), &"é".repeat(24)] {
            assert_eq!(wrong.parse::<Version>(), Err(NoVersion), "{wrong:?}");
        }
    }

    #[test]
    fn a_stamp_is_read_back_from_the_end_of_a_key() {
        let stamps = [(0, 0), (1, 2), (0x2f2f, 0x2f), (u64::MAX, u32::MAX)];
        for (commit, ordinal) in stamps {
            let stamp = Stamp { commit, ordinal };
            for prefix in [&b""[..], b"app/pubsub/orders/"] {
                assert_eq!(Stamp::of(&stamp.key(prefix)), Some(stamp));
                assert_eq!(account(&stamp.key(b"app/pubsub/orders/")), b"app/pubsub/orders/");
            }
        }
        assert_eq!(Stamp::of(&[0; Stamp::LEN - 1]), None);
        let keys = stamps.map(|(commit, ordinal)| Stamp { commit, ordinal }.key(b"p"));
        assert!(keys.is_sorted(), "keys are in the order of their stamps");
    }

    #[test]
    fn a_batch_weighs_what_it_holds_on_to() {
        let version = Version::NEVER;
        let last = vec![Bytes::from(vec![0; 1000]); 100];
        let change = Change { key: "k".into(), expect: None, action: Action::Countdown { last, version } };
        let weight = Batch { changes: vec![change], ..Batch::default() }.weight();
        assert!(weight >= 100_000, "{weight}");
    }

    #[test]
    fn an_account_ends_at_the_third_slash() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"a/state/s/k", b"a/state/s/"),
            (b"a/state/s/k/l", b"a/state/s/"),
            (b"a/b", b"a/b"),
            (b"", b""),
        ];
        for (key, expected) in cases {
            assert_eq!(account(key), expected);
        }
    }
}
