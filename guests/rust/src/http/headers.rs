//! Header and trailer fields.

use crate::wasi::http::types::{Fields, HeaderError};

/// Fields in the order in which they came. Names are matched without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of that name. `None` as well if it is not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of that name.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Adds a field and keeps those of the same name.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds a field in the place of those of the same name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let name = name.into();
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
        self.append(name, value);
    }

    pub(super) fn from_wasi(fields: &Fields) -> Self {
        Self(fields.entries())
    }

    pub(super) fn to_wasi(&self) -> Result<Fields, HeaderError> {
        Fields::from_list(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_replaces_and_append_keeps_whatever_the_case() {
        let mut headers = Headers::new();
        headers.append("Vary", "accept");
        headers.append("vary", "origin");
        assert_eq!(headers.get_all("VARY").collect::<Vec<_>>(), [b"accept".as_slice(), b"origin"]);
        headers.set("VARY", "*");
        assert_eq!(headers.get("vary"), Some("*"));
        assert_eq!(headers.iter().count(), 1);
    }
}
