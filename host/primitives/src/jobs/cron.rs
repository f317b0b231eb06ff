//! Cron expressions: which seconds of a calendar match, without any time zone.
//!
//! Own code, because a wrong expression must be answered with the name of its field, the search for the next match
//! must end quickly whatever the expression, and what a change of the clocks means is decided in [`super::schedule`].

use std::fmt;

use jiff::civil::{Date, DateTime, Time};

/// The longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 255;

/// Every set of days that has a day at all has one within eight years: 29 February is in no year that can be divided
/// by 100 and not by 400.
const YEARS: i16 = 9;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error(
        "a cron expression has five fields (minute, hour, day of month, month, day of week) or six (second first); this one has {0}"
    )]
    Fields(usize),
    #[error("a cron expression has at most {MAX_EXPRESSION} bytes")]
    TooLong,
    #[error("the {field} `{found}`: {right}")]
    Field { field: &'static str, found: String, right: String },
}

/// A parsed expression. A field is a set of numbers, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    last_day: bool,
    months: u64,
    weekdays: u64,
    /// Whether a day must be in both sets (one of them is `*`), or may be in either.
    both: bool,
    /// Whether the minute or the hour begins with `*`: it means an interval, not a time of the day.
    interval: bool,
}

struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 6] = [
    Field { name: "second", min: 0, max: 59, names: &[] },
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day of month", min: 1, max: 31, names: &[] },
    Field { name: "month", min: 1, max: 12, names: &MONTHS },
    Field { name: "day of week", min: 0, max: 7, names: &WEEKDAYS },
];

impl Cron {
    /// Five fields (minute, hour, day of month, month, day of week) or six (second first). A field is a list, with
    /// commas, of `*`, numbers, ranges `a-b`, and steps `*/n` or `a-b/n`. Months and days of the week may be named by
    /// their first three letters; Sunday is 0 or 7; the day of month `L` is the month's last. If both kinds of days
    /// are restricted, a day that is in either matches, as cron has always had it.
    ///
    /// # Errors
    /// [`Invalid`] names the field, and what would be right.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_EXPRESSION {
            return Err(Invalid::TooLong);
        }
        let mut fields: Vec<_> = text.split_ascii_whitespace().collect();
        match fields.len() {
            5 => fields.insert(0, "0"),
            6 => {}
            other => return Err(Invalid::Fields(other)),
        }
        let last_day = fields[3].split(',').any(|part| part.eq_ignore_ascii_case("l"));
        let mut sets = [0; 6];
        for ((set, field), text) in sets.iter_mut().zip(&FIELDS).zip(&fields) {
            *set = field.parse(text)?;
        }
        let [seconds, minutes, hours, days, months, weekdays] = sets;
        Ok(Self {
            text: fields[usize::from(text.split_ascii_whitespace().count() == 5)..].join(" "),
            seconds,
            minutes,
            hours,
            days,
            last_day,
            months,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            both: fields[3].starts_with('*') || fields[5].starts_with('*'),
            interval: fields[1].starts_with('*') || fields[2].starts_with('*'),
        })
    }

    /// Whether it means an interval (its minute or its hour begins with `*`) rather than times of the day.
    #[must_use]
    pub fn is_interval(&self) -> bool {
        self.interval
    }

    /// The first match that is not before `from`. `None`: there is none, or only beyond the year 9999.
    #[must_use]
    pub fn first_from(&self, from: DateTime) -> Option<DateTime> {
        let time = from.time();
        let second = u8::try_from(time.second()).ok()? + u8::from(time.subsec_nanosecond() > 0);
        if self.has_day(from.date())
            && let Some(time) =
                self.time_from(u8::try_from(time.hour()).ok()?, u8::try_from(time.minute()).ok()?, second)
        {
            return Some(from.date().to_datetime(time));
        }
        let day = self.day_from(from.date().tomorrow().ok()?)?;
        Some(day.to_datetime(self.time_from(0, 0, 0)?))
    }

    fn time_from(&self, hour: u8, minute: u8, second: u8) -> Option<Time> {
        let made = |h: u8, m: u8, s: u8| {
            Time::new(i8::try_from(h).ok()?, i8::try_from(m).ok()?, i8::try_from(s).ok()?, 0).ok()
        };
        let (first_minute, first_second) = (next(self.minutes, 0)?, next(self.seconds, 0)?);
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = next(self.seconds, second)
            {
                return made(hour, minute, second);
            }
            if let Some(minute) = next(self.minutes, minute + 1) {
                return made(hour, minute, first_second);
            }
        }
        made(next(self.hours, hour + 1)?, first_minute, first_second)
    }

    fn day_from(&self, mut day: Date) -> Option<Date> {
        let last_year = day.year().saturating_add(YEARS);
        while day.year() <= last_year {
            if has(self.months, u8::try_from(day.month()).ok()?) {
                if self.has_day(day) {
                    return Some(day);
                }
                day = day.tomorrow().ok()?;
            } else {
                day = day.last_of_month().tomorrow().ok()?;
            }
        }
        None
    }

    fn has_day(&self, day: Date) -> bool {
        let bit = |set, number: i8| u8::try_from(number).is_ok_and(|number| has(set, number));
        let of_month = bit(self.days, day.day()) || (self.last_day && day.day() == day.days_in_month());
        let of_week = bit(self.weekdays, day.weekday().to_sunday_zero_offset());
        let day_matches = if self.both { of_month && of_week } else { of_month || of_week };
        bit(self.months, day.month()) && day_matches
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the set has the number.
fn has(set: u64, number: u8) -> bool {
    number < 64 && set >> number & 1 == 1
}

/// The set's first number that is not before `from`.
fn next(set: u64, from: u8) -> Option<u8> {
    let left = if from < 64 { set >> from << from } else { 0 };
    (left != 0).then(|| u8::try_from(left.trailing_zeros()).ok())?
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, Invalid> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, part: &str) -> Result<u64, Invalid> {
        if self.name == "day of month" && part.eq_ignore_ascii_case("l") {
            return Ok(0);
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max - u8::from(self.max == 7)),
            Some((from, to)) => (self.number(part, from)?, self.number(part, to)?),
            None => {
                let number = self.number(part, range)?;
                if step.is_some() {
                    return Err(self.wrong(
                        part,
                        format!("a step follows `*` or a range, as in `{number}-{}/5`", self.max),
                    ));
                }
                (number, number)
            }
        };
        // A range of week days may end with Sunday, whichever of its names it has.
        let to = if self.max == 7 && to == 0 && from > 0 { 7 } else { to };
        if from > to {
            return Err(self.wrong(part, "a range goes from the smaller number to the larger".into()));
        }
        let step: u8 = match step {
            None => 1,
            Some(step) => (step.parse().ok().filter(|step| (1..=self.max).contains(step)))
                .ok_or_else(|| self.wrong(part, format!("a step is a number from 1 to {}", self.max)))?,
        };
        Ok((from..=to).step_by(step.into()).fold(0, |set, number| set | 1 << number))
    }

    fn number(&self, part: &str, text: &str) -> Result<u8, Invalid> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(at) => u8::try_from(at).ok().map(|at| at + self.min),
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        number.filter(|number| (self.min..=self.max).contains(number)).ok_or_else(|| {
            let names = self.names.first().map_or(String::new(), |first| format!(", names as `{first}`"));
            self.wrong(
                part,
                format!(
                    "allowed are numbers from {} to {}{names}, `*`, `a-b`, `*/n` and lists of them",
                    self.min, self.max
                ),
            )
        })
    }

    fn wrong(&self, found: &str, right: String) -> Invalid {
        Invalid::Field { field: self.name, found: found.chars().take(40).collect(), right }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_match_is_found() {
        let cases = [
            ("* * * * *", "2026-01-01T00:00:01", "2026-01-01T00:01:00"),
            ("* * * * *", "2026-01-01T00:01:00", "2026-01-01T00:01:00"),
            ("* * * * * *", "2026-12-31T23:59:59", "2026-12-31T23:59:59"),
            ("*/20 * * * * *", "2026-12-31T23:59:41", "2027-01-01T00:00:00"),
            ("30 4 1,15 * *", "2026-01-01T05:00", "2026-01-15T04:30"),
            ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
            ("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"),
            ("0 0 L * *", "2026-02-02T00:00", "2026-02-28T00:00"),
            ("0 0 L 2 *", "2028-02-02T00:00", "2028-02-29T00:00"),
            ("0 0 31 * *", "2026-02-01T00:00", "2026-03-31T00:00"),
            ("0 9 * * mon-fri", "2026-11-27T09:01", "2026-11-30T09:00"),
            ("0 9 * * 7", "2026-11-24T00:00", "2026-11-29T09:00"),
            ("0 9 * * SAT-SUN", "2026-11-28T10:00", "2026-11-29T09:00"),
            ("0 0 13 * 5", "2026-11-01T00:00", "2026-11-06T00:00"),
            ("15-45/15 8-10 * Mar *", "2026-03-01T08:46", "2026-03-01T09:15"),
        ];
        for (text, from, expected) in cases {
            let found = Cron::parse(text).unwrap().first_from(from.parse().unwrap());
            assert_eq!(found, Some(expected.parse().unwrap()), "{text} from {from}");
        }
    }

    #[test]
    fn what_has_no_match_ends() {
        for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *"] {
            assert_eq!(
                Cron::parse(text).unwrap().first_from("2026-01-01T00:00".parse().unwrap()),
                None,
                "{text}"
            );
        }
        let year = Cron::parse("0 0 1 1 *").unwrap();
        assert_eq!(year.first_from("9999-01-02T00:00".parse().unwrap()), None);
        assert_eq!(year.first_from(DateTime::MAX), None);
    }

    #[test]
    fn a_wrong_expression_names_the_field() {
        let cases = [
            ("", "five fields"),
            ("* * * *", "this one has 4"),
            ("* * * * * * *", "this one has 7"),
            ("60 * * * *", "the minute `60`: allowed are numbers from 0 to 59"),
            ("61 * * * * *", "the second `61`"),
            ("* 24 * * *", "the hour `24`: allowed are numbers from 0 to 23"),
            ("* * 0 * *", "the day of month `0`"),
            ("* * * 13 *", "the month `13`: allowed are numbers from 1 to 12, names as `jan`"),
            ("* * * * 8", "the day of week `8`"),
            ("* * * * funday", "the day of week `funday`"),
            ("*/0 * * * *", "a step is a number from 1 to 59"),
            ("5/10 * * * *", "as in `5-59/5`"),
            ("30-10 * * * *", "from the smaller number to the larger"),
            ("1,,2 * * * *", "the minute ``"),
            ("+1 * * * *", "the minute `+1`"),
            ("* é * * *", "the hour `é`"),
        ];
        for (text, expected) in cases {
            let error = Cron::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        assert_eq!(Cron::parse(&"1,".repeat(200)), Err(Invalid::TooLong));
    }
}
