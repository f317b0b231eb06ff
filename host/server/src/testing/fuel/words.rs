//! Numbers and names as people read them: in whole numbers, so that they are the same everywhere.

use std::fmt::Write as _;

/// `120400` as `120,400`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// By how much it grew: `+4,100`, `-3`, `0`.
#[must_use]
pub fn change(before: u64, after: u64) -> String {
    let sign = if after > before { "+" } else { "-" };
    match after.abs_diff(before) {
        0 => "0".to_owned(),
        by => sign.to_owned() + &grouped(by),
    }
}

/// By how much it grew, in proportion: `+6.3 %`. Nothing, if there was nothing before.
#[must_use]
pub fn percent(before: u64, after: u64) -> Option<String> {
    let sign = if after >= before { "+" } else { "-" };
    Some(format!("{sign}{} %", proportion(after.abs_diff(before), before, 1)?))
}

/// How many hundredths one number is of another, rounded to some decimals: `6.3`.
#[must_use]
pub fn proportion(part: u64, of: u64, decimals: u32) -> Option<String> {
    let of = u128::from(of);
    let scale = 10_u128.pow(decimals.min(9));
    // Rounded half up. 2^64 · 200 · 10^9 is far below 2^128.
    let scaled = (u128::from(part) * 200 * scale + of).checked_div(of * 2)?;
    let mut text = grouped(u64::try_from(scaled / scale).unwrap_or(u64::MAX));
    if decimals > 0 {
        _ = write!(text, ".{:0width$}", scaled % scale, width = decimals.min(9) as usize);
    }
    Some(text)
}

/// A name of any origin on one line, cut in the middle if it is too long: what it begins with and ends with tells most.
#[must_use]
pub fn short(name: &str, most: usize) -> String {
    let chars: Vec<char> = name.chars().map(|char| if is_odd(char) { '\u{fffd}' } else { char }).collect();
    if chars.len() <= most {
        return chars.into_iter().collect();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}

/// What would act on a terminal, or turn the direction of what follows.
fn is_odd(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `1 case`, `2 cases`.
#[must_use]
pub fn count(number: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (120_400, "120,400"),
            (1_203_400, "1,203,400"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn changes_have_a_sign_and_a_proportion() {
        for (before, after, by, in_percent) in [
            (120_400, 128_000, "+7,600", Some("+6.3 %")),
            (1000, 995, "-5", Some("-0.5 %")),
            (1000, 1000, "0", Some("+0.0 %")),
            (2000, 2001, "+1", Some("+0.1 %")),
            (0, 5, "+5", None),
            (0, 0, "0", None),
            // More than a number can be is shown as the largest.
            (1, u64::MAX, "+18,446,744,073,709,551,614", Some("+18,446,744,073,709,551,615.0 %")),
        ] {
            assert_eq!(change(before, after), by);
            assert_eq!(percent(before, after).as_deref(), in_percent);
        }
    }

    #[test]
    fn names_stay_on_a_line_and_short() {
        for (name, most, shown) in [
            ("serde_json::de::from_slice", 60, "serde_json::de::from_slice"),
            ("a\nb\u{1b}[31m\u{202e}", 60, "a\u{fffd}b\u{fffd}[31m\u{fffd}"),
            ("abcdefghij", 7, "abc…hij"),
            ("äöüäöüäöüä", 6, "äö…öüä"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(short(name, most), shown);
        }
    }
}
