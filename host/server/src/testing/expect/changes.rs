//! Two texts that are not the same: where they begin to differ.

use similar::{Algorithm, ChangeTag, TextDiff};

use super::texts::{MOST, cut, number, text, visible};

/// Bytes of a text that is shown as a whole.
const SHORT: usize = 120;
/// The same, of one of several lines.
const FEW: usize = 256;
/// Bytes of a long line that are shown before the place at which two begin to differ.
const BEFORE: usize = 20;
/// Bytes from there on.
const AFTER: usize = 60;
/// Lines that are compared from the first on that differs.
const LINES: usize = 200;
/// Lines around a difference.
const AROUND: usize = 2;

/// What to show of both. Texts of several lines are shown as the second one's difference from the first.
#[must_use]
pub fn changes(expected: &str, found: &str) -> (String, String) {
    let has_lines = |text: &str| text.trim_end_matches('\n').contains('\n');
    if has_lines(expected) && has_lines(found) {
        let differing = lines(expected, found);
        if expected.len() <= FEW {
            return (text(expected), differing);
        }
        return (format!("a text of {} lines", number(expected.lines().count() as u64)), differing);
    }
    if expected.len().max(found.len()) <= SHORT || has_lines(expected) || has_lines(found) {
        return (text(expected), text(found));
    }
    let same = expected.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
    (window(expected, same), window(found, same))
}

/// The place of a long text at which another begins to differ.
fn window(whole: &str, same: usize) -> String {
    let from = whole.floor_char_boundary(same.saturating_sub(BEFORE));
    let to = whole.ceil_char_boundary(same.saturating_add(AFTER).min(whole.len()));
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < whole.len() { "…" } else { "" });
    let part = text(&whole[from..to]);
    format!(
        "{before}{part}{after} ({} bytes, the same up to byte {})",
        number(whole.len() as u64),
        number(same as u64)
    )
}

/// Lines as a patch has them: `-` was expected, `+` was found.
fn lines(expected: &str, found: &str) -> String {
    let (old, new) = (expected.split_inclusive('\n'), found.split_inclusive('\n'));
    let same = old.clone().zip(new.clone()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(AROUND);
    // Comparing takes time with the square of their number, and nobody reads more.
    let old: Vec<&str> = old.skip(from).take(LINES).collect();
    let new: Vec<&str> = new.skip(from).take(LINES).collect();
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&old, &new);
    let mut shown =
        format!("lines that differ, from line {} on (- expected, + found)", number(same as u64 + 1));
    for (place, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if place > 0 {
            shown.push_str("\n  …");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let line = change.value();
            let end = if line.ends_with('\n') { "" } else { " (without a line feed)" };
            let line = line.trim_end_matches('\n');
            shown.push_str(&format!(
                "\n{sign} {}{end}",
                cut(&visible(&line[..line.floor_char_boundary(SHORT + 4)]), SHORT)
            ));
        }
        if shown.len() > MOST {
            break;
        }
    }
    cut(&shown, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_shown_whole() {
        for (expected, found) in [("lamp", "lamb"), ("lamp", "one\ntwo"), ("", "lamp ")] {
            assert_eq!(changes(expected, found), (text(expected), text(found)));
        }
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let same = "ü".repeat(200);
        let (expected, found) = changes(&format!("{same}lamp{same}"), &format!("{same}lamb{same}"));
        let before = "ü".repeat(8);
        // It begins in the middle of nothing: at a whole character.
        let start = expected.strip_prefix('…').unwrap();
        assert!(start.starts_with(&before), "{expected}");
        assert!(expected.contains("lamp") && expected.ends_with("… (804 bytes, the same up to byte 403)"));
        assert!(found.contains("lamb") && found.ends_with("… (804 bytes, the same up to byte 403)"));
    }

    #[test]
    fn of_several_lines_those_are_shown_that_differ() {
        let (expected, found) = changes("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "a\nb\nc\nD\ne\nf\ng\nh\ni\nj");
        assert_eq!(expected, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
        let shown = "\
lines that differ, from line 4 on (- expected, + found)
  b
  c
- d
+ D
  e
  f
  …
  h
  i
- j
+ j (without a line feed)";
        assert_eq!(found, shown);
    }

    #[test]
    fn of_very_many_lines_some_are_shown() {
        let expected: String = (0..100_000).map(|line| format!("{line}\n")).collect();
        let found: String = (0..100_000).map(|line| format!("{}\n", line / 2)).collect();
        let (wanted, shown) = changes(&expected, &found);
        assert_eq!(wanted, "a text of 100,000 lines");
        assert!(shown.len() <= MOST && shown.starts_with("lines that differ, from line 2 on"), "{shown}");
        let escape = changes("a\nb\n", "a\n\u{1b}\n").1;
        assert!(escape.ends_with("+ \\u{1b}"), "{escape}");
    }
}
