//! What is wrong with a manifest, told to the person who wrote it.

use std::fmt::{self, Write as _};

use crate::app::Span;

/// Something wrong in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub file: String,
    /// `None` if the text has no such place.
    pub at: Option<Span>,
    /// The path of keys to the place: `components.guestbook.stores.main`. Empty for the whole manifest.
    pub key: String,
    /// What was found.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The app cannot be loaded.
    Error,
    /// The app can be loaded, but is probably not what was meant.
    Warning,
}

impl Problem {
    #[must_use]
    pub fn error(
        file: impl Into<String>,
        at: impl Into<Option<Span>>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let (file, at, key, message) = (file.into(), at.into(), key.into(), message.into());
        Self { severity: Severity::Error, file, at, key, message, help: None }
    }

    #[must_use]
    pub fn warning(
        file: impl Into<String>,
        at: impl Into<Option<Span>>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, at, key, message) }
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// One line, for logs: `mecha.yaml:7:5: error: unknown key `stroes``.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(at) = self.at {
            write!(f, ":{at}")?;
        }
        write!(f, ": {}: {}", self.severity, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// The problem as the Rust compiler would show it, with the line of `text` that it is about.
///
/// Ends with a line feed.
#[must_use]
pub fn render(problem: &Problem, text: &str) -> String {
    let Problem { severity, file, at, key, message, help } = problem;
    let line = at.and_then(|at| Some((at, line(text, at.line)?)));
    let width = line.as_ref().map_or(1, |(at, _)| at.line.to_string().len());
    let mut out = format!("{severity}: {message}\n{:width$}--> {file}", "");
    if let Some(at) = at {
        let _ = write!(out, ":{at}");
    }
    out.push('\n');
    if let Some((at, line)) = line {
        let before = (at.column.saturating_sub(1) as usize).min(line.chars().count());
        let marks = "^".repeat(token(&line, before));
        let _ = writeln!(out, "{:width$} |", "");
        let _ = writeln!(out, "{} | {}", at.line, line.trim_end());
        let _ = writeln!(out, "{:width$} | {:before$}{marks}", "", "");
    } else if !key.is_empty() || help.is_some() {
        let _ = writeln!(out, "{:width$} |", "");
    }
    if !key.is_empty() {
        let _ = writeln!(out, "{:width$} = key: {key}", "");
    }
    if let Some(help) = help {
        let _ = writeln!(out, "{:width$} = help: {help}", "");
    }
    out
}

/// The line with that number. Tabs and control characters become spaces: they would move the marks, and
/// a manifest must not be able to send commands to a terminal.
fn line(text: &str, number: u32) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.lines().nth((number as usize).checked_sub(1)?)?;
    Some(line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

/// How many characters from `before` on are one key, one scalar or one `{…}` or `[…]`. At least one.
fn token(line: &str, before: usize) -> usize {
    let rest: Vec<char> = line.chars().skip(before).collect();
    let token = &rest[..end(&rest)];
    token.iter().rposition(|c| *c != ' ').map_or(1, |last| last + 1)
}

fn end(rest: &[char]) -> usize {
    let first = rest.first().copied();
    let quote = first.filter(|c| matches!(c, '"' | '\''));
    let mut depth = 0_usize;
    let mut before = ' ';
    for (i, &c) in rest.iter().enumerate() {
        let next = rest.get(i + 1).copied().unwrap_or(' ');
        match c {
            _ if i > 0 && Some(c) == quote && before != '\\' => return i + 1,
            _ if quote.is_some() => {}
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 0 => return i.max(1),
            '}' | ']' => {
                depth -= 1;
                if depth == 0 && matches!(first, Some('{' | '[')) {
                    return i + 1;
                }
            }
            ':' | ',' if depth == 0 && next == ' ' => return i.max(1),
            ' ' if next == '#' => return i.max(1),
            _ => {}
        }
        before = c;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_cover_one_token() {
        let cases = [
            ("    stroes:", 4, 6),
            ("  name: a b # why", 8, 3),
            ("  - { host: ./public, guest: x }", 4, 28),
            ("  - { host: ./public, guest: x }", 12, 8),
            ("  - { host: ./public, guest: x }", 29, 1),
            ("  - /entries/{id}/{rest...}", 4, 23),
            (r#"  a: "b: \" c", d"#, 5, 9),
            ("  a:", 3, 1),
            ("", 0, 1),
            ("ab", 9, 1),
        ];
        for (line, before, marks) in cases {
            assert_eq!(token(line, before), marks, "{line:?} from {before}");
        }
    }

    #[test]
    fn a_problem_is_shown_with_its_line() {
        let text = "name: x\ncomponents:\n  web:\n    stroes:\n";
        let problem =
            Problem::error("mecha.yaml", Span { line: 4, column: 5 }, "components.web.stroes", "unknown key")
                .help("did you mean `stores`?");
        let expected = "\
error: unknown key
 --> mecha.yaml:4:5
  |
4 |     stroes:
  |     ^^^^^^
  = key: components.web.stroes
  = help: did you mean `stores`?
";
        assert_eq!(render(&problem, text), expected);
        assert_eq!(problem.to_string(), "mecha.yaml:4:5: error: unknown key (did you mean `stores`?)");
    }

    #[test]
    fn a_problem_without_a_place_is_shown_as_well() {
        let nowhere = Problem::warning("mecha.yaml", None, "", "no such file");
        assert_eq!(render(&nowhere, ""), "warning: no such file\n --> mecha.yaml\n");
        let beyond = Problem::error("mecha.yaml", Span { line: 9, column: 9 }, "a", "gone");
        assert_eq!(render(&beyond, "a: b"), "error: gone\n --> mecha.yaml:9:9\n  |\n  = key: a\n");
    }

    #[test]
    fn a_terminal_gets_no_commands() {
        let problem = Problem::error("mecha.yaml", Span { line: 1, column: 4 }, "", "bad");
        assert!(!render(&problem, "a: \u{1b}[31m\u{7}").contains(['\u{1b}', '\u{7}']));
    }
}
