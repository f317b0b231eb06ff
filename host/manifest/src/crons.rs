//! Cron expressions and their time zones.

use mecha_primitives::{
    clock::Timestamp,
    jobs::{Invalid, Schedule},
};

use crate::wrong::{Wrong, shown};

pub(crate) const UTC: &str = "UTC";

/// What can be said of an expression before there is a clock.
pub(crate) fn check(expression: &str, time_zone: &str) -> Result<(), Wrong> {
    const HELP: &str = "it has five fields: minute, hour, day of month, month, day of week; with a sixth, \
                        seconds come first";
    let wrong =
        |invalid: Invalid| Wrong::new(format!("{} is no schedule: {invalid}", shown(expression))).help(HELP);
    let schedule = Schedule::cron(expression, Some(time_zone)).map_err(wrong)?;
    if schedule.never_fires(Timestamp(0)) {
        let never = Wrong::new(format!("{} never fires", shown(expression)));
        return Err(never.help("there is no such day in any year"));
    }
    Ok(())
}
