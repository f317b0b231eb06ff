//! The base URL of an upstream, and the URLs below it: a path or a query cannot lead elsewhere.

use http::{Uri, uri::Scheme};
use mecha_primitives::bindings::Error;

/// The longest path with its query, in bytes.
const MAX_PATH: usize = 8 << 10;

/// Why a URL is no base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("that is no URL")]
    NotAUrl,
    #[error("the URL begins with `http://` or `https://`")]
    Scheme,
    #[error("a name and a password do not belong into the URL: give the header `authorization`")]
    Credentials,
    #[error("the URL of an upstream has no query")]
    Query,
}

/// Where an upstream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    uri: Uri,
    /// Without a slash at its end.
    path: String,
}

impl Base {
    /// # Errors
    /// [`Invalid`] says why it is none.
    pub fn parse(url: &str) -> Result<Self, Invalid> {
        let uri = checked(url)?;
        if uri.query().is_some() {
            return Err(Invalid::Query);
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { uri, path })
    }

    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The URL of `path` below the base.
    pub(super) fn join(&self, path: &str, query: Option<&str>) -> Result<Uri, Error> {
        let wrong = |what: &str| Err(Error::InvalidArgument(what.into()));
        if path.len() + query.map_or(0, str::len) > MAX_PATH {
            return wrong("the path and the query have at most 8 KiB");
        }
        if let Some(what) = path_wrong(path) {
            return wrong(what);
        }
        // What a URL cannot hold is for the guest to escape: escaping it here would do so twice for who did.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !plain(path) || path.contains('?') || !query.is_none_or(plain) {
            return wrong("the path and the query are percent-encoded, and the query is a key of its own");
        }
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        let mut whole = format!("{}{slash}{path}", self.path);
        if whole.is_empty() {
            whole.push('/');
        }
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            whole.push('?');
            whole.push_str(query);
        }
        let mut parts = self.uri.clone().into_parts();
        let Ok(path) = whole.parse() else { return wrong("the path is no path of a URL") };
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).or_else(|_| wrong("the path is no path of a URL"))
    }
}

/// A URL that can be sent to.
pub(super) fn checked(url: &str) -> Result<Uri, Invalid> {
    let uri: Uri = url.parse().map_err(|_| Invalid::NotAUrl)?;
    if uri.scheme() != Some(&Scheme::HTTP) && uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(if uri.scheme().is_some() { Invalid::Scheme } else { Invalid::NotAUrl });
    }
    let authority = uri.authority().ok_or(Invalid::NotAUrl)?;
    if authority.as_str().contains('@') {
        return Err(Invalid::Credentials);
    }
    if authority.host().is_empty() {
        return Err(Invalid::NotAUrl);
    }
    Ok(uri)
}

/// Servers decode a path in ways of their own: a dot or a slash that is percent-encoded is taken for what some of them
/// make of it, encoded twice too.
fn path_wrong(path: &str) -> Option<&'static str> {
    let mut decoded = path.to_ascii_lowercase();
    loop {
        let once = decoded.replace("%25", "%");
        if once == decoded {
            break;
        }
        decoded = once;
    }
    let decoded = decoded.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\").replace("%3b", ";");
    if decoded.contains('\\') {
        return Some("the path has a backslash in it");
    }
    if decoded.contains("//") {
        return Some("the path has `//` in it");
    }
    if decoded.split('/').any(|part| matches!(part.split(';').next(), Some("." | ".."))) {
        return Some("the path has a part `.` or `..`");
    }
    // Below `/v1`, `:8080` or `@host` are paths; alone they never reach the authority, because a slash comes before.
    decoded.contains("://").then_some("the path is relative to the upstream's URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_base() {
        for (base, path, query, expected) in [
            ("https://a.example/v1", "", None, "https://a.example/v1"),
            ("https://a.example/v1/", "x/y", None, "https://a.example/v1/x/y"),
            ("https://a.example/v1", "/x", Some("a=1&b=%20"), "https://a.example/v1/x?a=1&b=%20"),
            ("https://a.example", "", None, "https://a.example/"),
            ("http://a.example:8080", "x.y/..z", Some(""), "http://a.example:8080/x.y/..z"),
            ("http://[::1]:1", "@evil.example", None, "http://[::1]:1/@evil.example"),
            ("http://a.example", ":80/x", None, "http://a.example/:80/x"),
            ("http://a.example", ".evil.example", None, "http://a.example/.evil.example"),
            ("http://a.example/", "a%20b/%C3%BC", None, "http://a.example/a%20b/%C3%BC"),
        ] {
            let joined = Base::parse(base).unwrap().join(path, query).unwrap();
            assert_eq!(joined.to_string(), expected, "{base} {path}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        let base = Base::parse("https://a.example/v1").unwrap();
        let long = "x".repeat(MAX_PATH + 1);
        for path in [
            "..",
            "../admin",
            "x/../..",
            "x/./y",
            ".",
            "/..",
            "%2e%2e/x",
            "%2E./x",
            "x%2f..%2fy",
            "%252e%252e",
            "%25252e.",
            "..;a/x",
            "..%3ba/x",
            "..\\x",
            "..%5cx",
            "//evil.example",
            "x//y",
            "%2f%2fevil",
            "/%2fevil",
            "https://evil.example/",
            "http:/evil/../x",
            "x?y",
            "x#y",
            "x y",
            "x\r\ny",
            "x\0y",
            "ü",
            &long,
        ] {
            assert!(matches!(base.join(path, None), Err(Error::InvalidArgument(_))), "{path}");
        }
        for query in ["a b", "a#b", "a\nb", "ü", &long] {
            assert!(base.join("x", Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn a_base_is_a_plain_url() {
        for (url, expected) in [
            ("", Invalid::NotAUrl),
            ("a.example", Invalid::NotAUrl),
            ("/v1", Invalid::NotAUrl),
            ("ftp://a.example/", Invalid::Scheme),
            ("https://user:secret@a.example/", Invalid::Credentials),
            ("https://a.example/?x", Invalid::Query),
            ("https://a .example/", Invalid::NotAUrl),
        ] {
            assert_eq!(Base::parse(url).unwrap_err(), expected, "{url}");
        }
    }
}
