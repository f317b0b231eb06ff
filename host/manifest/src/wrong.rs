//! What is wrong with a text, in words for the person who wrote it.

/// Why a text is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Finds a word among a few; `what` is what they are.
pub(crate) fn choose<T: Copy>(text: &str, what: &str, choices: &[(&str, T)]) -> Result<T, Wrong> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let valid = format!("it is one of: {}", names.join(", "));
    let help = match nearest(text, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {valid}"),
        None => valid,
    };
    Err(Wrong::new(format!("unknown {what} {}", shown(text))).help(help))
}

/// A text from the manifest, fit to be quoted in a message.
pub(crate) fn shown(text: &str) -> String {
    const MAX: usize = 60;
    if text.is_empty() {
        return "`\"\"`".to_owned();
    }
    let mut out: String = text.chars().take(MAX).flat_map(escaped).collect();
    if text.chars().nth(MAX).is_some() {
        out.push('…');
    }
    format!("`{out}`")
}

/// Control characters as escapes.
pub(crate) fn escaped(c: char) -> impl Iterator<Item = char> {
    let (plain, escape) = if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(escape.into_iter().flatten())
}

/// The valid name that a wrong one was probably meant to be.
pub(crate) fn nearest<'v>(wrong: &str, valid: impl IntoIterator<Item = &'v str>) -> Option<&'v str> {
    const MAX: usize = 64;
    if wrong.len() > MAX {
        return None;
    }
    let near = valid.into_iter().map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= (wrong.len().max(name.len()) / 3).max(1)).then_some(name)
}

/// Names as a list to read.
pub(crate) fn sorted(names: &[&str]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let valid = ["stores", "source", "env", "read-write"];
        let cases = [
            ("stroes", Some("stores")),
            ("sources", Some("source")),
            ("readwrite", Some("read-write")),
            ("Env", Some("env")),
            ("volumes", None),
            ("", None),
        ];
        for (wrong, near) in cases {
            assert_eq!(nearest(wrong, valid), near, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_quoted_is_short_and_printable() {
        assert_eq!(shown("a b"), "`a b`");
        assert_eq!(shown("a\n\u{1b}[1m"), "`a\\n\\u{1b}[1m`");
        assert_eq!(shown(&"ü".repeat(61)), format!("`{}…`", "ü".repeat(60)));
    }
}
