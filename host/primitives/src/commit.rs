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
    },
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
    pub changes: Vec<Change>,
    pub quotas: Vec<Quota>,
}

impl Batch {
    /// What the batch weighs in a queue, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let changes = self.changes.iter().map(|change| {
            change.key.len() + if let Action::Put(record) = &change.action { record.value.len() } else { 64 }
        });
        let checks = self.checks.iter().map(|check| check.key.len() + 32);
        changes.chain(checks).sum()
    }
}

/// What a committed change left: for `Add`, the new number; for others, nothing.
pub type Sums = Vec<Option<i64>>;

/// Why a batch was not committed. Unless the error is [`Unknown`](Error::Unknown), nothing of it
/// was applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A check failed: what was read has changed since.
    #[error("a value that was read has changed since (check {check})")]
    Stale { check: usize },
    /// A change's expectation failed; `found` is the version that is there.
    #[error("a precondition did not hold (change {change})")]
    Conflict { change: usize, found: Option<Version> },
    /// `Add` met a value that is no decimal number within 64 bits.
    #[error("the value is no number")]
    NotANumber { change: usize },
    /// `Add` would leave the range of 64 bits.
    #[error("the number would leave 64 bits")]
    Overflow { change: usize },
    #[error("quota of {max_bytes} bytes exceeded")]
    Quota { max_bytes: u64 },
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
            Self::Quota { .. } => Class::Quota,
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

    /// Live records of `span`, as many as `budget` allows.
    async fn scan(&self, span: &Span, budget: Budget) -> Result<Slice, Error>;
}

/// Keeps records, durably and in order, and commits batches.
///
/// # Laws                                                            checked by
/// - A committed batch is seen as a whole by every later snapshot.   `state::conformance`
/// - A refused batch leaves nothing.                                 `state::conformance`
/// - An acknowledged commit survives the process and the machine.    the simulated disk, the kill test
/// - Snapshots never wait for a commit.                              `readers_do_not_wait_for_the_writer`
#[async_trait]
pub trait Engine: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// Whether what was acknowledged survives the process and the machine.
    fn is_durable(&self) -> bool;

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error>;

    /// Applies the batch durably and as a whole. A dropped future may still commit.
    async fn commit(&self, batch: Batch) -> Result<Sums, Error>;
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
