//! What tells a request that is sent again from another one under the same key.

use super::hash;

/// What of a request is in its fingerprint. Other headers are not: a client that tries again may send another trace or
/// date, or a fresh token.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    pub method: &'r str,
    pub path_and_query: &'r str,
    pub content_type: Option<&'r [u8]>,
    pub body: &'r [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; Self::LEN]);

impl Fingerprint {
    pub(super) const LEN: usize = blake3::OUT_LEN;

    #[must_use]
    pub fn of(request: &Request<'_>) -> Self {
        let Request { method, path_and_query, content_type, body } = request;
        let is_typed = [u8::from(content_type.is_some())];
        let content_type = content_type.unwrap_or_default();
        Self(hash(&[method.as_bytes(), path_and_query.as_bytes(), &is_typed, content_type, body]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Request<'_> = Request {
        method: "POST",
        path_and_query: "/orders?dry=1",
        content_type: Some(b"application/json"),
        body: br#"{"item":"tea"}"#,
    };

    #[test]
    fn every_part_of_a_request_is_in_its_fingerprint() {
        let cases = [
            ("method", Request { method: "PATCH", ..ORDER }),
            ("path", Request { path_and_query: "/order?dry=1", ..ORDER }),
            ("query", Request { path_and_query: "/orders?dry=2", ..ORDER }),
            ("no query", Request { path_and_query: "/orders", ..ORDER }),
            ("content type", Request { content_type: Some(b"text/plain"), ..ORDER }),
            ("an empty content type", Request { content_type: Some(b""), ..ORDER }),
            ("no content type", Request { content_type: None, ..ORDER }),
            ("body", Request { body: br#"{"item":"pie"}"#, ..ORDER }),
            ("no body", Request { body: b"", ..ORDER }),
            ("a longer body", Request { body: b"{\"item\":\"tea\"}\n", ..ORDER }),
        ];
        let first = Fingerprint::of(&ORDER);
        assert_eq!(first, Fingerprint::of(&ORDER));
        for (index, (what, request)) in cases.iter().enumerate() {
            let other = Fingerprint::of(request);
            assert_ne!(first, other, "{what}");
            for (before, request) in &cases[..index] {
                assert_ne!(Fingerprint::of(request), other, "{before} and {what}");
            }
        }
    }

    #[test]
    fn bytes_do_not_move_from_one_part_to_the_next() {
        let joined = |content_type, body| Fingerprint::of(&Request { content_type, body, ..ORDER });
        assert_ne!(joined(Some(b"ab"), b"c"), joined(Some(b"a"), b"bc"));
        assert_ne!(joined(Some(b""), b"a"), joined(None, b"a"));
    }
}
