//! Patterns of request paths: `/`, `/entries/{id}`, `/files/{name...}`.

use std::{collections::HashSet, fmt};

use crate::wrong::{Wrong, shown};

/// Which request paths are meant. Paths are compared as they are sent, percent-encoding included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    pub segments: Vec<Segment>,
    pub tail: Tail,
}

/// One part of a path between slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    Literal(String),
    /// Matches any one segment that is not empty; holds the capture's name.
    Capture(String),
}

/// What may follow the segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tail {
    /// Nothing: `/entries`.
    Exact,
    /// A slash, then anything or nothing: `/entries/`, and `/` for everything.
    Prefix,
    /// As `Prefix`, and what comes after the slash is captured under this name: `/files/{name...}`.
    Rest(String),
}

impl PathPattern {
    /// The same pattern with capture names left out: equal for patterns that match the same paths.
    #[must_use]
    pub fn shape(&self) -> Self {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => Segment::Literal(text.clone()),
            Segment::Capture(_) => Segment::Capture(String::new()),
        });
        let tail = match self.tail {
            Tail::Exact => Tail::Exact,
            Tail::Prefix | Tail::Rest(_) => Tail::Prefix,
        };
        Self { segments: segments.collect(), tail }
    }
}

/// As it is written in a manifest.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Capture(name) => write!(f, "/{{{name}}}")?,
            }
        }
        match &self.tail {
            Tail::Exact => Ok(()),
            Tail::Prefix => f.write_str("/"),
            Tail::Rest(name) => write!(f, "/{{{name}...}}"),
        }
    }
}

pub(crate) fn parse(text: &str) -> Result<PathPattern, Wrong> {
    let Some(path) = text.strip_prefix('/') else {
        let wrong = Wrong::new(format!("the path {} does not begin with `/`", shown(text)));
        return Err(match text {
            "" => Wrong::new("an empty path").help("`/` is every path"),
            url if url.contains("://") => wrong.help("write the URL's path, and its host as `host`"),
            bare => wrong.help(format!("write {}", shown(&format!("/{bare}")))),
        });
    };
    let mut parts: Vec<&str> = path.split('/').collect();
    let mut names = HashSet::new();
    let last = parts.pop().unwrap_or_default();
    let mut segments = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        match part_of(part, text, &mut names)? {
            Part::Segment(segment) => segments.push(segment),
            Part::Rest(_) => {
                return Err(Wrong::new(format!("{} is not at the end of the path", shown(part)))
                    .help("what captures the rest comes last"));
            }
        }
    }
    let tail = if last.is_empty() {
        Tail::Prefix
    } else {
        match part_of(last, text, &mut names)? {
            Part::Segment(segment) => {
                segments.push(segment);
                Tail::Exact
            }
            Part::Rest(name) => Tail::Rest(name),
        }
    };
    Ok(PathPattern { segments, tail })
}

enum Part {
    Segment(Segment),
    Rest(String),
}

fn part_of<'t>(part: &'t str, path: &str, names: &mut HashSet<&'t str>) -> Result<Part, Wrong> {
    const REST: &str =
        "a last `{name...}` captures the rest of a path, and a path that ends with `/` is a prefix";
    match part {
        "" => return Err(Wrong::new(format!("the path {} has an empty segment", shown(path)))),
        "." | ".." => {
            let wrong = Wrong::new(format!("the path {} has the segment `{part}`", shown(path)));
            return Err(wrong.help("clients resolve it before they send a request, so it would never match"));
        }
        "..." | "*" | "**" => {
            return Err(Wrong::new(format!("`{part}` is no wildcard here")).help(REST));
        }
        _ => {}
    }
    let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
        return literal(part).map(Part::Segment);
    };
    let (name, rest) = name.strip_suffix("...").map_or((name, false), |name| (name, true));
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        let wrong = Wrong::new(format!("{} is no capture", shown(part)));
        return Err(wrong.help(
            "a capture's name begins with a letter or `_` and goes on with letters, digits, `_` and `-`",
        ));
    }
    if !names.insert(name) {
        return Err(Wrong::new(format!("the path captures {} twice", shown(name))));
    }
    let name = name.to_owned();
    Ok(if rest { Part::Rest(name) } else { Part::Segment(Segment::Capture(name)) })
}

/// Only what can occur in the path of a request (RFC 3986, `pchar`): anything else would never match.
fn literal(part: &str) -> Result<Segment, Wrong> {
    if part.contains(['{', '}']) {
        let wrong = Wrong::new(format!("{} is partly a capture", shown(part)));
        return Err(wrong.help("a capture is a whole segment, as in `/entries/{id}`"));
    }
    if let Some(c) = part.chars().find(|c| matches!(c, '?' | '#')) {
        let wrong = Wrong::new(format!("a `{c}` in a path"));
        return Err(wrong.help("a route is a path, without query and fragment"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%".contains(c);
    if let Some(c) = part.chars().find(|c| !allowed(*c)) {
        let mut bytes = [0; 4];
        let encoded: String = c.encode_utf8(&mut bytes).bytes().map(|b| format!("%{b:02X}")).collect();
        let wrong = Wrong::new(format!("the character {} cannot be sent in a path", shown(&c.to_string())));
        return Err(wrong.help(format!("requests have `{encoded}` for it")));
    }
    percent(part)?;
    Ok(Segment::Literal(part.to_owned()))
}

/// Every `%` begins an encoded byte.
pub(crate) fn percent(part: &str) -> Result<(), Wrong> {
    let encoded = part
        .split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    if encoded {
        return Ok(());
    }
    Err(Wrong::new(format!("a `%` without two hexadecimal digits in {}", shown(part)))
        .help("the text `%` itself is sent as `%25`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_paths_are_shown_as_written() {
        let cases = [
            ("/", 0, Tail::Prefix),
            ("/a", 1, Tail::Exact),
            ("/a/", 1, Tail::Prefix),
            ("/a/{id}", 2, Tail::Exact),
            ("/a/{id}/", 2, Tail::Prefix),
            ("/{a}/{b}/c", 3, Tail::Exact),
            ("/{rest...}", 0, Tail::Rest("rest".into())),
            ("/a/{id}/{rest...}", 2, Tail::Rest("rest".into())),
            ("/%20/~x;v=1/@a:b", 3, Tail::Exact),
        ];
        for (text, segments, tail) in cases {
            let path = parse(text).unwrap();
            assert_eq!((path.segments.len(), &path.tail), (segments, &tail), "{text}");
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn bad_paths() {
        let cases = [
            "",
            "a",
            "a/b",
            "//",
            "/a//b",
            "/./a",
            "/a/..",
            "/...",
            "/a/*",
            "/a{b}",
            "/{a}b",
            "/{a",
            "/a}",
            "/{}",
            "/{...}",
            "/{1}",
            "/{a b}",
            "/{a}/{a}",
            "/{a}/{a...}",
            "/{r...}/a",
            "/{r...}/",
            "/a?b",
            "/a#b",
            "/a b",
            "/ü",
            "/%",
            "/%2",
            "/%zz",
            "/%2ü",
            "/a\\b",
            "http://x/a",
            "/{{a}}",
        ];
        for text in cases {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn shapes_ignore_capture_names() {
        for (a, b, same) in
            [("/{a}", "/{b}", true), ("/x/{a...}", "/x/", true), ("/x", "/x/", false), ("/{a}", "/a", false)]
        {
            assert_eq!(parse(a).unwrap().shape() == parse(b).unwrap().shape(), same, "{a} {b}");
        }
    }
}
