//! A path as guests may give it: relative, plain, and short.

use mecha_primitives::bindings::Error;

/// Names this output gives to what is not complete. Guests cannot name it, and no listing shows it.
pub(super) const TEMPORARY: &str = ".mecha-";

const MAX_PATH: usize = 1024;
/// What Linux takes.
const MAX_PART: usize = 255;
const MAX_DEPTH: usize = 32;

/// A file below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    /// Where the last part begins.
    name: usize,
}

impl Path {
    /// # Errors
    /// [`Error::InvalidArgument`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match wrong(text) {
            Some(wrong) => Err(Error::InvalidArgument(format!("the path {wrong}"))),
            None => Ok(Self { text: text.to_owned(), name: text.rfind('/').map_or(0, |slash| slash + 1) }),
        }
    }

    /// The folders on the way, outermost first.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        self.text[..self.name].split_terminator('/')
    }

    pub(super) fn name(&self) -> &str {
        &self.text[self.name..]
    }
}

/// Why a path is none. A backslash is refused because it separates folders elsewhere.
fn wrong(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("is empty".into());
    }
    if text.len() > MAX_PATH {
        return Some(format!("is longer than {MAX_PATH} bytes"));
    }
    if text.starts_with('/') {
        return Some("is absolute; give it relative to the folder".into());
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Some("has a control character or a backslash in it".into());
    }
    if text.split('/').count() > MAX_DEPTH {
        return Some(format!("has more than {MAX_DEPTH} parts"));
    }
    text.split('/').find_map(|part| match part {
        "" => Some("has an empty part".into()),
        "." | ".." => Some(format!("has the part `{part}`")),
        _ if part.len() > MAX_PART => Some(format!("has a part that is longer than {MAX_PART} bytes")),
        _ if part.starts_with(TEMPORARY) => Some(format!("has a part that begins with `{TEMPORARY}`")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_plain_and_short() {
        for (good, folders, name) in [
            ("a", &[][..], "a"),
            ("a/b.txt", &["a"], "b.txt"),
            ("2026/11/…", &["2026", "11"], "…"),
            ("...", &[], "..."),
            (" ", &[], " "),
        ] {
            let path = Path::parse(good).unwrap();
            assert_eq!(
                (path.folders().collect::<Vec<_>>().as_slice(), path.name()),
                (folders, name),
                "{good}"
            );
        }
        let (long, part, deep) = ("ab/".repeat(400), "x".repeat(256), "a/".repeat(32) + "a");
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/..",
            "a/../b",
            ".",
            "./a",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            "a\\b",
            "..\\a",
            "C:\\a",
            ".mecha-1.tmp",
            "a/.mecha-/b",
            &long,
            &part,
            &deep,
        ] {
            let Err(Error::InvalidArgument(message)) = Path::parse(bad) else { panic!("`{bad}` is no path") };
            assert!(message.len() < 100, "{message}");
        }
    }
}
