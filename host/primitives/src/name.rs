//! Names that tenants, apps, components and stores are known by.
//!
//! A name is parsed once, where it enters the process, and is a type from then on. Names never hold
//! a slash, a dot or an at sign: keys on disk are built from them and must not be ambiguous.

use std::{fmt, str::FromStr, sync::Arc};

/// The longest name, in bytes: that of a DNS label (RFC 1035, section 2.3.4).
pub const MAX_LEN: usize = 63;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("a name cannot be empty")]
    Empty,
    #[error("a name has at most {MAX_LEN} characters; this one has {0}")]
    TooLong(usize),
    #[error("a name begins with a lowercase letter or a digit, not with `{0}`")]
    Start(char),
    #[error("a name ends with a lowercase letter or a digit, not with `-`")]
    End,
    #[error("a name consists of lowercase letters, digits and `-`; found `{0}`")]
    Character(char),
}

fn check(text: &str) -> Result<(), Invalid> {
    let first = text.chars().next().ok_or(Invalid::Empty)?;
    if text.chars().count() > MAX_LEN {
        return Err(Invalid::TooLong(text.chars().count()));
    }
    if let Some(wrong) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(Invalid::Character(wrong));
    }
    if first == '-' {
        return Err(Invalid::Start(first));
    }
    if text.ends_with('-') {
        return Err(Invalid::End);
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// [`Invalid`] says what the text breaks of the rules for names.
            pub fn new(text: &str) -> Result<Self, Invalid> {
                check(text)?;
                Ok(Self(text.into()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// Who owns apps and data. Two tenants share nothing. A bare `serve` is tenant `default`.
    Tenant;
    /// An app, by its manifest's `name` (never by its path).
    App;
    /// A component of an app.
    Component;
    /// A state store, by the name under which a component opens it.
    Store;
    /// A subscription, which is also the name of its consumer group if it gives none.
    Subscription;
    /// A consumer group: subscriptions that share one delivery of each event.
    Group;
    /// A schedule of the manifest.
    Schedule;
    /// An input or output binding.
    Binding;
}

/// A topic: names with dots between them, as in `orders.created`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// # Errors
    /// [`Invalid`] says what a part breaks of the rules for names.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > MAX_LEN {
            return Err(Invalid::TooLong(text.chars().count()));
        }
        text.split('.').try_for_each(check)?;
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Topic {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for Topic {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Which topics a subscription or a grant means: a topic, or a pattern in which `*` stands for one part and a last `>`
/// for one or more. (As in NATS subjects.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPattern(Arc<str>);

impl TopicPattern {
    /// # Errors
    /// [`Invalid`] says what a part breaks of the rules for names.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.split('.').peekable();
        while let Some(part) = parts.next() {
            let is_wild = part == "*" || (part == ">" && parts.peek().is_none());
            if !is_wild {
                check(part)?;
            }
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        let (mut wanted, mut found) = (self.0.split('.'), topic.0.split('.'));
        loop {
            match (wanted.next(), found.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some(part), Some(name)) if part == "*" || part == name => {}
                _ => return false,
            }
        }
    }

    /// Whether it stands for one topic only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.split('.').any(|part| part == "*" || part == ">")
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! fallbacks {
    ($($name:ident)*) => {$(
        impl $name {
            /// The name of what has none.
            #[must_use]
            pub fn fallback() -> Self {
                Self("app".into())
            }
        }
    )*};
}

fallbacks!(App Component);

impl Default for Tenant {
    fn default() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_are_kept_as_they_are() {
        for good in ["a", "0", "orders", "order-lines", "a--b", &"x".repeat(63)] {
            assert_eq!(Store::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_would_make_a_key_ambiguous_is_refused() {
        let cases = [
            ("", Invalid::Empty),
            ("-a", Invalid::Start('-')),
            ("a-", Invalid::End),
            ("a/b", Invalid::Character('/')),
            ("a.b", Invalid::Character('.')),
            ("a@b", Invalid::Character('@')),
            ("Orders", Invalid::Character('O')),
            ("ä", Invalid::Character('ä')),
        ];
        for (text, wrong) in cases {
            assert_eq!(App::new(text), Err(wrong), "{text:?}");
        }
        assert_eq!(App::new(&"x".repeat(64)), Err(Invalid::TooLong(64)));
    }

    #[test]
    fn a_topic_is_names_with_dots_between() {
        for good in ["orders", "orders.created", "a.b.c"] {
            assert_eq!(Topic::new(good).unwrap().as_str(), good);
        }
        for wrong in ["", ".", "a.", ".a", "a..b", "A", "a/b", "a.*", ">"] {
            assert!(Topic::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_pattern_matches_parts() {
        let cases = [
            ("orders", "orders", true),
            ("orders", "orders.created", false),
            ("orders.*", "orders.created", true),
            ("orders.*", "orders", false),
            ("orders.*", "orders.a.b", false),
            ("orders.>", "orders.a.b", true),
            ("orders.>", "orders", false),
            ("*.created", "orders.created", true),
            (">", "orders", true),
        ];
        for (pattern, topic, expected) in cases {
            let matches = TopicPattern::new(pattern).unwrap().matches(&Topic::new(topic).unwrap());
            assert_eq!(matches, expected, "{pattern} and {topic}");
        }
        for wrong in ["", "a.>.b", "a*", "**", "a..b"] {
            assert!(TopicPattern::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
