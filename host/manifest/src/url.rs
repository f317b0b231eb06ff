//! URLs that the host itself sends requests to.
//!
//! They are written out in the manifest and shown in logs: what is secret goes into headers.

use std::fmt;

use crate::{
    app::OutboundScheme,
    host::HostPattern,
    outbound, path,
    wrong::{Wrong, shown},
};

/// An absolute URL of HTTP, without user and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub scheme: OutboundScheme,
    /// In lowercase; an IPv6 address is in its canonical form, without brackets.
    pub host: String,
    /// `None`: the scheme's own port.
    pub port: Option<u16>,
    /// Begins with a slash.
    pub path: String,
    pub query: Option<String>,
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, HostPattern::Exact(self.host.clone()))?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
        f.write_str(&self.path)?;
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

pub(crate) fn parse(text: &str) -> Result<Url, Wrong> {
    const FORM: &str = "write it in full, as in `https://api.example.com/v1`";
    let Some((_, rest)) = text.split_once("://") else {
        return Err(Wrong::new(format!("{} is no URL", shown(text))).help(FORM));
    };
    // The text is not repeated: it may hold a password.
    if rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@') {
        return Err(Wrong::new("a URL with a user").help("write `headers: { Authorization: … }`"));
    }
    if rest.contains("${") {
        let help = "secrets are put into `headers` only: a URL is shown in logs";
        return Err(Wrong::new(format!("a reference in the URL {}", shown(text))).help(help));
    }
    if rest.contains('#') {
        return Err(Wrong::new(format!("the URL {} has a fragment", shown(text)))
            .help("a fragment is never sent; leave it out"));
    }
    let end = text.len() - rest.len() + rest.find(['/', '?']).unwrap_or(rest.len());
    let (origin, target) = text.split_at(end);
    let (scheme, host, port) = outbound::parse(origin)?;
    let HostPattern::Exact(host) = host else {
        return Err(Wrong::new(format!("{} is no host to send to", shown(&host.to_string())))
            .help("a `*` can only be in a grant"));
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    for part in [path, query.unwrap_or_default()] {
        sendable(part)?;
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Wrong::new(format!("the URL {} has a `.` or `..` segment", shown(text))));
    }
    Ok(Url { scheme, host, port, path: path.to_owned(), query: query.map(str::to_owned) })
}

/// What requests are added to: nothing comes after the path.
pub(crate) fn parse_base(text: &str) -> Result<Url, Wrong> {
    let url = parse(text)?;
    if url.query.is_some() {
        return Err(Wrong::new(format!("the base URL {} has a query", shown(text)))
            .help("what is sent is added to it, so it ends with its path"));
    }
    Ok(url)
}

/// Only what may occur in a path or a query as it is sent (RFC 3986).
pub(crate) fn sendable(part: &str) -> Result<(), Wrong> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/?".contains(c);
    match part.chars().find(|c| !allowed(*c)) {
        Some(c) => {
            Err(Wrong::new(format!("the character {} cannot be sent in a URL", shown(&c.to_string())))
                .help("write it percent-encoded"))
        }
        None => path::percent(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_shown_in_full() {
        let cases = [
            ("https://API.example.com", "https://api.example.com/"),
            ("https://api.example.com/v1", "https://api.example.com/v1"),
            ("http://127.0.0.1:9000/a/?b=c/d", "http://127.0.0.1:9000/a/?b=c/d"),
            ("http://[0::1]:80?x", "http://[::1]:80/?x"),
            ("https://a/@me/%20", "https://a/@me/%20"),
        ];
        for (text, full) in cases {
            assert_eq!(parse(text).unwrap().to_string(), full, "{text}");
        }
    }

    #[test]
    fn bad_urls() {
        let cases = [
            "",
            "a",
            "/v1",
            "a.example/v1",
            "https://",
            "https:///v1",
            "ftp://a",
            "https://*.example.com/",
            "https://a/#b",
            "https://u:p@a/",
            "https://a:0/",
            "https://a/ b",
            "https://a/ü",
            "https://a/%2",
            "https://a?%zz",
            "https://a/../b",
            "https://a/${env:TOKEN}",
            "https://a/\r\nHost: b",
        ];
        for text in cases {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(!parse("https://me:hush@a").unwrap_err().message.contains("hush"));
        assert!(parse_base("https://a/v1?key=1").is_err());
    }
}
