//! Which bytes of a file are asked for: the header `range` (RFC 9110, section 14).

/// What to send.
#[derive(Debug, PartialEq, Eq)]
pub enum Range {
    Whole,
    /// From `start` on, `length` bytes, at least one.
    Part {
        start: u64,
        length: u64,
    },
    /// None of it is there.
    Unsatisfiable,
}

/// What a header asks for of a file of so many bytes.
///
/// What is malformed, in another unit, or more than one range counts as if it were not there, as the RFC allows: who
/// asks for many ranges gets the whole, and cannot make a small request cost many times the file.
pub fn select(header: &str, size: u64) -> Range {
    let Some((unit, ranges)) = header.split_once('=') else { return Range::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Range::Whole;
    }
    // Empty elements of a list mean nothing.
    let mut ranges = ranges.split(',').map(str::trim).filter(|range| !range.is_empty());
    match (ranges.next().and_then(|range| range.split_once('-')), ranges.next()) {
        (Some(("", length)), None) => number(length).map_or(Range::Whole, |length| suffix(length, size)),
        (Some((first, last)), None) => between(first, last, size).unwrap_or(Range::Whole),
        _ => Range::Whole,
    }
}

fn suffix(length: u64, size: u64) -> Range {
    match length.min(size) {
        0 if length == 0 => Range::Unsatisfiable,
        // All of nothing: there is no way to say that as a range.
        0 => Range::Whole,
        length => Range::Part { start: size - length, length },
    }
}

fn between(first: &str, last: &str, size: u64) -> Option<Range> {
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    if first >= size {
        return Some(Range::Unsatisfiable);
    }
    // `last` is beneath `size` from here on, so that 1 can be added.
    let last = last.min(size - 1);
    Some(Range::Part { start: first, length: last - first + 1 })
}

/// A number of digits. One that is too large for us is larger than any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_the_rfc_says() {
        let part = |start, length| Range::Part { start, length };
        let cases = [
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-999", part(500, 500)),
            ("bytes=-500", part(9500, 500)),
            ("bytes=9500-", part(9500, 500)),
            ("bytes=0-0", part(0, 1)),
            ("bytes=-1", part(9999, 1)),
            ("bytes=9999-10000", part(9999, 1)),
            ("bytes=-20000", part(0, 10_000)),
            ("Bytes = 1-2 ", part(1, 2)),
            ("bytes=,1-2,", part(1, 2)),
            ("bytes=0-99999999999999999999", part(0, 10_000)),
            ("bytes=10000-", Range::Unsatisfiable),
            ("bytes=10000-10001", Range::Unsatisfiable),
            ("bytes=99999999999999999999-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=0-0,-1", Range::Whole),
            ("bytes=2-1", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=", Range::Whole),
            ("bytes", Range::Whole),
            ("", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("bytes=1--2", Range::Whole),
            ("bytes=0x1-2", Range::Whole),
            ("lines=1-2", Range::Whole),
        ];
        for (header, range) in cases {
            assert_eq!(select(header, 10_000), range, "{header}");
        }
    }

    #[test]
    fn an_empty_file_has_no_bytes_to_ask_for() {
        assert_eq!(select("bytes=0-", 0), Range::Unsatisfiable);
        assert_eq!(select("bytes=-5", 0), Range::Whole);
        assert_eq!(select("bytes=-0", 0), Range::Unsatisfiable);
    }
}
