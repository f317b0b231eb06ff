//! Bytes for records, and back: whatever the bytes are, reading ends in a value or in `None`.

use crate::clock::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(format: u8) -> Self {
        Self(vec![format])
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn time(self, time: Timestamp) -> Self {
        self.number(time.0)
    }

    /// With its length before it. What is longer than 4 GiB was refused long before.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

#[derive(Debug)]
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// `None` if the bytes are of another format.
    pub(super) fn new(bytes: &'b [u8], format: u8) -> Option<Self> {
        let (found, rest) = bytes.split_first()?;
        (*found == format).then_some(Self(rest))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        self.number().map(Timestamp)
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        let length = usize::try_from(u32::from_be_bytes(self.array()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    pub(super) fn rest(self) -> &'b [u8] {
        self.0
    }
}
