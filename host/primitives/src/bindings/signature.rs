//! Whether a webhook comes from who knows the secret, and comes now: HMAC-SHA256 (RFC 2104) over the raw body, with a
//! window of time against replays where the sender signs a timestamp.
//!
//! Which headers hold what is the trigger's to know. What is refused is for the log: a client is told no more than
//! that it was refused.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::clock::Timestamp;

/// How the signature is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Upper or lower case.
    #[default]
    Hex,
    /// Of RFC 4648, section 4, with its padding.
    Base64,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no signature")]
    NoSignature,
    #[error("the signature is not written as it is configured")]
    Malformed,
    #[error("the signature is not that of the body")]
    Wrong,
    #[error("there is no timestamp")]
    NoTimestamp,
    #[error("the timestamp is no number of seconds")]
    NotATime,
    #[error("the timestamp is {0} seconds old")]
    TooOld(u64),
    #[error("the timestamp is {0} seconds ahead")]
    TooEarly(u64),
}

/// A secret that signs nothing: whoever knows that it is empty could sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of a signature cannot be empty")]
pub struct EmptySecret;

/// Tells whether a request is signed with a secret.
#[derive(Clone)]
pub struct Verifier {
    /// Keyed, and nothing read yet.
    mac: Hmac<Sha256>,
    prefix: String,
    encoding: Encoding,
    tolerance: Option<Duration>,
}

impl Verifier {
    /// The signature is `prefix` and then the MAC in `encoding`. With a `tolerance` what is signed is
    /// `{timestamp}.{body}`, where the timestamp (Unix time in seconds) is at the most so far from now.
    ///
    /// # Errors
    /// [`EmptySecret`].
    pub fn new(
        secret: &[u8],
        prefix: &str,
        encoding: Encoding,
        tolerance: Option<Duration>,
    ) -> Result<Self, EmptySecret> {
        if secret.is_empty() {
            return Err(EmptySecret);
        }
        // An HMAC takes a key of any length.
        let mac = Hmac::new_from_slice(secret).map_err(|_| EmptySecret)?;
        Ok(Self { mac, prefix: prefix.to_owned(), encoding, tolerance })
    }

    /// `signature` and `timestamp` are the headers' bytes as they came, `body` the raw body. A timestamp is looked at
    /// only if there is a tolerance.
    ///
    /// # Errors
    /// [`Refused`] says why it is not believed. The comparison takes as long for any wrong signature.
    pub fn verify(
        &self,
        signature: Option<&[u8]>,
        timestamp: Option<&[u8]>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refused> {
        let claimed = self.decode(signature.ok_or(Refused::NoSignature)?)?;
        let mut mac = self.mac.clone();
        let signed_at = match self.tolerance {
            None => None,
            Some(tolerance) => {
                let text = timestamp.ok_or(Refused::NoTimestamp)?;
                let seconds = seconds(text).ok_or(Refused::NotATime)?;
                mac.update(text);
                mac.update(b".");
                Some((seconds, tolerance))
            }
        };
        mac.update(body);
        mac.verify_slice(&claimed).map_err(|_| Refused::Wrong)?;
        // Only a time that was signed says anything.
        signed_at.map_or(Ok(()), |(seconds, tolerance)| within(seconds, tolerance, now))
    }

    fn decode(&self, signature: &[u8]) -> Result<[u8; 32], Refused> {
        let text = signature.strip_prefix(self.prefix.as_bytes()).ok_or(Refused::Malformed)?;
        // 32 bytes are 64 digits at the most: nothing longer is worth a buffer.
        if text.len() > 64 {
            return Err(Refused::Malformed);
        }
        let bytes = match self.encoding {
            Encoding::Hex => hex::decode(text).ok(),
            Encoding::Base64 => STANDARD.decode(text).ok(),
        };
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(Refused::Malformed)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mac: _, prefix, encoding, tolerance } = self;
        (f.debug_struct("Verifier").field("prefix", prefix))
            .field("encoding", encoding)
            .field("tolerance", tolerance)
            .finish_non_exhaustive()
    }
}

/// Digits and nothing else: what `parse` takes beyond them (a plus) is not what a sender writes.
fn seconds(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 12 && text.iter().all(u8::is_ascii_digit);
    digits.then(|| text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Both ends of the window are believed.
fn within(seconds: u64, tolerance: Duration, now: Timestamp) -> Result<(), Refused> {
    let at = Timestamp(seconds.saturating_mul(1000));
    let (age, ahead) = (now.since(at), at.since(now));
    if age > tolerance {
        return Err(Refused::TooOld(age.as_secs()));
    }
    if ahead > tolerance {
        return Err(Refused::TooEarly(ahead.as_secs()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn plain(secret: &[u8], prefix: &str, encoding: Encoding) -> Verifier {
        Verifier::new(secret, prefix, encoding, None).unwrap()
    }

    /// RFC 4231, sections 4.2 to 4.4, 4.7 and 4.8.
    #[test]
    fn the_vectors_of_rfc_4231_are_believed() {
        let (b0, aa, dd) = ([0x0b; 20], [0xaa; 131], [0xdd; 50]);
        let larger: &[u8] = b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.";
        for (key, data, mac) in [
            (&b0[..], &b"Hi There"[..], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&aa[..20], &dd, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &aa,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (&aa, larger, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        ] {
            let verifier = plain(key, "", Encoding::Hex);
            assert_eq!(verifier.verify(Some(mac.as_bytes()), None, data, NOW), Ok(()), "{mac}");
            let upper = mac.to_uppercase();
            assert_eq!(verifier.verify(Some(upper.as_bytes()), None, data, NOW), Ok(()));
            let base64 = STANDARD.encode(hex::decode(mac).unwrap());
            let verifier = plain(key, "", Encoding::Base64);
            assert_eq!(verifier.verify(Some(base64.as_bytes()), None, data, NOW), Ok(()));
        }
    }

    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    /// The secret, the body and the signature are the example in GitHub's documentation of webhooks.
    #[test]
    fn a_signature_is_believed_only_as_it_was_written() {
        let digits = &SIGNATURE["sha256=".len()..];
        let changed = SIGNATURE.replace("757107", "757108");
        let verifier = plain(SECRET, "sha256=", Encoding::Hex);
        for (signature, body, expected) in [
            (Some(SIGNATURE), BODY, Ok(())),
            (None, BODY, Err(Refused::NoSignature)),
            (Some(""), BODY, Err(Refused::Malformed)),
            (Some("sha256="), BODY, Err(Refused::Malformed)),
            (Some(digits), BODY, Err(Refused::Malformed)),
            (Some(&SIGNATURE.replace("sha256", "sha1")), BODY, Err(Refused::Malformed)),
            (Some(&SIGNATURE[..SIGNATURE.len() - 2]), BODY, Err(Refused::Malformed)),
            (Some(&SIGNATURE[..SIGNATURE.len() - 1]), BODY, Err(Refused::Malformed)),
            (Some(&format!("{SIGNATURE}00")), BODY, Err(Refused::Malformed)),
            (Some(&format!("{SIGNATURE} ")), BODY, Err(Refused::Malformed)),
            (Some(&SIGNATURE.replace('7', "ü")), BODY, Err(Refused::Malformed)),
            (Some(&"0".repeat(100_000)), BODY, Err(Refused::Malformed)),
            (Some(&changed), BODY, Err(Refused::Wrong)),
            (Some(SIGNATURE), b"Hello, World?", Err(Refused::Wrong)),
            (Some(SIGNATURE), b"", Err(Refused::Wrong)),
        ] {
            assert_eq!(
                verifier.verify(signature.map(str::as_bytes), None, body, NOW),
                expected,
                "{signature:?}"
            );
        }
        let other = plain(b"another secret", "sha256=", Encoding::Hex);
        assert_eq!(other.verify(Some(SIGNATURE.as_bytes()), None, BODY, NOW), Err(Refused::Wrong));
        let base64 = plain(SECRET, "sha256=", Encoding::Base64);
        assert_eq!(base64.verify(Some(SIGNATURE.as_bytes()), None, BODY, NOW), Err(Refused::Malformed));
    }

    fn sign(text: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
        mac.update(text);
        hex::encode(mac.finalize().into_bytes())
    }

    #[test]
    fn a_request_is_believed_only_near_its_time() {
        let verifier = Verifier::new(SECRET, "", Encoding::Hex, Some(Duration::from_secs(300))).unwrap();
        let now = NOW.0 / 1000;
        for (timestamp, expected) in [
            (Some(now.to_string()), Ok(())),
            (Some((now - 300).to_string()), Ok(())),
            (Some((now + 300).to_string()), Ok(())),
            (Some((now - 301).to_string()), Err(Refused::TooOld(301))),
            (Some((now + 301).to_string()), Err(Refused::TooEarly(301))),
            (Some("0".into()), Err(Refused::TooOld(now))),
            (Some("999999999999".into()), Err(Refused::TooEarly(999_999_999_999 - now))),
            (Some("99999999999999999999".into()), Err(Refused::NotATime)),
            (Some(format!("+{now}")), Err(Refused::NotATime)),
            (Some(format!("{now}.5")), Err(Refused::NotATime)),
            (Some(String::new()), Err(Refused::NotATime)),
            (None, Err(Refused::NoTimestamp)),
        ] {
            let mut text = timestamp.clone().unwrap_or_default().into_bytes();
            text.extend_from_slice(b".");
            text.extend_from_slice(BODY);
            let signature = sign(&text);
            let found = verifier.verify(
                Some(signature.as_bytes()),
                timestamp.as_deref().map(str::as_bytes),
                BODY,
                NOW,
            );
            assert_eq!(found, expected, "{timestamp:?}");
        }
        // A time that was not signed with the body moves no window.
        let signature = sign(&[format!("{}.", now - 900).as_bytes(), BODY].concat());
        let found = verifier.verify(Some(signature.as_bytes()), Some(now.to_string().as_bytes()), BODY, NOW);
        assert_eq!(found, Err(Refused::Wrong));
    }

    #[test]
    fn a_secret_is_neither_empty_nor_shown() {
        assert_eq!(Verifier::new(b"", "", Encoding::Hex, None).unwrap_err(), EmptySecret);
        let shown = format!("{:?}", plain(b"hunter2", "v1=", Encoding::Hex));
        assert!(!shown.contains("hunter2") && shown.contains("v1="), "{shown}");
    }
}
