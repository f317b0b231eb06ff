//! Patterns of hosts: `api.example.com`, `*.example.com`, `127.0.0.1`, `[::1]`.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::wrong::{Wrong, shown};

/// Which hosts are meant. Lowercase; an IPv6 address is in its canonical form, without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    Exact(String),
    /// Everything below that name, at any depth, but not the name itself: `*.example.com` is
    /// `Subdomains("example.com")`.
    Subdomains(String),
}

impl HostPattern {
    /// Whether `host` is meant. It is a host as in a URL, without a port; case, a dot at the end and the
    /// brackets of an IPv6 address make no difference.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            return matches!(self, Self::Exact(exact) if *exact == address.to_string());
        }
        let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
        match self {
            Self::Exact(exact) => host.eq_ignore_ascii_case(exact.as_bytes()),
            Self::Subdomains(domain) => {
                let Some(start) = host.len().checked_sub(domain.len()) else { return false };
                start > 1
                    && host[start..].eq_ignore_ascii_case(domain.as_bytes())
                    && host[start - 1] == b'.'
                    && host[0] != b'.'
            }
        }
    }
}

/// As it is written in a manifest.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(address) if address.contains(':') => write!(f, "[{address}]"),
            Self::Exact(host) => f.write_str(host),
            Self::Subdomains(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// A host alone: no scheme, no port, no path.
pub(crate) fn parse(text: &str) -> Result<HostPattern, Wrong> {
    let wrong = |why: &str| Wrong::new(format!("{} is no host: {why}", shown(text)));
    if text.is_empty() {
        return Err(Wrong::new("an empty host").help("write a host, as in `example.com` or `*.example.com`"));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        let address = address.ok_or_else(|| wrong("there is no IPv6 address in the brackets"))?;
        return Ok(HostPattern::Exact(address.to_string()));
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Err(wrong("an IPv6 address needs brackets").help(format!("write `[{address}]`")));
    }
    if !text.is_ascii() {
        return Err(wrong("it has characters outside of ASCII").help("write its punycode form, `xn--…`"));
    }
    let host = text.to_ascii_lowercase();
    let (domain, subdomains) = match host.strip_prefix("*.") {
        Some(domain) => (domain, true),
        None => (host.as_str(), false),
    };
    if domain.contains('*') {
        let help = "only a whole first label can be `*`, as in `*.example.com`, which means all names below";
        return Err(wrong("a `*` is in the wrong place").help(help));
    }
    if let Some(short) = domain.strip_suffix('.').filter(|short| !short.is_empty()) {
        return Err(wrong("it ends with a dot").help(format!("write `{short}`")));
    }
    labels(domain).map_err(&wrong)?;
    // `127.1` and `0x7f.0.0.1` are addresses to some resolvers: a grant must not depend on who reads it.
    let last = domain.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
        if subdomains {
            return Err(wrong("an address has no names below it"));
        }
        let address = domain.parse::<Ipv4Addr>();
        address.map_err(|_| wrong("it ends like an IPv4 address, but is none"))?;
    }
    let domain = domain.to_owned();
    Ok(if subdomains { HostPattern::Subdomains(domain) } else { HostPattern::Exact(domain) })
}

fn labels(domain: &str) -> Result<(), &'static str> {
    if domain.len() > 253 {
        return Err("it has more than 253 characters");
    }
    for label in domain.split('.') {
        if label.is_empty() {
            return Err("a label is empty");
        }
        if label.len() > 63 {
            return Err("a label has more than 63 characters");
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err("a label consists of letters, digits, `-` and `_`");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("a label cannot begin or end with `-`");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_patterns() {
        let cases = [
            ("example.com", "example.com"),
            ("EXAMPLE.com", "example.com"),
            ("localhost", "localhost"),
            ("my_service", "my_service"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("*.example.com", "*.example.com"),
            ("*.com", "*.com"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("1.example", "1.example"),
        ];
        for (text, shown) in cases {
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn bad_patterns() {
        let cases = [
            "",
            "*",
            "*.",
            "**.a",
            "a.*.b",
            "a*.b",
            ".",
            "a.",
            "a..b",
            ".a",
            "-a.b",
            "a-.b",
            "a b",
            "a/b",
            "a:1",
            "u@a",
            "::1",
            "[::1",
            "[a]",
            "[]",
            "127.1",
            "1",
            "256.0.0.1",
            "0x7f.0.0.0x1",
            "*.0.0.1",
            "bücher.de",
        ];
        for text in cases {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse(&"a".repeat(64)).is_err());
        assert!(parse(&"a.".repeat(127).repeat(2)).is_err());
    }

    #[test]
    fn what_is_matched() {
        let cases = [
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.COM", true),
            ("example.com", "example.com.", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.B.Example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", "ü", false),
            ("[::1]", "[::1]", true),
            ("[::1]", "0:0:0:0:0:0:0:1", true),
            ("[::1]", "[::2]", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("*.a", "", false),
        ];
        for (pattern, host, matches) in cases {
            assert_eq!(parse(pattern).unwrap().matches(host), matches, "{pattern} {host}");
        }
    }
}
