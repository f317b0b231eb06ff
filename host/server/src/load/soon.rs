//! Whether each schedule is due in the time to come.

use std::time::Duration;

use mecha_manifest::{App, Due, Schedule};
use mecha_primitives::{clock::Timestamp, jobs};

use super::checker::Checker;

const DAY: u64 = 24 * 60 * 60;
/// What is due later is probably not what was meant.
const LONG: Duration = Duration::from_secs(366 * DAY);

pub(super) fn check(checker: &mut Checker<'_>, app: &App) {
    for schedule in &app.schedules {
        let wait = next(schedule, checker.now).map(|next| next.since(checker.now));
        if wait.is_some_and(|wait| wait <= LONG) {
            continue;
        }
        let (at, part) = match &schedule.due {
            Due::Cron { expression, .. } => (expression.at, "cron"),
            Due::Every(_) => (schedule.at, "every"),
        };
        let message = match wait {
            Some(wait) => format!("the schedule is next due in {} days", wait.as_secs() / DAY),
            None => "the schedule is never due again".to_owned(),
        };
        let help = "is that what was meant? The fields are minute, hour, day of month, month, day of week";
        let help = if part == "cron" { help } else { "is that what was meant?" };
        checker.warn(at, format!("schedules.{}.{part}", schedule.name), message, help);
    }
}

/// When a schedule is next due that begins now.
#[must_use]
pub fn next(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let due = match &schedule.due {
        Due::Cron { expression, time_zone } => {
            jobs::Schedule::cron(&expression.value, Some(&time_zone.value))
        }
        Due::Every(every) => jobs::Schedule::interval(*every, None),
    };
    due.ok()?.first(now)
}
