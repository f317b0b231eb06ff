//! How a record looks on disk.
//!
//! ```text
//!   format  version   expiry kind  [expiry, ms]  media type length  media type  value
//!   u8 = 1  24 bytes  u8: 0 | 1    u64 BE        u8 (0: none)       UTF-8       the rest
//! ```
//!
//! The format byte lets a later host read what this one wrote: records are migrated when they are read.

use bytes::Bytes;
use mecha_primitives::{
    clock::Timestamp,
    commit::{Record, Version},
};

const FORMAT: u8 = 1;

/// What can be said of a stored record without copying its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: Version,
    pub(super) expires_at: Option<Timestamp>,
}

impl Head {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let media_type = media_type(record);
    let mut bytes = Vec::with_capacity(encoded_len(record));
    bytes.push(FORMAT);
    bytes.extend_from_slice(record.version.as_bytes());
    bytes.push(u8::from(record.expires_at.is_some()));
    if let Some(Timestamp(at)) = record.expires_at {
        bytes.extend_from_slice(&at.to_be_bytes());
    }
    bytes.push(u8::try_from(media_type.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(media_type);
    bytes.extend_from_slice(&record.value);
    bytes
}

pub(super) fn encoded_len(record: &Record) -> usize {
    let expiry = if record.expires_at.is_some() { 8 } else { 0 };
    1 + Version::LEN + 1 + expiry + 1 + media_type(record).len() + record.value.len()
}

/// Longer ones are refused at the seam; here they must only not corrupt the record.
fn media_type(record: &Record) -> &[u8] {
    let text = record.media_type.as_deref().unwrap_or_default();
    &text.as_bytes()[..text.floor_char_boundary(usize::from(u8::MAX))]
}

/// The head, and what follows it. `None` if the bytes are no record.
fn split(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (FORMAT, rest) = bytes.split_first().map(|(format, rest)| (*format, rest))? else { return None };
    let (version, rest) = rest.split_first_chunk::<{ Version::LEN }>()?;
    let (expires, rest) = rest.split_first()?;
    let (expires_at, rest) = match expires {
        0 => (None, rest),
        1 => {
            let (at, rest) = rest.split_first_chunk::<8>()?;
            (Some(Timestamp(u64::from_be_bytes(*at))), rest)
        }
        _ => return None,
    };
    Some((Head { version: Version::from_bytes(*version), expires_at }, rest))
}

pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    split(bytes).map(|(head, _)| head)
}

/// The whole record, or with an empty value if none is wanted.
pub(super) fn decode(bytes: &[u8], with_value: bool) -> Option<Record> {
    let (head, rest) = split(bytes)?;
    let (length, rest) = rest.split_first()?;
    let (media_type, value) = rest.split_at_checked(usize::from(*length))?;
    let media_type = std::str::from_utf8(media_type).ok()?;
    Some(Record {
        version: head.version,
        expires_at: head.expires_at,
        media_type: (!media_type.is_empty()).then(|| media_type.into()),
        value: if with_value { Bytes::copy_from_slice(value) } else { Bytes::new() },
    })
}

#[cfg(test)]
mod tests {
    use mecha_primitives::identity::CallId;

    use super::*;

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        for expires_at in [None, Some(Timestamp(0)), Some(Timestamp(u64::MAX))] {
            for media_type in [None, Some("text/plain".into())] {
                for value in [&b""[..], b"\0\xff", &[7; 5000]] {
                    let version = Version::new(CallId(9), 1, 2);
                    let value = Bytes::copy_from_slice(value);
                    let record = Record { version, expires_at, media_type: media_type.clone(), value };
                    let bytes = encode(&record);
                    assert_eq!(bytes.len(), encoded_len(&record));
                    assert_eq!(decode(&bytes, true).as_ref(), Some(&record));
                    assert_eq!(head(&bytes), Some(Head { version, expires_at }));
                }
            }
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        assert_eq!(decode(b"", true), None);
        assert_eq!(decode(&[2; 60], true), None, "another format");
        let whole = encode(&Record {
            version: Version::new(CallId(1), 1, 1),
            expires_at: Some(Timestamp(1)),
            media_type: Some("a/b".into()),
            value: Bytes::new(),
        });
        for end in 0..whole.len() {
            assert_eq!(decode(&whole[..end], true), None, "cut at {end}");
        }
    }
}
