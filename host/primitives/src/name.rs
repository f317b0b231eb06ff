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
}
