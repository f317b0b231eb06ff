//! W3C Trace Context: a call's `traceparent`. (<https://www.w3.org/TR/trace-context/>, section 3.2)

use std::fmt::Write as _;

/// The trace of a call: a child of the one that came in, if that is valid; else the beginning of a new one.
#[must_use]
pub fn child(incoming: Option<&str>, trace: [u8; 16], span: [u8; 8]) -> String {
    let parent = incoming.and_then(parse);
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    match parent {
        Some((id, _)) => text.push_str(id),
        None => hex(&mut text, &trace),
    }
    text.push('-');
    hex(&mut text, &span);
    text.push('-');
    text.push_str(parent.map_or("00", |(_, flags)| flags));
    text
}

fn hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A string takes whatever is written to it.
        _ = write!(text, "{byte:02x}");
    }
}

/// Trace id and flags of a valid `traceparent` of version 00, or the part of a later version that is known.
fn parse(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, len| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let valid = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && trace.bytes().any(|b| b != b'0')
        && is_hex(parent, 16)
        && parent.bytes().any(|b| b != b'0')
        && is_hex(flags, 2);
    valid.then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_parent_is_continued() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            child(Some(parent), [1; 16], [2; 8]),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0202020202020202-01"
        );
    }

    #[test]
    fn anything_else_begins_a_new_trace() {
        let new = "00-01010101010101010101010101010101-0202020202020202-00";
        for wrong in [
            "",
            "00-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(child(Some(wrong), [1; 16], [2; 8]), new, "{wrong}");
        }
        assert_eq!(child(None, [1; 16], [2; 8]), new);
    }
}
