//! Numbers and texts as people read them on a terminal.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

/// A number with its thousands apart: `1,203,400`.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing: `1 case`, `2 cases`.
#[must_use]
pub fn plural(count: usize, what: &str) -> String {
    format!("{} {what}{}", number(count as u64), if count == 1 { "" } else { "s" })
}

/// How long something took: `0.31 s`, `2 min 5 s`.
#[must_use]
pub fn took(took: Duration) -> String {
    match took.as_secs() {
        0..60 => format!("{:.2} s", took.as_secs_f64()),
        secs => format!("{} min {} s", secs / 60, secs % 60),
    }
}

/// A text that came from a component: it must not be able to send commands to a terminal. Line feeds stay.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => plain.push_str("    "),
            // A string takes whatever is written to it.
            c if is_command(c) => _ = write!(plain, "{}", c.escape_default()),
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

fn is_command(c: char) -> bool {
    // Beside control characters those that turn the direction of a line: it would read otherwise than it is.
    c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

/// One line of a text, and not too much of it.
#[must_use]
pub fn line(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let is_whole = first.len() == text.trim_end_matches(['\r', '\n']).len() && first.len() <= LINE;
    let cut = &first[..first.floor_char_boundary(LINE)];
    format!("{}{}", plain(cut), if is_whole { "" } else { "…" })
}

/// Bytes of a line that are shown.
const LINE: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (120_400, "120,400"),
            (1_203_400, "1,203,400"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (value, shown) in cases {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn durations_are_as_exact_as_anybody_cares() {
        let cases = [(0, "0.00 s"), (309, "0.31 s"), (12_400, "12.40 s"), (125_900, "2 min 5 s")];
        for (millis, shown) in cases {
            assert_eq!(took(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn a_terminal_gets_no_commands() {
        let cases = [
            ("as it is\nin two lines, ü", "as it is\nin two lines, ü"),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("a\tb\rc", "a    b\\rc"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
        ];
        for (text, shown) in cases {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn a_line_is_one_line() {
        let long = "ü".repeat(400);
        let cut = format!("{}…", "ü".repeat(250));
        let cases =
            [("short", "short"), ("short\n", "short"), ("two\nlines", "two…"), ("", ""), (&*long, &*cut)];
        for (text, shown) in cases {
            assert_eq!(line(text), shown);
        }
    }
}
