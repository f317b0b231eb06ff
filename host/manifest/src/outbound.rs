//! The `outbound` list of a component: where it may send HTTP requests.

use crate::{
    app::{Outbound, OutboundScheme, Outside},
    atomic,
    host::{self, HostPattern},
    read::{Item, Reader},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["host", "private", "outside"];

/// One grant: a pattern, or a map.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Outbound> {
    let at = item.at();
    if item.is_scalar() {
        let (scheme, host, port) = reader.parse(item, parse)?;
        return Some(Outbound { scheme, host, port, private: false, outside: Outside::default(), at });
    }
    let fields = reader.fields_or(item, "a pattern or a map", KEYS)?;
    let pattern = reader.require(&fields, at, "host", "write `host: https://api.example.com`");
    let pattern = pattern.and_then(|item| reader.parse(&item, parse));
    let private = fields.or("private", false, |item| reader.flag(item));
    let outside = fields.or("outside", Outside::default(), |item| atomic::outside_of_requests(reader, item));
    let (scheme, host, port) = pattern?;
    Some(Outbound { scheme, host, port, private: private?, outside: outside?, at })
}

/// `[http://|https://]host[:port]`
pub(crate) fn parse(text: &str) -> Result<(OutboundScheme, HostPattern, Option<u16>), Wrong> {
    const FORM: &str = "a pattern is `[http://|https://]host[:port]`";
    let (scheme, rest) = match text.split_once("://") {
        None => (OutboundScheme::Https, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (OutboundScheme::Https, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (OutboundScheme::Http, rest),
        Some((scheme, _)) => {
            return Err(Wrong::new(format!("unknown scheme {}", shown(scheme))).help(FORM));
        }
    };
    // The text is not repeated: it may hold a password.
    if rest.contains('@') {
        return Err(Wrong::new("a pattern with a user").help(FORM));
    }
    if let Some(end) = rest.find(['/', '?', '#']) {
        let wrong = Wrong::new(format!("the pattern {} has a path", shown(text)));
        let keep = text.len() - rest.len() + end;
        return Err(wrong.help(format!("write {}; {FORM}", shown(&text[..keep]))));
    }
    if rest == "*" || rest.starts_with("*:") {
        return Err(
            Wrong::new("`*` is no host").help("name the hosts; `*.example.com` means all names below one")
        );
    }
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) if name.ends_with(']') || !name.contains([':', '[']) => (name, Some(port)),
        _ => (rest, None),
    };
    let host = host::parse(name)?;
    let port = port.map(|port| {
        let number =
            port.parse().ok().filter(|number| *number > 0 && port.bytes().all(|b| b.is_ascii_digit()));
        number.ok_or_else(|| {
            Wrong::new(format!("{} is no port", shown(port))).help("a port is a number from 1 to 65535")
        })
    });
    Ok((scheme, host, port.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_patterns_are_shown_in_full() {
        let cases = [
            ("api.example.com", "https://api.example.com"),
            ("https://API.example.com", "https://api.example.com"),
            ("HTTP://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("*.example.com:8443", "https://*.example.com:8443"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("[0::1]", "https://[::1]"),
        ];
        for (text, full) in cases {
            let (scheme, host, port) = parse(text).unwrap();
            let at = crate::Span { line: 1, column: 1 };
            let outside = Outside::default();
            assert_eq!(Outbound { scheme, host, port, private: false, outside, at }.to_string(), full);
        }
    }

    #[test]
    fn bad_patterns() {
        let cases = [
            "",
            "https://",
            "ftp://a",
            "://a",
            "a/b",
            "a/",
            "https://a/v1",
            "a?b",
            "a#b",
            "u:p@a",
            "a:0",
            "a:65536",
            "a:",
            "a:+1",
            "a:b",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "*",
            "*:443",
            "https://*",
            "a.*.b",
            "http://http://a",
            "a b",
        ];
        for text in cases {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(!parse("https://me:hush@a").unwrap_err().message.contains("hush"));
    }
}
