//! Bugs that are there on purpose, to see whether the judges see.

/// One of them in a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// The engine does not look at what was read.
    DroppedChecks,
    /// The engine does not look at what was listed.
    DroppedSpans,
    /// That something was not there is not checked.
    ForgottenAbsence,
    /// The batches of one group are checked against what was there before all of them.
    UncheckedGroup,
    /// The disk's syncs do nothing, so that what is acknowledged is not on it.
    LyingDisk,
    /// A commit that failed is acknowledged.
    EarlyAcknowledgment,
    /// A snapshot is taken anew for each read.
    FreshSnapshots,
    /// Whether the lease is this attempt's still is not looked at.
    IgnoredLease,
    /// The delivery is settled after the commit.
    SettledApart,
    /// The client has its answer before the commit.
    EarlyAnswer,
    /// The answer is kept for its key after the commit.
    AnswerKeptApart,
    /// What a nested call wrote stays when it fails.
    KeptNested,
    /// An addition that nobody looks at is read, added to and written, and what was read is not checked.
    RereadAddition,
    /// A further run begins with what the run before had written.
    KeptRerun,
    /// Nobody is told of what was committed.
    LostNotifications,
    /// A call that failed is committed.
    KeptFailure,
}

impl Bug {
    pub(super) const ALL: [Self; 16] = [
        Self::DroppedChecks,
        Self::DroppedSpans,
        Self::ForgottenAbsence,
        Self::UncheckedGroup,
        Self::LyingDisk,
        Self::EarlyAcknowledgment,
        Self::FreshSnapshots,
        Self::IgnoredLease,
        Self::SettledApart,
        Self::EarlyAnswer,
        Self::AnswerKeptApart,
        Self::KeptNested,
        Self::RereadAddition,
        Self::KeptRerun,
        Self::LostNotifications,
        Self::KeptFailure,
    ];
}
