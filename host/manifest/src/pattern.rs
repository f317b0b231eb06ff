//! Patterns of names that are not the manifest's own: files and CloudEvents types.

use std::fmt;

use crate::wrong::{Wrong, shown};

/// Which file names are meant: `*` stands for any characters or none, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern(String);

impl FilePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let wrong = |why: &str| Err(Wrong::new(format!("{} {why}", shown(text))));
        match text {
            "" => Err(Wrong::new("an empty pattern").help("`*` is every file")),
            "." | ".." => wrong("is no name of a file"),
            _ if text.contains(['/', '\\']) => {
                Err(Wrong::new(format!("the pattern {} has a folder", shown(text)))
                    .help("it is about names in `directory`; folders in it are not looked into"))
            }
            _ if text.contains(['[', ']', '{', '}', '\0']) => {
                Err(Wrong::new(format!("the pattern {} has a character that no pattern has", shown(text)))
                    .help("`*` stands for any characters, `?` for one; there is no more"))
            }
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Every file.
    #[must_use]
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// Whether the file of that name is meant. Takes time in proportion to both lengths at the most.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // The last star, and the first character that is not its: only its share has ever to grow.
        let mut star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        (p, n) = (at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

impl fmt::Display for FilePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which CloudEvents types are meant: one, or all that begin with what is before a last `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern(String);

impl TypePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let exact = text.strip_suffix('*').unwrap_or(text);
        if exact.contains('*') {
            let wrong = Wrong::new(format!("{} has a `*` in the wrong place", shown(text)));
            return Err(wrong.help("only the last character can be `*`, as in `com.example.*`"));
        }
        if text != "*" {
            event_type(exact)?;
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => event_type.starts_with(start),
            None => event_type == self.0,
        }
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type of an event. CloudEvents wants it to be short enough for every intermediary, and to hold no control
/// characters.
pub(crate) fn event_type(text: &str) -> Result<String, Wrong> {
    const MAX: usize = 255;
    const HELP: &str = "a type is a name such as `com.example.order.placed`";
    if text.is_empty() {
        return Err(Wrong::new("an empty type").help(HELP));
    }
    if text.len() > MAX {
        return Err(Wrong::new(format!("the type {} is too long", shown(text))).help("at most 255 bytes"));
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        let wrong = Wrong::new(format!("the type {} has a character that no type has", shown(text)));
        return Err(wrong.help(HELP));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_patterns_match_whole_names() {
        let cases = [
            ("*", "a.csv", true),
            ("*", "", true),
            ("*.csv", "a.csv", true),
            ("*.csv", ".csv", true),
            ("*.csv", "a.csv.tmp", false),
            ("a*b*c", "a-bb-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?.csv", "ü.csv", true),
            ("?.csv", "ab.csv", false),
            ("**", "a", true),
            ("a", "ab", false),
            ("ab", "a", false),
        ];
        for (pattern, name, matches) in cases {
            assert_eq!(FilePattern::parse(pattern).unwrap().matches(name), matches, "{pattern} {name}");
        }
        let hard = FilePattern(format!("{}b", "a*".repeat(2_000)));
        assert!(!hard.matches(&"a".repeat(20_000)), "and it has ended");
        for wrong in ["", ".", "..", "a/b", "a\\b", "[ab]", "{a,b}", "a\0"] {
            assert!(FilePattern::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn type_patterns_end_with_a_star_at_the_most() {
        let cases = [
            ("com.example.*", "com.example.order", true),
            ("com.example.*", "com.example", false),
            ("com.example.order", "com.example.order", true),
            ("com.example.order", "com.example.orders", false),
            ("*", "anything", true),
        ];
        for (pattern, event_type, matches) in cases {
            let parsed = TypePattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(event_type), matches, "{pattern} {event_type}");
        }
        for wrong in ["", "*.order", "a.*.b", "**", "a b", "a\n", &"a".repeat(256)] {
            assert!(TypePattern::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
