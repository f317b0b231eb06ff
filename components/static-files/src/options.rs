//! What the environment sets.

use std::path::PathBuf;

/// How files are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the granted folder is.
    pub root: PathBuf,
    /// What every path begins with, without a slash at its end: empty, or as in `/assets`.
    pub prefix: String,
    /// What stands for a folder.
    pub index: String,
    pub cache_control: String,
}

impl Options {
    /// Reads variables. An empty one is as good as none.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let or = |name: &str, default: &str| {
            variable(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        let prefix = or("PREFIX", "");
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            inner => format!("/{inner}"),
        };
        Self {
            root: or("ROOT", "/www").into(),
            prefix,
            index: or("INDEX", "index.html"),
            // A cache may keep it, and asks before each use: right for files that change in place.
            cache_control: or("CACHE_CONTROL", "no-cache"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_a_default() {
        let options = Options::read(|name| (name == "INDEX").then(String::new));
        assert_eq!(options.root, PathBuf::from("/www"));
        assert_eq!((options.prefix.as_str(), options.index.as_str()), ("", "index.html"));
        assert_eq!(options.cache_control, "no-cache");
    }

    #[test]
    fn a_prefix_is_taken_with_and_without_slashes() {
        for (written, prefix) in [("/", ""), ("a", "/a"), ("/a", "/a"), ("/a/", "/a"), ("/a/b/", "/a/b")] {
            let options = Options::read(|name| (name == "PREFIX").then(|| written.to_owned()));
            assert_eq!(options.prefix, prefix, "{written}");
        }
    }
}
