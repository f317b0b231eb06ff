//! Sizes, durations and moments as people write them.

use std::time::Duration;

use mecha_primitives::clock::Timestamp;

use crate::wrong::{Wrong, shown};

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

const TIMES: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Bytes: `128MiB`, `500 KB`, `4096`.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    const HELP: &str = "a size is a whole number of B, KiB, MiB, GiB, KB, MB or GB, as in `64MiB`";
    match scaled(text, SIZES, Some(1)) {
        Ok(bytes) => Ok(bytes),
        Err(Scale::Unit(number, unit)) => {
            let short = unit.trim_end_matches(['b', 'B', 'i', 'I']).to_ascii_uppercase();
            let same = |name: &str| name.eq_ignore_ascii_case(unit);
            let begins = |name: &str| name.strip_suffix("iB") == Some(short.as_str());
            let near = SIZES.iter().find(|(name, _)| same(name));
            let near = near.or_else(|| SIZES.iter().find(|(name, _)| begins(name)));
            let wrong = Wrong::new(format!("unknown unit {} of a size", shown(unit)));
            Err(match near {
                Some((near, _)) => wrong.help(format!("did you mean `{number}{near}`? {HELP}")),
                None => wrong.help(HELP),
            })
        }
        Err(Scale::Number) => Err(Wrong::new(format!("{} is no size", shown(text))).help(HELP)),
        Err(Scale::Overflow) => Err(overflow(text)),
    }
}

/// A duration that is not zero: `500ms`, `30 s`, `5m`, `1h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, Wrong> {
    const HELP: &str = "a duration is a whole number of ms, s, m, h or d, as in `30s`";
    match scaled(text, TIMES, None) {
        Ok(0) => Err(Wrong::new("a duration of zero").help(HELP)),
        Ok(millis) => Ok(Duration::from_millis(millis)),
        Err(Scale::Unit(_, "")) => {
            Err(Wrong::new(format!("{} is a duration without a unit", shown(text))).help(HELP))
        }
        Err(Scale::Unit(_, unit)) => {
            Err(Wrong::new(format!("unknown unit {} of a duration", shown(unit))).help(HELP))
        }
        Err(Scale::Number) => Err(Wrong::new(format!("{} is no duration", shown(text))).help(HELP)),
        Err(Scale::Overflow) => Err(overflow(text)),
    }
}

/// A moment since 1970, in RFC 3339: `2026-01-01T00:00:00Z`.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let time = text.parse::<jiff::Timestamp>().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp)
}

fn overflow(text: &str) -> Wrong {
    Wrong::new(format!("{} is too large", shown(text))).help("it does not fit into 64 bits")
}

enum Scale<'t> {
    Number,
    Unit(&'t str, &'t str),
    Overflow,
}

/// `bare` is the factor of a number without a unit, if that may be.
fn scaled<'t>(text: &'t str, units: &[(&str, u64)], bare: Option<u64>) -> Result<u64, Scale<'t>> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    if number.is_empty() || !unit.chars().all(char::is_alphabetic) {
        return Err(Scale::Number);
    }
    let factor = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None => bare.filter(|_| unit.is_empty()).ok_or(Scale::Unit(number, unit))?,
    };
    let number: u64 = number.parse().map_err(|_| Scale::Overflow)?;
    number.checked_mul(factor).ok_or(Scale::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("0", 0),
            ("4096", 4096),
            ("7B", 7),
            ("64KiB", 65536),
            ("64 KiB", 65536),
            ("1MiB", 1 << 20),
            ("2GiB", 2 << 30),
            ("1KB", 1_000),
            ("1MB", 1_000_000),
            ("1GB", 1_000_000_000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text).ok(), Some(bytes), "{text:?}");
        }
        let wrong = [
            "",
            "MiB",
            "-1",
            "+1",
            "1.5GiB",
            "1_000",
            "1e3",
            "0x10",
            "64Mb",
            "64M",
            "1TiB",
            "64MiB!",
            "٣",
            "18446744073709551616",
            "18014398509481984KiB",
        ];
        for text in wrong {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_near_unit_is_named() {
        for (text, near) in
            [("64Mb", "64MB"), ("64M", "64MiB"), ("1gib", "1GiB"), ("9k", "9KiB"), ("5mi", "5MiB")]
        {
            let help = size(text).unwrap_err().help.unwrap();
            assert!(help.starts_with(&format!("did you mean `{near}`?")), "{text}: {help}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("1ms", 1),
            ("30s", 30_000),
            ("30 s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(duration(text).ok(), Some(Duration::from_millis(millis)), "{text:?}");
        }
        for text in ["", "0s", "30", "s", "1.5s", "1m30s", "30sec", "5w", "-1s", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
