//! Texts as a person reads them: short, and without anything that a terminal would obey.

/// Bytes of a text that is shown.
pub const MOST: usize = 2 << 10;
/// Characters of a key.
const KEY: usize = 60;

/// As it is, or in quotes if one would not see where it begins and ends, or what is in it.
#[must_use]
pub fn text(text: &str) -> String {
    let begins = &text[..text.floor_char_boundary(MOST + 4)];
    let has_lines = text.trim_end_matches('\n').contains('\n');
    let has_edge = text.is_empty() || text.trim() != text;
    let is_odd = has_edge || text.contains(|c| is_hidden(c) || c == '\t');
    match is_odd && !has_lines {
        true => cut(&format!("\"{}\"", escaped(begins, true)), MOST),
        false => cut(&visible(begins), MOST),
    }
}

/// What is in another, by its name: `items.0` or `orders."a.b"`.
#[must_use]
pub fn under(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-:/@$#+~".contains(c);
    let is_whole = key.chars().nth(KEY).is_none();
    let key = match !key.is_empty() && is_whole && key.chars().all(is_plain) {
        true => key.to_owned(),
        false => {
            let short: String = key.chars().take(KEY).collect();
            format!("\"{}{}\"", escaped(&short, true), if is_whole { "" } else { "…" })
        }
    };
    match path {
        "" => key,
        path => format!("{path}.{key}"),
    }
}

/// Without what a terminal would obey, or that changes how a line reads; line feeds stay.
#[must_use]
pub fn visible(text: &str) -> String {
    if text.contains(is_hidden) { escaped(text, false) } else { text.to_owned() }
}

/// Its beginning, in at most so many bytes.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

/// On one line, and of so many characters at the most.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    let is_whole = short.len() == text.len();
    short = escaped(short.trim_end(), true);
    if !is_whole {
        short.push('…');
    }
    short
}

/// A number with its thousands apart.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn escaped(text: &str, line_feeds: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if line_feeds => out.extend(c.escape_default()),
            c if is_hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Control characters, and those that have no width or turn the direction of a line.
fn is_hidden(c: char) -> bool {
    let is_turning =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    (c.is_control() && c != '\n' && c != '\t') || is_turning
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_what_is_in_it() {
        let cases = [
            ("lamp", "lamp"),
            ("two words", "two words"),
            ("", "\"\""),
            ("lamp ", "\"lamp \""),
            (" lamp", "\" lamp\""),
            ("lamp\n", "\"lamp\\n\""),
            ("a\tb", "\"a\\tb\""),
            ("a\u{1b}[31mb", "\"a\\u{1b}[31mb\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("one\ntwo\n", "one\ntwo\n"),
            ("one\n\u{7}two", "one\n\\u{7}two"),
        ];
        for (is, shown) in cases {
            assert_eq!(text(is), shown, "{is:?}");
        }
    }

    #[test]
    fn a_path_names_each_step() {
        let long = "k".repeat(61);
        let cases = [
            ("", "total", "total".to_owned()),
            ("response.body", "0", "response.body.0".to_owned()),
            ("state.orders", "order:1/a", "state.orders.order:1/a".to_owned()),
            ("a", "b.c", "a.\"b.c\"".to_owned()),
            ("a", "", "a.\"\"".to_owned()),
            ("a", "b\nc", "a.\"b\\nc\"".to_owned()),
            ("a", &long, format!("a.\"{}…\"", "k".repeat(60))),
        ];
        for (path, key, shown) in cases {
            assert_eq!(under(path, key), shown);
        }
    }

    #[test]
    fn a_line_is_one_line_and_numbers_are_in_groups() {
        for (is, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(is), shown);
        }
        assert_eq!(line("a\nb\u{1b}", 10), "a\\nb\\u{1b}");
        assert_eq!(line("abcdef", 3), "abc…");
    }
}
