//! From a request's path to a path below the folder. Nothing is looked up here.
//!
//! The host keeps a component inside of what it was granted, whatever path it asks for. What is refused here is
//! refused all the same: a path that another program would read differently is nobody's file.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// A file or a folder that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Below the root; empty for the root itself.
    pub path: PathBuf,
    /// The path ends with a slash.
    pub folder: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not a path of names.
    Malformed,
    /// Whatever is there, it is not shown.
    Hidden,
}

/// The one folder that begins with a dot and is meant to be seen (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

pub fn wanted(path: &str, prefix: &str) -> Result<Wanted, Wrong> {
    let below = path.strip_prefix(prefix).ok_or(Wrong::Hidden)?;
    if below.is_empty() {
        return Ok(Wanted { path: PathBuf::new(), folder: false });
    }
    let mut segments: Vec<&str> = below.strip_prefix('/').ok_or(Wrong::Hidden)?.split('/').collect();
    let folder = segments.pop_if(|last| last.is_empty()).is_some();
    let names = segments.into_iter().enumerate().map(|(index, segment)| name(segment, index == 0));
    Ok(Wanted { path: names.collect::<Result<_, _>>()?, folder })
}

fn name(segment: &str, first: bool) -> Result<String, Wrong> {
    let name = percent_decode_str(segment).decode_utf8().map_err(|_| Wrong::Malformed)?;
    if name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control()) {
        return Err(Wrong::Malformed);
    }
    if name.is_empty() || (name.starts_with('.') && !(first && name == WELL_KNOWN)) {
        return Err(Wrong::Hidden);
    }
    Ok(name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_names() {
        let cases = [
            ("/", "", true),
            ("/a.txt", "a.txt", false),
            ("/a/b/", "a/b", true),
            ("/a%20b/%C3%A4", "a b/ä", false),
            ("/100%", "100%", false),
            ("/%2525", "%25", false),
            ("/a...b/x..", "a...b/x..", false),
            ("/.well-known/security.txt", ".well-known/security.txt", false),
        ];
        for (asked, path, folder) in cases {
            assert_eq!(wanted(asked, ""), Ok(Wanted { path: path.into(), folder }), "{asked}");
        }
    }

    #[test]
    fn a_prefix_is_cut_off_between_segments() {
        assert_eq!(wanted("/assets", "/assets"), Ok(Wanted { path: "".into(), folder: false }));
        assert_eq!(wanted("/assets/", "/assets"), Ok(Wanted { path: "".into(), folder: true }));
        assert_eq!(wanted("/assets/a", "/assets"), Ok(Wanted { path: "a".into(), folder: false }));
        assert_eq!(wanted("/assetsa", "/assets"), Err(Wrong::Hidden));
        assert_eq!(wanted("/a", "/assets"), Err(Wrong::Hidden));
    }

    #[test]
    fn nothing_leads_out_or_to_what_is_hidden() {
        let hidden = [
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/../a",
            "/a/..",
            "/a/%2e%2e/b",
            "/%2E%2e",
            "/.%2e/a",
            "/.git/config",
            "/a/.env",
            "/...",
            "/a/.well-known/b",
            "/.well-known/.x",
        ];
        for path in hidden {
            assert_eq!(wanted(path, ""), Err(Wrong::Hidden), "{path}");
        }
        let malformed =
            ["/a%2fb", "/..%2f..%2fetc", "/..%5cetc", "/a\\b", "/a%00.txt", "/%ff", "/a%0d%0ab", "/%c0%ae"];
        for path in malformed {
            assert_eq!(wanted(path, ""), Err(Wrong::Malformed), "{path}");
        }
    }
}
