//! Headers that the host puts into requests of its own.

use std::collections::HashMap;

use crate::{
    app::{EnvValue, Span},
    read::{Item, Reader},
    wrong::{Wrong, shown},
};

/// They say where one message ends and the next begins: who sends a message sets them.
const TRANSPORT: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A map of headers. `own` says of a name (in lowercase) who else sets it, if somebody does.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    own: impl Fn(&str) -> Option<&'static str>,
) -> Option<Vec<(String, EnvValue)>> {
    let mut first: HashMap<String, Span> = HashMap::new();
    let entries = reader.entries(item)?;
    let all = entries.iter().map(|(key, item)| {
        let value = reader.interpolated(item).and_then(|value| reader.accept(item, sendable(value)));
        let name = name(&key.value).and_then(|name| match own(&name) {
            Some(owner) => Err(Wrong::new(format!("the header {} is set by {owner}", shown(&name)))),
            None => Ok(name),
        });
        let name = name.map_err(|wrong| reader.error(key.at, item.key.as_str(), wrong)).ok()?;
        // The same name in another case: YAML sees two keys, HTTP one.
        if let Some(before) = first.insert(name.clone(), key.at) {
            let wrong = Wrong::new(format!("the header {} is given twice", shown(&name)));
            let help = format!("the first is at line {}; case makes no difference", before.line);
            reader.error(key.at, item.key.as_str(), wrong.help(help));
        }
        Some((name, value?))
    });
    all.collect::<Vec<_>>().into_iter().collect()
}

/// The name of a header that somebody may set, in lowercase.
pub(crate) fn name(text: &str) -> Result<String, Wrong> {
    let name = any_name(text)?;
    if TRANSPORT.contains(&name.as_str()) {
        return Err(Wrong::new(format!("the header {} is the transport's own", shown(&name))));
    }
    Ok(name)
}

/// The name of any header, in lowercase (RFC 9110, `token`).
pub(crate) fn any_name(text: &str) -> Result<String, Wrong> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err(Wrong::new(format!("{} is no name of a header", shown(text)))
            .help("a name is like `x-signature`: letters, digits and `-`"));
    }
    Ok(text.to_ascii_lowercase())
}

/// A media type.
pub(crate) fn content_type(text: &str) -> Result<String, Wrong> {
    let valid = text.contains('/') && text.len() <= 255 && text.bytes().all(|b| matches!(b, 0x20..=0x7e));
    if !valid || text.trim() != text {
        let wrong = Wrong::new(format!("{} is no media type", shown(text)));
        return Err(wrong.help("write it as in `application/json`"));
    }
    Ok(text.to_owned())
}

fn sendable(value: EnvValue) -> Result<EnvValue, Wrong> {
    self::value(value.expose())?;
    Ok(value)
}

/// A line break in a secret must not become a further header. The value is not shown.
pub(crate) fn value(text: &str) -> Result<(), Wrong> {
    if text.contains(|c: char| c.is_control() && c != '\t') || text.trim() != text {
        let wrong = Wrong::new("a value that cannot be sent in a header");
        return Err(wrong.help("it is one line, without spaces at its ends"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lowercase_tokens() {
        assert_eq!(name("X-Hub-Signature-256").unwrap(), "x-hub-signature-256");
        for wrong in ["", "a b", "a:", "ü", "a\r\nb", "Host", "Content-Length", "transfer-encoding"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn values_are_one_line() {
        for good in ["", "Bearer x", "a\tb", "ü"] {
            assert!(sendable(EnvValue::Plain(good.to_owned())).is_ok(), "{good:?}");
        }
        for wrong in ["a\r\nx: y", "a\n", " a", "a\0"] {
            assert!(sendable(EnvValue::Plain(wrong.to_owned())).is_err(), "{wrong:?}");
        }
    }
}
