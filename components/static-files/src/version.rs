//! Which version of a file a client has: validators and preconditions (RFC 9110, sections 8.8 and 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What can be said of the version of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As it is sent, quotes included.
    pub tag: String,
    /// To the second.
    modified: SystemTime,
    /// The bytes are the same whenever the tag is.
    strong: bool,
}

/// What the preconditions of a request say.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Send,
    NotModified,
    Failed,
}

/// The preconditions of a request.
#[derive(Debug, Default)]
pub struct Conditions<'a> {
    pub if_match: Option<&'a str>,
    pub if_unmodified_since: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
    pub if_modified_since: Option<&'a str>,
}

/// A file that was changed within this time may be changed again without a new time of change: clocks of file
/// systems are coarse.
const SETTLED: Duration = Duration::from_secs(1);

/// What HTTP can say as a date.
const LAST_DATE: u64 = 253_402_300_799;

impl Version {
    /// Size and time tell versions apart. To read the whole file for a tag would cost as much as to send it.
    /// `form` tells its encodings apart.
    pub fn new(size: u64, modified: SystemTime, form: &str, now: SystemTime) -> Self {
        let since_epoch = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let strong = modified.checked_add(SETTLED).is_some_and(|settled| settled <= now);
        let weak = if strong { "" } else { "W/" };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // A change in the future would be one that the client has not seen yet.
        let seconds = since_epoch.as_secs().min(now).min(LAST_DATE);
        Self {
            tag: format!("{weak}\"{size:x}-{:x}{form}\"", since_epoch.as_nanos()),
            modified: UNIX_EPOCH + Duration::from_secs(seconds),
            strong,
        }
    }

    /// For `last-modified`.
    pub fn date(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }

    /// In the order that the RFC gives.
    pub fn decide(&self, conditions: &Conditions<'_>) -> Decision {
        let wanted = match (conditions.if_match, conditions.if_unmodified_since.and_then(date)) {
            (Some(tags), _) => self.strong && self.is_among(tags),
            (None, Some(date)) => self.modified <= date,
            (None, None) => true,
        };
        if !wanted {
            return Decision::Failed;
        }
        let known = match (conditions.if_none_match, conditions.if_modified_since.and_then(date)) {
            (Some(tags), _) => self.is_among(tags),
            (None, Some(date)) => self.modified <= date,
            (None, None) => false,
        };
        if known { Decision::NotModified } else { Decision::Send }
    }

    /// Whether a part of it continues what the client has: `if-range`.
    pub fn continues(&self, if_range: &str) -> bool {
        let same = if_range.trim() == self.tag || date(if_range) == Some(self.modified);
        self.strong && same
    }

    /// Weakly: of two tags only what is in quotes counts.
    fn is_among(&self, tags: &str) -> bool {
        let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
        tags.trim() == "*" || tags.split(',').any(|tag| opaque(tag.trim()) == opaque(&self.tag))
    }
}

/// A date that is none counts as if it were not there.
fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn version() -> Version {
        Version::new(5, at(784_111_777) + Duration::from_nanos(16), "", at(1_000_000_000))
    }

    #[test]
    fn a_tag_is_of_size_time_and_form() {
        assert_eq!(version().tag, "\"5-ae1b981bc490a10\"");
        assert_eq!(version().date(), DATE);
        let other = |size, nanos, form| {
            Version::new(size, at(784_111_777) + Duration::from_nanos(nanos), form, at(1_000_000_000)).tag
        };
        for tag in [other(6, 16, ""), other(5, 17, ""), other(5, 16, "-gz")] {
            assert_ne!(tag, version().tag);
        }
    }

    #[test]
    fn a_file_that_may_change_within_the_clocks_step_has_a_weak_tag() {
        for (now, weak) in [(0, true), (99, true), (100, true), (101, false), (200, false)] {
            let version = Version::new(5, at(100), "", at(now));
            assert_eq!(version.tag.starts_with("W/"), weak, "{now}");
            assert_eq!(version.continues(&version.tag), !weak, "{now}");
        }
    }

    #[test]
    fn any_time_has_a_date() {
        let far = at(1 << 50);
        for (modified, now, date) in [
            (UNIX_EPOCH - Duration::from_secs(9), at(9), "Thu, 01 Jan 1970 00:00:00 GMT"),
            (far, at(9), "Thu, 01 Jan 1970 00:00:09 GMT"),
            (far, far, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(Version::new(1, modified, "", now).date(), date);
        }
    }

    #[test]
    fn preconditions_decide_in_their_order() {
        let tag = version().tag;
        let weak = format!("\"a\", W/{tag}");
        let none = Conditions::default();
        let cases = [
            (Conditions { if_none_match: Some(&tag), ..none }, Decision::NotModified),
            (Conditions { if_none_match: Some(&weak), ..none }, Decision::NotModified),
            (Conditions { if_none_match: Some("*"), ..none }, Decision::NotModified),
            (Conditions { if_none_match: Some("\"a\""), ..none }, Decision::Send),
            (Conditions { if_none_match: Some(""), ..none }, Decision::Send),
            (
                Conditions { if_none_match: Some("\"a\""), if_modified_since: Some(DATE), ..none },
                Decision::Send,
            ),
            (Conditions { if_modified_since: Some(DATE), ..none }, Decision::NotModified),
            (Conditions { if_modified_since: Some(BEFORE), ..none }, Decision::Send),
            (Conditions { if_modified_since: Some("yesterday"), ..none }, Decision::Send),
            (Conditions { if_match: Some(&tag), ..none }, Decision::Send),
            (Conditions { if_match: Some("*"), ..none }, Decision::Send),
            (Conditions { if_match: Some("\"a\""), ..none }, Decision::Failed),
            (Conditions { if_match: Some(&tag), if_unmodified_since: Some(BEFORE), ..none }, Decision::Send),
            (Conditions { if_unmodified_since: Some(BEFORE), ..none }, Decision::Failed),
            (Conditions { if_unmodified_since: Some(DATE), ..none }, Decision::Send),
            (Conditions { if_match: Some("\"a\""), if_none_match: Some(&tag), ..none }, Decision::Failed),
        ];
        for (conditions, decision) in cases {
            assert_eq!(version().decide(&conditions), decision, "{conditions:?}");
        }
    }

    #[test]
    fn a_part_continues_only_what_is_the_same() {
        let tag = version().tag;
        assert!(version().continues(&tag));
        assert!(version().continues(DATE));
        for other in [format!("W/{tag}"), "\"a\"".into(), BEFORE.into(), "*".into(), String::new()] {
            assert!(!version().continues(&other), "{other}");
        }
    }
}
