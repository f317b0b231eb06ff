//! When a job is due: pure, with the time as an argument.

use std::{fmt, time::Duration};

use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::cron::{self, Cron};
use crate::clock::Timestamp;

/// The longest name of a time zone, in bytes.
pub const MAX_ZONE: usize = 64;

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error(transparent)]
    Cron(#[from] cron::Invalid),
    #[error("`{0}` is no time zone; zones have IANA names such as `Europe/Berlin`")]
    Zone(String),
    #[error("an interval cannot be shorter than a millisecond")]
    Interval,
}

/// When a job is due.
///
/// # When the clocks change
/// An expression whose minute or hour begins with `*` means an interval: it runs at every real moment whose local time
/// matches. So `*/10 * * * *` runs every ten minutes through the change, and `*/10 2 * * *` not at all where 02:00 to
/// 03:00 is left out, and in both hours where it comes twice.
///
/// Any other expression means times of the day: one that is left out runs at the first moment behind the gap (several
/// of them run once there), and one that comes twice runs the first time only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Once; if it is in the past, at once.
    At(Timestamp),
    /// Once, this long after it was scheduled.
    After(Duration),
    /// Again and again. Without `first`, the first time is `every` after it was scheduled; a `first` in the past only
    /// says where the intervals begin.
    Interval { every: Duration, first: Option<Timestamp> },
    /// At the local times of a zone.
    Cron(Zoned),
}

/// A cron expression in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zoned {
    expression: Cron,
    /// As it was written; `None`: UTC.
    name: Option<Box<str>>,
    zone: TimeZone,
}

impl Schedule {
    /// # Errors
    /// [`Invalid`] if the expression or the zone is wrong.
    pub fn cron(expression: &str, zone: Option<&str>) -> Result<Self, Invalid> {
        let expression = Cron::parse(expression)?;
        let shown = |name: &str| Invalid::Zone(name.chars().take(MAX_ZONE).collect());
        let zone_of = |name: &str| match name.len() <= MAX_ZONE {
            true => TimeZoneDatabase::bundled().get(name).map_err(|_| shown(name)),
            false => Err(shown(name)),
        };
        let found = zone.map_or(Ok(TimeZone::UTC), zone_of)?;
        Ok(Self::Cron(Zoned { expression, name: zone.map(Into::into), zone: found }))
    }

    /// # Errors
    /// [`Invalid::Interval`] if `every` is less than a millisecond.
    pub fn interval(every: Duration, first: Option<Timestamp>) -> Result<Self, Invalid> {
        match every.as_millis() {
            0 => Err(Invalid::Interval),
            _ => Ok(Self::Interval { every, first }),
        }
    }

    /// The first time that is due for what was scheduled at `since`.
    #[must_use]
    pub fn first(&self, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            Self::After(after) => Some(since + *after),
            Self::Interval { .. } => self.next_after(since, Timestamp(since.0.saturating_sub(1))),
            Self::Cron(zoned) => zoned.next_after(since),
        }
    }

    /// The first time behind `after` that is due for what was scheduled at `since`; `None`: there is none.
    #[must_use]
    pub fn next_after(&self, since: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(_) | Self::After(_) => self.first(since).filter(|at| *at > after),
            Self::Interval { every, first } => {
                let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
                let first = match first {
                    Some(first) => first.0,
                    None => since.0.checked_add(every)?,
                };
                if first > after.0 {
                    return Some(Timestamp(first));
                }
                let times = (after.0 - first) / every + 1;
                Some(Timestamp(first.checked_add(times.checked_mul(every)?)?))
            }
            Self::Cron(zoned) => zoned.next_after(after),
        }
    }

    /// The last time of those from `due` to `now` that are due; `due` is one of them.
    #[must_use]
    pub fn newest(&self, since: Timestamp, due: Timestamp, now: Timestamp) -> Timestamp {
        let is_due = |after| self.next_after(since, after).filter(|next| *next <= now);
        let Some(mut newest) = is_due(due) else { return due };
        // Halving instead of counting: a year of seconds would be 31 million steps.
        let (mut low, mut high) = (newest.0, now.0);
        while low < high {
            let middle = low + (high - low) / 2;
            match is_due(Timestamp(middle)) {
                Some(later) => (newest, low) = (later, later.0),
                None => high = middle,
            }
        }
        newest
    }

    /// Whether it is never due, as 30 February, if it is scheduled at `from`.
    #[must_use]
    pub fn never_fires(&self, from: Timestamp) -> bool {
        self.first(from).is_none()
    }
}

impl Zoned {
    /// The expression, with single spaces between its fields.
    #[must_use]
    pub fn expression(&self) -> String {
        self.expression.to_string()
    }

    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(i64::try_from(after.0).ok()?).ok()?;
        let found = match self.expression.is_interval() {
            true => self.next_moment(after),
            false => self.next_time_of_day(after),
        };
        u64::try_from(found?.as_millisecond()).ok().map(Timestamp)
    }

    /// Goes from one change of the clocks to the next: between them local time and real time are the same.
    fn next_moment(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut from = jiff::Timestamp::from_second(after.as_second().checked_add(1)?).ok()?;
        let mut changes = self.zone.following(after);
        loop {
            let offset = self.zone.to_offset(from);
            let found = offset.to_timestamp(self.expression.first_from(offset.to_datetime(from))?).ok();
            let change = changes.by_ref().map(|change| change.timestamp()).find(|at| *at > from);
            match change {
                Some(change) if found.is_none_or(|found| found >= change) => from = change,
                _ => return found,
            }
        }
    }

    fn next_time_of_day(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut local = self.zone.to_datetime(after);
        loop {
            let found = self.expression.first_from(local)?;
            let moment = match self.zone.to_ambiguous_timestamp(found).offset() {
                AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(found).ok()?,
                AmbiguousOffset::Fold { before, .. } => before.to_timestamp(found).ok()?,
                AmbiguousOffset::Gap { before, .. } => {
                    let behind = before.to_timestamp(found).ok()?;
                    let behind = jiff::Timestamp::from_second(behind.as_second().checked_add(1)?).ok()?;
                    self.zone.preceding(behind).next()?.timestamp()
                }
            };
            // It is not when the first of two equal hours is over.
            if moment > after {
                return Some(moment);
            }
            local = found.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => write!(f, "at {} ms", at.0),
            Self::After(after) => write!(f, "after {after:?}"),
            Self::Interval { every, .. } => write!(f, "every {every:?}"),
            Self::Cron(zoned) => write!(f, "{} {}", zoned.expression, zoned.zone().unwrap_or("UTC")),
        }
    }
}

#[cfg(test)]
mod tests;
