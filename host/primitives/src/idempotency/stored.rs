//! An answer as it is kept.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format |
//! | 8 | checksum of what follows: a damaged answer must not be given as the first one |
//! | 32 | fingerprint of the request |
//! | 2 | status |
//! | 4 | number of headers; then of each the name and the value, with their length (4) before them |
//! | the rest | body |

use bytes::Bytes;

use super::Fingerprint;

const FORMAT: u8 = 1;
const CHECKSUM: usize = 8;
const HEAD: usize = 1 + CHECKSUM;

/// Those of one connection (RFC 9110, section 7.6.1), of trailers, which are not kept, and of one moment. Whoever sends
/// the answer sets them.
const TRANSPORT: &[&str] = &[
    "connection",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An answer, and the fingerprint of the request that it was given to. [`new`](Self::new) makes one that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub fingerprint: Fingerprint,
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
}

impl Stored {
    /// The answer without headers that belong to its transport. `None` if it is none to keep: a 5xx says that the request
    /// may be tried again, and a 1xx is no answer yet.
    #[must_use]
    pub fn new(
        fingerprint: Fingerprint,
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Bytes,
    ) -> Option<Self> {
        is_kept(status).then(|| Self { fingerprint, status, headers: lasting(headers), body })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { fingerprint, status, headers, body } = self;
        let mut out = vec![FORMAT];
        out.extend([0; CHECKSUM]);
        out.extend(fingerprint.0);
        out.extend(status.to_be_bytes());
        out.extend(length(headers.len()));
        for part in headers.iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
            out.extend(length(part.len()));
            out.extend(part);
        }
        out.extend(body);
        let sum = checksum(&out[HEAD..]);
        out[1..HEAD].copy_from_slice(&sum);
        out
    }

    /// `None`: it is damaged, or of a format that is not known.
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let mut from = Reader(bytes);
        let [format] = from.array()?;
        let sum: [u8; CHECKSUM] = from.array()?;
        if format != FORMAT || sum != checksum(from.0) {
            return None;
        }
        let fingerprint = Fingerprint(from.array()?);
        let status = Some(u16::from_be_bytes(from.array()?)).filter(|status| is_kept(*status))?;
        let count = u32::from_be_bytes(from.array()?);
        let headers = (0..count).map(|_| {
            let name = std::str::from_utf8(from.bytes()?).ok()?;
            Some((name.to_owned(), from.bytes()?.to_vec()))
        });
        let headers = headers.collect::<Option<_>>()?;
        Some(Self { fingerprint, status, headers, body: bytes.slice_ref(from.0) })
    }
}

fn is_kept(status: u16) -> bool {
    (200..500).contains(&status)
}

fn lasting(headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    // The header `connection` names others that are of this connection only.
    let connections = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let named = connections.flat_map(|(_, value)| value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
    let named: Vec<_> = named.map(<[u8]>::to_ascii_lowercase).collect();
    let is_lasting = |name: &str| {
        let name = name.to_ascii_lowercase();
        !TRANSPORT.contains(&&*name) && !named.iter().any(|other| *other == name.as_bytes())
    };
    headers.into_iter().filter(|(name, _)| is_lasting(name)).collect()
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM]);
    sum
}

/// What is longer than 4 GiB was refused long before.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, left) = self.0.split_first_chunk()?;
        self.0 = left;
        Some(*array)
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(u32::from_be_bytes(self.array()?)).ok()?;
        let (bytes, left) = self.0.split_at_checked(length)?;
        self.0 = left;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn answers() -> [Stored; 3] {
        let stored = |status, headers, body: &[u8]| Stored {
            fingerprint: Fingerprint([7; Fingerprint::LEN]),
            status,
            headers,
            body: Bytes::copy_from_slice(body),
        };
        [
            stored(204, vec![], b""),
            stored(201, headers(&[("location", "/orders/17"), ("x", ""), ("x", "2")]), b"{\"id\":17}"),
            stored(404, vec![("x-bytes".into(), vec![0, 0xff, b'\t'])], &[0, 1, 0xfe, 0xff]),
        ]
    }

    /// The bytes with a checksum that is right for them.
    fn sealed(mut bytes: Vec<u8>) -> Bytes {
        let sum = checksum(&bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&sum);
        bytes.into()
    }

    #[test]
    fn an_answer_comes_back_and_a_damaged_one_does_not() {
        for answer in answers() {
            let bytes = answer.encode();
            assert_eq!(Stored::decode(&bytes.clone().into()), Some(answer.clone()));
            for end in 0..bytes.len() {
                assert_eq!(Stored::decode(&bytes[..end].to_vec().into()), None);
            }
            assert_eq!(Stored::decode(&[&bytes[..], &[0]].concat().into()), None);
            for at in 0..bytes.len() {
                for mask in [1, 0x80, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= mask;
                    assert_eq!(Stored::decode(&damaged.into()), None, "byte {at} of {answer:?}");
                }
            }
        }
    }

    #[test]
    fn what_has_a_right_checksum_is_read_with_care_too() {
        for answer in answers() {
            let bytes = answer.encode();
            for at in HEAD..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 0xff;
                assert_ne!(Stored::decode(&sealed(other)), Some(answer.clone()));
                let _ = Stored::decode(&sealed(bytes[..at].to_vec()));
            }
        }
        let [empty, ..] = answers().map(|answer| answer.encode());
        let count = HEAD + Fingerprint::LEN + 2;
        assert_eq!(empty.len(), count + 4);
        let with = |from: usize, bytes: &[u8]| {
            let mut other = empty.clone();
            other.splice(from..from + bytes.len().min(other.len() - from), bytes.iter().copied());
            Stored::decode(&sealed(other))
        };
        let header = |name: &[u8]| [&[0, 0, 0, 1][..], &length(name.len()), name, &length(0)].concat();
        assert!(with(count, &header(b"a")).is_some());
        let cases = [
            ("more headers than bytes", count, [u8::MAX; 4].to_vec()),
            ("a name longer than the rest", count, [&[0, 0, 0, 1][..], &[u8::MAX; 4]].concat()),
            ("a name that is no text", count, header(b"\xff")),
            ("a status that is none", count - 2, vec![0, 0]),
            ("a status that is not kept", count - 2, 503_u16.to_be_bytes().to_vec()),
        ];
        for (what, from, bytes) in cases {
            assert_eq!(with(from, &bytes), None, "{what}");
        }
        assert_eq!(Stored::decode(&sealed([&[2][..], &empty[1..]].concat())), None, "another format");
    }

    #[test]
    fn what_belongs_to_the_transport_is_not_kept() {
        let all = headers(&[
            ("Content-Type", "text/plain"),
            ("content-length", "2"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("Date", "Tue, 01 Jul 2025 10:00:00 GMT"),
            ("Connection", "close, X-Hop"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("X-Other", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Transfer-Encoding", "chunked"),
            ("trailer", "x-sum"),
            ("upgrade", "h2c"),
            ("x-hop-count", "1"),
        ]);
        let stored = Stored::new(Fingerprint([0; Fingerprint::LEN]), 200, all, "ok".into()).unwrap();
        let kept = [
            ("Content-Type", "text/plain"),
            ("content-length", "2"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-hop-count", "1"),
        ];
        assert_eq!(stored.headers, headers(&kept));
    }

    #[test]
    fn only_final_answers_below_500_are_kept() {
        let cases = [
            (101, false),
            (199, false),
            (200, true),
            (303, true),
            (422, true),
            (499, true),
            (500, false),
            (503, false),
        ];
        for (status, expected) in cases {
            let stored = Stored::new(Fingerprint([0; Fingerprint::LEN]), status, vec![], Bytes::new());
            assert_eq!(stored.is_some(), expected, "{status}");
        }
    }
}
