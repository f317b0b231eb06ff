//! A function of a guest, by the name that people know it by.
//!
//! What a build puts into a name to make it unique (a hash, a crate's number) is left out: it would make each build's
//! functions others than the last one's.

use super::words;

/// The longest name that is kept. Generics make longer ones, and a hostile component can make them as long as it likes.
const LONGEST: usize = 240;

/// One level of a guest's stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    pub component: String,
    pub function: String,
}

impl Frame {
    /// A function of a component, as a demangler or a name section says it.
    #[must_use]
    pub fn new(component: &str, function: &str) -> Self {
        let function = match plain(function) {
            name if name.trim().is_empty() => "(no name)".to_owned(),
            name => words::short(&name, LONGEST),
        };
        Self { component: words::short(component, LONGEST), function }
    }
}

/// `core::fmt::write::h0123456789abcdef` and `core[0123456789abcdef]::fmt::write` as `core::fmt::write`.
fn plain(name: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((before, hash)) if is_hash(hash) => before,
        _ => name,
    };
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        text.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        match inside.split_once(']') {
            Some((number, after)) if is_hash(number) => rest = after,
            _ => {
                text.push('[');
                rest = inside;
            }
        }
    }
    text + rest
}

/// A number of 64 bits in hexadecimal. Leading zeros may be left out; what has fewer digits than this may be an array's
/// length.
fn is_hash(text: &str) -> bool {
    (12..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_build_knows_is_left_out() {
        for (name, shown) in [
            ("serde_json::de::from_slice", "serde_json::de::from_slice"),
            ("core::fmt::write::h0123456789abcdef", "core::fmt::write"),
            ("core[846817f741e54dfd]::slice::sort", "core::slice::sort"),
            (
                "<alloc[846817f741e54dfd]::vec::Vec<[u8; 16]> as core[46817f741e54dfd]::ops::Drop>::drop",
                "<alloc::vec::Vec<[u8; 16]> as core::ops::Drop>::drop",
            ),
            ("a::h", "a::h"),
            ("a::handle", "a::handle"),
            ("[", "["),
            ("a[0123456789abcdef", "a[0123456789abcdef"),
            ("", "(no name)"),
            ("a\nb", "a\u{fffd}b"),
        ] {
            assert_eq!(Frame::new("shop", name).function, shown);
        }
    }

    #[test]
    fn a_name_without_end_is_cut() {
        let frame = Frame::new("shop", &"[".repeat(100_000));
        assert_eq!(frame.function.chars().count(), LONGEST);
    }
}
