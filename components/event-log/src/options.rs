//! What the environment sets.

/// What is kept, and where it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many events: the newest.
    pub keep: u64,
    /// Events with more bytes of data are kept without it.
    pub max_data: usize,
    /// What every path begins with, without a slash at its end: empty, or as in `/log`.
    pub prefix: String,
}

/// Each delivery removes a hundred old events at the most, so more than this is never wanted by mistake.
const MOST_KEPT: u64 = 1_000_000;
/// As JSON it may take six times as much, and has to be a value of a store.
const MOST_DATA: usize = 256 << 10;

impl Options {
    /// Reads variables. An empty one is as good as none.
    ///
    /// # Errors
    /// Which one is wrong: the manifest's mistake.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let number = |name: &'static str, default: u64, most: u64| match given(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(number) if (1..=most).contains(&number) => Ok(number),
                _ => Err(Wrong { name, most }),
            },
        };
        let prefix = given("PREFIX").unwrap_or_default();
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            inner => format!("/{inner}"),
        };
        let max_data = number("MAX_DATA", 64 << 10, MOST_DATA as u64)?;
        Ok(Self {
            keep: number("KEEP", 1000, MOST_KEPT)?,
            max_data: usize::try_from(max_data).unwrap_or(MOST_DATA),
            prefix,
        })
    }
}

/// A variable that is no number in its bounds.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    name: &'static str,
    most: u64,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the variable {} is a number from 1 to {}", self.name, self.most)
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_defaults_and_bounds() {
        let read = |name: &'static str, value: &'static str| {
            Options::read(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(read("KEEP", ""), Ok(Options { keep: 1000, max_data: 64 << 10, prefix: String::new() }));
        assert_eq!(read("KEEP", "5").map(|options| options.keep), Ok(5));
        assert_eq!(read("MAX_DATA", "7").map(|options| options.max_data), Ok(7));
        assert_eq!(read("PREFIX", "/log/").map(|options| options.prefix), Ok("/log".to_owned()));
        for (name, value) in [("KEEP", "0"), ("KEEP", "1000001"), ("KEEP", "many"), ("MAX_DATA", "262145")] {
            let wrong = read(name, value).unwrap_err().to_string();
            assert!(wrong.contains(name), "{wrong}");
        }
    }
}
