//! Bytes with a media type: what events, calls, jobs and bindings carry.

use serde::Serialize;

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// Headers of a call or a binding: names with values, in order.
pub type Metadata = Vec<(String, String)>;

/// The first value of that name.
pub(crate) fn find<'a>(metadata: &'a [(String, String)], name: &str) -> Option<&'a str> {
    metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}
