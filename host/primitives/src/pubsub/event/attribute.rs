//! What the values of attributes may be: the type system of CloudEvents 1.0.

/// What was found, and what would be right.
pub(super) type Broken = (String, &'static str);

const CORE: [&str; 9] =
    ["id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", "data"];

/// Whether an extension attribute may have this name.
#[must_use]
pub fn is_extension_name(name: &str) -> bool {
    extension_name(name).is_ok()
}

pub(super) fn extension_name(name: &str) -> Result<(), Broken> {
    if CORE.contains(&name) {
        return Err((
            "an extension has its name".into(),
            "extensions have names that CloudEvents does not use",
        ));
    }
    let is_right = (1..=20).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    is_right.then_some(()).ok_or_else(|| {
        (
            "it is no name of an attribute".into(),
            "a name is 1 to 20 of the characters `a` to `z` and `0` to `9`",
        )
    })
}

/// CloudEvents' String: no control characters, nothing that is no character.
pub(super) fn string(text: &str) -> Result<(), Broken> {
    let is_wrong = |c: &char| {
        let code = u32::from(*c);
        c.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    match text.chars().find(is_wrong) {
        None => Ok(()),
        Some(wrong) => Err((
            format!("U+{:04X} is in {}", u32::from(wrong), shown(text)),
            "control characters and noncharacters cannot be in an attribute",
        )),
    }
}

/// A string that is not empty.
pub(super) fn text(text: &str) -> Result<(), Broken> {
    if text.is_empty() {
        return Err(("it is empty".into(), "it has at least one character"));
    }
    string(text)
}

pub(super) fn uri_reference(value: &str) -> Result<(), Broken> {
    text(value)?;
    match fluent_uri::UriRef::parse(value) {
        Ok(_) => Ok(()),
        Err(_) => Err((
            format!("{} is no URI reference", shown(value)),
            "one is like `/orders/web` or `https://example.com/orders`, with anything unusual percent-encoded",
        )),
    }
}

pub(super) fn uri(value: &str) -> Result<(), Broken> {
    text(value)?;
    match fluent_uri::Uri::parse(value) {
        Ok(_) => Ok(()),
        Err(_) => Err((
            format!("{} is no absolute URI", shown(value)),
            "one begins with its scheme, like `https://example.com/schema.json`",
        )),
    }
}

/// RFC 3339. jiff reads more than that, so only the calendar is its.
pub(super) fn time(value: &str) -> Result<(), Broken> {
    read_time(value).ok_or_else(|| {
        (
            format!("{} is no time of RFC 3339", shown(value)),
            "one is like `2026-01-31T12:30:00.5Z` or `…T12:30:00+02:00`",
        )
    })
}

fn read_time(text: &str) -> Option<()> {
    let (day, clock) = (text.get(..10)?, text.get(10..)?);
    let clock = clock.strip_prefix(['T', 't'])?;
    let (time, rest) = (clock.get(..8)?, clock.get(8..)?);
    let [year, month, date] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let year = i16::try_from(year).ok()?;
    jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(date).ok()?).ok()?;
    // RFC 3339 has leap seconds.
    let is_clock = hour < 24 && minute < 60 && second <= 60;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (offset.len() < fraction.len()).then_some(offset)?
        }
        None => rest,
    };
    let is_offset = match offset.strip_prefix(['+', '-']) {
        Some(offset) => {
            let [hour, minute] = numbers(offset, ':', [2, 2])?;
            hour < 24 && minute < 60
        }
        None => matches!(offset, "Z" | "z"),
    };
    (is_clock && is_offset).then_some(())
}

/// Numbers of so many digits each, with a separator between them.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u16; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let is_right = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_right.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// RFC 2045: `type/subtype; name=value`.
pub(super) fn media_type(value: &str) -> Result<(), Broken> {
    read_media_type(value).ok_or_else(|| {
        let right = "one is like `application/json` or `text/plain; charset=utf-8`";
        (format!("{} is no media type", shown(value)), right)
    })
}

fn read_media_type(text: &str) -> Option<()> {
    let mut rest = after_token(after_token(text)?.strip_prefix('/')?)?;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Some(());
        }
        rest = after_token(rest.strip_prefix(';')?.trim_start_matches([' ', '\t']))?.strip_prefix('=')?;
        rest = match rest.strip_prefix('"') {
            Some(quoted) => after_quoted(quoted)?,
            None => after_token(rest)?,
        };
    }
}

/// What follows a token of at least one character.
fn after_token(text: &str) -> Option<&str> {
    let is_token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
    let rest = text.trim_start_matches(is_token);
    (rest.len() < text.len()).then_some(rest)
}

fn after_quoted(text: &str) -> Option<&str> {
    let mut chars = text.char_indices();
    while let Some((at, found)) = chars.next() {
        match found {
            '"' => return text.get(at + 1..),
            '\\' => _ = chars.next().filter(|(_, next)| matches!(next, ' '..='~'))?,
            ' '..='~' => {}
            _ => return None,
        }
    }
    None
}

/// The type and subtype in lower case, without parameters.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The value of the parameter `charset`, if it is there.
pub(super) fn charset(media_type: &str) -> Option<&str> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("charset"))?;
    Some(value.trim_matches('"'))
}

/// Whether a media type declares JSON: `…/json` or `…+json`.
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// Somebody's text for a message: short and on one line, whatever is in it.
pub(super) fn shown(text: &str) -> String {
    format!("`{}`", shortened(text))
}

pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rule: fn(&str) -> Result<(), Broken>, good: &[&str], wrong: &[&str]) {
        for text in good {
            assert_eq!(rule(text), Ok(()), "{text:?}");
        }
        for text in wrong {
            assert!(rule(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_is_of_rfc_3339_and_of_the_calendar() {
        let good = [
            "2018-04-05T17:31:00Z",
            "2018-04-05t17:31:00z",
            "2024-02-29T00:00:00+14:00",
            "1990-12-31T23:59:60Z",
            "2018-04-05T17:31:00.123456789012345-00:00",
        ];
        let wrong = [
            "",
            "2018-04-05",
            "2018-04-05 17:31:00Z",
            "2018-04-05T17:31:00",
            "2018-04-05T17:31Z",
            "20180405T173100Z",
            "2023-02-29T00:00:00Z",
            "2018-13-05T17:31:00Z",
            "2018-04-05T24:00:00Z",
            "2018-04-05T17:31:61Z",
            "2018-04-05T17:31:00.Z",
            "2018-04-05T17:31:00+0200",
            "2018-04-05T17:31:00+24:00",
            "2018-04-05T17:31:00Z[Europe/Berlin]",
            "2018-04-05T17:31:0é",
            "+018-04-05T17:31:00Z",
        ];
        judge(time, &good, &wrong);
    }

    #[test]
    fn a_media_type_is_of_rfc_2045() {
        let good = ["text/plain", "application/vnd.a+json;charset=utf-8", "a/b ; c=\"d \\\" e\"; f=g"];
        judge(
            media_type,
            &good,
            &[
                "text",
                "text/",
                "/plain",
                "a b/c",
                "a/b;",
                "a/b;c",
                "a/b;c=",
                "a/b;c=\"d",
                "a/b, c/d",
                "a/b\r\nx: y",
                "é/b",
            ],
        );
    }

    #[test]
    fn uris_are_of_rfc_3986() {
        let relative = [
            "/orders/web",
            "https://github.com/cloudevents",
            "mailto:cncf-wg-serverless@lists.cncf.io",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "1-555-123-4567",
            "#x",
        ];
        judge(uri_reference, &relative, &["", "a b", "http://[::1", "%zz", "ä", "a\\b"]);
        judge(uri, &["https://example.com/a#b", "urn:x:y"], &["", "/a", "example.com", "https://a b"]);
    }

    #[test]
    fn strings_hold_characters_only() {
        judge(
            string,
            &["", "a b", "Euro € 😀"],
            &["a\0", "a\nb", "\u{7f}", "\u{85}", "\u{fdd0}", "\u{1ffff}"],
        );
        judge(
            extension_name,
            &["a", "0", "traceparent", "x2345678901234567890"],
            &["", "A", "a_b", "a-b", "ä", "id", "data", "data_base64", "x23456789012345678901"],
        );
    }

    #[test]
    fn json_is_known_by_its_subtype() {
        for good in ["application/json", "Text/JSON; charset=utf-8", "application/problem+json"] {
            assert!(is_json(good), "{good}");
        }
        for other in ["application/jsonl", "json", "text/plain", "application/json+xml"] {
            assert!(!is_json(other), "{other}");
        }
    }
}
