//! Small things that test files say: methods, targets, patterns of URLs, moments, counts.

use mecha_primitives::clock::Timestamp;

use crate::{
    read::{Item, Reader},
    units, url,
    wrong::{Wrong, nearest, shown},
};

const METHODS: &[&str] =
    &["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];

/// The longest target or URL.
const MAX_URL: usize = 8 << 10;

/// A method of HTTP. There may be others than the usual ones, which are written in capitals as well.
pub(super) fn method(text: &str) -> Result<String, Wrong> {
    if METHODS.contains(&text) {
        return Ok(text.to_owned());
    }
    let capitals = text.to_ascii_uppercase();
    let near = nearest(&capitals, METHODS.iter().copied());
    let valid = !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    match near {
        Some(near) => {
            Err(Wrong::new(format!("{} is no method", shown(text))).help(format!("did you mean `{near}`?")))
        }
        None if valid && text.len() <= 32 => Ok(text.to_owned()),
        None => Err(Wrong::new(format!("{} is no method", shown(text)))
            .help("it is written in capitals, as in `GET` or `POST`")),
    }
}

/// `METHOD target`: a path with its query, or a whole URL.
pub(super) fn request(text: &str) -> Result<(String, String), Wrong> {
    const FORM: &str = "write the method and the target, as in `GET /orders?page=2`";
    let Some((method, target)) = text.split_once(' ') else {
        let help = match text.starts_with('/') || text.contains("://") {
            true => {
                format!("write the method as well, as in `GET {}`", text.chars().take(60).collect::<String>())
            }
            false => FORM.to_owned(),
        };
        return Err(Wrong::new(format!("{} is no request", shown(text))).help(help));
    };
    let (method, target) = (self::method(method)?, target.trim_start());
    if target.len() > MAX_URL {
        return Err(Wrong::new(format!("a target of {} bytes", target.len())).help("at most 8 KiB"));
    }
    if target.contains("://") && !target.starts_with('/') {
        url::parse(target)?;
    } else if target.starts_with('/') {
        if target.contains('#') {
            return Err(Wrong::new(format!("the target {} has a fragment", shown(target)))
                .help("a fragment is never sent; leave it out"));
        }
        url::sendable(target)?;
    } else {
        return Err(Wrong::new(format!("{} is no target", shown(target)))
            .help("it begins with `/`, or is a whole URL"));
    }
    Ok((method, target.to_owned()))
}

/// `URL`, or `METHOD URL`: which requests to hosts outside are meant. A `*` stands for any text.
pub(super) fn upstream(text: &str) -> Result<(Option<String>, String), Wrong> {
    let (method, url) = match text.split_once(' ') {
        Some((method, url)) => (Some(self::method(method)?), url.trim_start()),
        None => (None, text),
    };
    Ok((method, url_pattern(url)?))
}

/// Scheme and host are in lowercase, and there is a path.
fn url_pattern(text: &str) -> Result<String, Wrong> {
    const FORM: &str = "write it in full, as in `https://api.example.com/price/*`";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Wrong::new(format!("{} is no URL", shown(text))).help(FORM));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(Wrong::new(format!("unknown scheme {}", shown(&scheme))).help("it is `http` or `https`"));
    }
    if text.len() > MAX_URL {
        return Err(Wrong::new(format!("a URL of {} bytes", text.len())).help("at most 8 KiB"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    if host.is_empty() {
        return Err(Wrong::new(format!("the URL {} has no host", shown(text))).help(FORM));
    }
    if let Some(c) = host.chars().find(|c| !(c.is_ascii_alphanumeric() || "*-._:[]".contains(*c))) {
        let wrong = Wrong::new(format!("no host has the character {}", shown(&c.to_string())));
        return Err(wrong.help(FORM));
    }
    if target.contains('#') {
        return Err(Wrong::new(format!("the URL {} has a fragment", shown(text)))
            .help("a fragment is never sent; leave it out"));
    }
    url::sendable(target)?;
    let slash = if target.starts_with('/') || (target.is_empty() && host.ends_with('*')) { "" } else { "/" };
    Ok(format!("{scheme}://{}{slash}{target}", host.to_ascii_lowercase()))
}

pub(super) fn moment(text: &str) -> Result<Timestamp, Wrong> {
    let wrong = || {
        Wrong::new(format!("{} is no moment", shown(text)))
            .help("write a time since 1970 as RFC 3339 does, as in `2026-01-05T12:00:00Z`")
    };
    units::moment(text).ok_or_else(wrong)
}

/// How often, or for which time: a whole number from 1 on.
pub(super) fn from_one(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<u32> {
    match item.scalar() {
        Some("0") => reader.accept(item, Err(Wrong::new("zero times").help("the least is 1"))),
        _ => reader.count32(item),
    }
}

/// A whole number that can be zero.
pub(super) fn from_zero(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<u64> {
    match item.scalar() {
        Some("0") => Some(0),
        _ => reader.count(item, u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let cases = [
            ("GET /", ("GET", "/")),
            ("POST  /orders?a=b%20c", ("POST", "/orders?a=b%20c")),
            ("PROPFIND /a/../b", ("PROPFIND", "/a/../b")),
            ("GET http://admin.example:8080/x", ("GET", "http://admin.example:8080/x")),
            ("GET /a?next=https://b", ("GET", "/a?next=https://b")),
        ];
        for (text, (method, target)) in cases {
            assert_eq!(request(text).unwrap(), (method.to_owned(), target.to_owned()), "{text}");
        }
        let wrong = [
            "",
            "GET",
            "/",
            "GET ",
            "get /",
            "GTE /",
            "GET orders",
            "GET /a b",
            "GET /ü",
            "GET /#a",
            "GET /%2",
            "GET ftp://a/",
            "G/T /",
            "GET /\r\nX: y",
        ];
        for text in wrong {
            assert!(request(text).is_err(), "{text:?}");
        }
        let long = format!("GET /{}", "a".repeat(MAX_URL));
        assert_eq!(request(&long).unwrap_err().message, "a target of 8193 bytes");
        assert_eq!(
            request("/orders").unwrap_err().help.unwrap(),
            "write the method as well, as in `GET /orders`"
        );
        assert_eq!(method("post").unwrap_err().help.unwrap(), "did you mean `POST`?");
    }

    #[test]
    fn patterns_of_urls() {
        let cases = [
            ("https://api.example.com/price/*", (None, "https://api.example.com/price/*")),
            ("GET https://API.example.com", (Some("GET"), "https://api.example.com/")),
            ("http://127.0.0.1:9000?a=*", (None, "http://127.0.0.1:9000/?a=*")),
            ("https://*", (None, "https://*")),
            ("https://*.example.com/", (None, "https://*.example.com/")),
            ("http://[::1]:80/x", (None, "http://[::1]:80/x")),
        ];
        for (text, (method, url)) in cases {
            assert_eq!(upstream(text).unwrap(), (method.map(str::to_owned), url.to_owned()), "{text}");
        }
        let wrong = [
            "",
            "*",
            "api.example.com",
            "ftp://a/",
            "https://",
            "https:///x",
            "https://u:p@a/",
            "https://a/#b",
            "https://a/ b",
            "get https://a/",
        ];
        for text in wrong {
            assert!(upstream(text).is_err(), "{text:?}");
        }
        assert!(!upstream("https://me:hush@a").unwrap_err().message.contains("hush"));
    }

    #[test]
    fn moments_are_those_of_rfc_3339() {
        assert_eq!(moment("1970-01-01T01:00:01.5+01:00").unwrap(), Timestamp(1500));
        for text in ["", "2026-01-05", "2026-01-05T12:00:00", "1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z"]
        {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
