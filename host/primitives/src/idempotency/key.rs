//! The key that a client makes up for a request, as the header has it.
//!
//! By the draft it is a string in quotes (RFC 9651, section 3.3.3). Most clients send it without quotes, as the services
//! did that had such a header before the draft: that is the same key.

use std::sync::Arc;

/// The most characters of a key.
pub const MAX_LEN: usize = 255;

/// Why a header is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("an Idempotency-Key cannot be empty")]
    Empty,
    #[error("an Idempotency-Key has at most {MAX_LEN} characters; this one has {0}")]
    TooLong(usize),
    #[error("an Idempotency-Key consists of printable ASCII characters")]
    Character,
    #[error("an Idempotency-Key that begins with a quote ends with one")]
    Open,
    #[error("in the quotes of an Idempotency-Key, `\\` stands before `\"` or another `\\`")]
    Escape,
    #[error("an Idempotency-Key is one string in quotes, with nothing after it")]
    Trailing,
    #[error("an Idempotency-Key with `{0}` in it must be in quotes")]
    Bare(char),
}

/// 1 to [`MAX_LEN`] printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Reads the value of the header. A request that has several such headers has no key: that is for the caller to
    /// refuse.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong with it.
    pub fn parse(header: &[u8]) -> Result<Self, Invalid> {
        let is_printable = |text: &&str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let text = std::str::from_utf8(header).ok().filter(is_printable).ok_or(Invalid::Character)?;
        let text = text.trim_matches(' ');
        let key = match text.strip_prefix('"') {
            Some(rest) => quoted(rest)?,
            None => bare(text)?,
        };
        match key.len() {
            0 => Err(Invalid::Empty),
            1..=MAX_LEN => Ok(Self(key.into())),
            length => Err(Invalid::TooLong(length)),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What follows the first quote. Parameters, which RFC 9651 allows after it, are refused: the draft knows none, and one
/// that is passed over could have told two keys apart.
fn quoted(text: &str) -> Result<String, Invalid> {
    let mut key = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next().ok_or(Invalid::Open)? {
            '"' if rest.as_str().is_empty() => return Ok(key),
            '"' => return Err(Invalid::Trailing),
            '\\' => match rest.next().ok_or(Invalid::Open)? {
                escaped @ ('"' | '\\') => key.push(escaped),
                _ => return Err(Invalid::Escape),
            },
            char => key.push(char),
        }
    }
}

/// What would mean something in a structured field is refused: two headers that were joined by a comma are not one key.
fn bare(text: &str) -> Result<String, Invalid> {
    match text.chars().find(|char| matches!(char, ' ' | '"' | ',' | ';' | '\\')) {
        Some(char) => Err(Invalid::Bare(char)),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_string_in_quotes_or_a_bare_word() {
        let cases = [
            (r#""41f5c2ae-9d0b-4c8e-a7f3-0b6d2e915c74""#, "41f5c2ae-9d0b-4c8e-a7f3-0b6d2e915c74"),
            ("41f5c2ae-9d0b-4c8e-a7f3-0b6d2e915c74", "41f5c2ae-9d0b-4c8e-a7f3-0b6d2e915c74"),
            (r#"  "a"  "#, "a"),
            (" a ", "a"),
            (r#""a b, c; d=1""#, "a b, c; d=1"),
            (r#"" ""#, " "),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("Zm9v+/8=", "Zm9v+/8="),
            ("order:17/~{}", "order:17/~{}"),
        ];
        for (header, expected) in cases {
            let key = Key::parse(header.as_bytes());
            assert_eq!(key.as_ref().map(Key::as_str), Ok(expected), "{header}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_reason() {
        let cases: [(&[u8], Invalid); 18] = [
            (b"", Invalid::Empty),
            (b"  ", Invalid::Empty),
            (br#""""#, Invalid::Empty),
            (br#"""#, Invalid::Open),
            (br#""a"#, Invalid::Open),
            (br#""a\"#, Invalid::Open),
            (br#""a\""#, Invalid::Open),
            (br#""a\n""#, Invalid::Escape),
            (br#""a"b"#, Invalid::Trailing),
            (br#""a";b=1"#, Invalid::Trailing),
            (br#""a", "b""#, Invalid::Trailing),
            (b"a, b", Invalid::Bare(',')),
            (b"a b", Invalid::Bare(' ')),
            (b"a;b=1", Invalid::Bare(';')),
            (br#"a"b""#, Invalid::Bare('"')),
            (b"a\tb", Invalid::Character),
            ("\"ü\"".as_bytes(), Invalid::Character),
            (b"\"\xff\"", Invalid::Character),
        ];
        for (header, wrong) in cases {
            assert_eq!(Key::parse(header), Err(wrong), "{}", String::from_utf8_lossy(header));
        }
    }

    #[test]
    fn a_key_has_so_many_characters_and_no_more() {
        let longest = "k".repeat(MAX_LEN);
        for header in [longest.clone(), format!("\"{longest}\"")] {
            assert_eq!(Key::parse(header.as_bytes()).unwrap().as_str(), longest);
        }
        let escaped = format!("\"{}\"", r"\\".repeat(MAX_LEN));
        assert_eq!(
            Key::parse(escaped.as_bytes()).unwrap().as_str(),
            "\\".repeat(MAX_LEN),
            "escapes count once"
        );
        for header in [format!("{longest}k"), format!("\"{longest}k\"")] {
            assert_eq!(Key::parse(header.as_bytes()), Err(Invalid::TooLong(MAX_LEN + 1)));
        }
    }
}
