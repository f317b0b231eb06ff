//! Recorded sessions: the format in which an example shows what it does, and in which that is checked.
//!
//! ```text
//! # A comment.
//! > POST /entries
//! > content-type: application/json
//! >
//! > {"name": "Ada", "message": "Hello!"}
//! < 201
//! < location: /entries/{{id}}
//! <
//! < {"id":"{{id}}",{{*}}}
//!
//! ! restart
//!
//! > GET /entries/{{id}}
//! < 200
//!
//! ! eventually
//! $ mecha-host dlq list
//! | no dead letters
//! ```
//!
//! A response states what matters: headers that it does not name may be there, and without a body (no line after
//! the empty one) any body will do. A body has the same lines, but a newline at its end may be there or not.
//! `{{name}}` takes the text between what stands around it, as little as possible and within its line; from
//! there on, in requests and in responses, it stands for that text. `{{*}}` takes anything within a line.
//! A command succeeds, and without `|` any output will do. What comes after `! eventually` may be another answer at
//! first: it is asked for until it is as it says.
//!
//! This module parses and compares. Whoever replays a transcript brings the client and the host.

use std::{collections::HashMap, fmt};

/// One thing to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Exchange(Exchange),
    Command(Command),
    /// Kill the host (`kill -9`) and start it again.
    Restart {
        line: usize,
    },
}

/// A request and what has to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The line of the transcript where it begins, from 1.
    pub line: usize,
    /// Whether it may be otherwise at first.
    pub eventually: bool,
    request: Request,
    expected: Expected,
}

/// A command line and what it has to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line of the transcript where it begins, from 1.
    pub line: usize,
    /// Whether it may be otherwise at first.
    pub eventually: bool,
    text: String,
    expected: Option<Vec<String>>,
}

/// A request as it is to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A response as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Expected {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<Vec<String>>,
}

/// What `{{name}}` stands for.
pub type Captures = HashMap<String, String>;

/// A transcript that is none, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// From 1.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Error {}

/// Reads a transcript.
///
/// # Errors
/// [`Error`] at the first line that does not fit the format.
pub fn parse(text: &str) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut eventually = false;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    while let Some((line, text)) = lines.next() {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(command) = text.strip_prefix('!') {
            match command.trim() {
                "restart" => steps.push(Step::Restart { line }),
                "eventually" => eventually = true,
                other => {
                    let known = "there are `restart` and `eventually`";
                    return Err(error(line, format!("`{other}` is no command: {known}")));
                }
            }
            continue;
        }
        if !text.starts_with(['>', '$']) {
            let known = "`> METHOD /path`, `$ COMMAND`, `! restart`, `# comment` or an empty line";
            return Err(error(line, format!("expected {known}")));
        }
        let mut take = |mark: char, first: Option<&str>| {
            let mut block: Vec<(usize, String)> = first.iter().map(|text| (line, inner(text))).collect();
            while let Some((line, text)) = lines.next_if(|(_, text)| text.starts_with(mark)) {
                block.push((line, inner(text)));
            }
            block
        };
        let eventually = std::mem::take(&mut eventually);
        if text.starts_with('$') {
            let expected: Vec<_> = take('|', None).into_iter().map(|(_, text)| text).collect();
            let expected = (!expected.is_empty()).then_some(expected);
            steps.push(Step::Command(Command { line, eventually, text: inner(text), expected }));
            continue;
        }
        let request = take('>', Some(text));
        let response = take('<', None);
        if response.is_empty() {
            return Err(error(line, "the request has no response: `< STATUS` is missing"));
        }
        steps.push(Step::Exchange(Exchange {
            line,
            eventually,
            request: parse_request(&request)?,
            expected: parse_expected(&response)?,
        }));
    }
    Ok(steps)
}

/// The line without its mark and the one space after it.
fn inner(text: &str) -> String {
    let text = text.get(1..).unwrap_or_default();
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

type Block = [(usize, String)];

fn parse_request(block: &Block) -> Result<Request, Error> {
    let (first, headers, body) = parts(block)?;
    let malformed = || error(first.0, "expected `> METHOD /path`");
    let (method, target) = first.1.split_once(' ').ok_or_else(malformed)?;
    // What was captured may be a target as well: `> GET {{next}}`.
    let is_target = target.starts_with('/') || target.starts_with("{{");
    if method.is_empty() || !is_target || target.contains(' ') {
        return Err(malformed());
    }
    let body = body.unwrap_or_default().join("\n");
    Ok(Request { method: method.to_owned(), target: target.to_owned(), headers, body })
}

fn parse_expected(block: &Block) -> Result<Expected, Error> {
    let (first, headers, body) = parts(block)?;
    let status = first.1.trim().parse().ok().filter(|status| (100..1000).contains(status));
    let status = status.ok_or_else(|| error(first.0, "expected `< STATUS`"))?;
    Ok(Expected { status, headers, body })
}

type Parts<'a> = (&'a (usize, String), Vec<(String, String)>, Option<Vec<String>>);

/// First line, headers, and what follows the empty line.
fn parts(block: &Block) -> Result<Parts<'_>, Error> {
    let Some((first, rest)) = block.split_first() else { return Err(error(0, "nothing")) };
    let mut headers = Vec::new();
    for (index, (line, text)) in rest.iter().enumerate() {
        if text.trim().is_empty() {
            let body: Vec<_> = rest.iter().skip(index + 1).map(|(_, text)| text.clone()).collect();
            return Ok((first, headers, Some(body)));
        }
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| error(*line, "expected `Name: value`, or an empty line before a body"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok((first, headers, None))
}

impl Exchange {
    /// The request, with what was captured put in.
    ///
    /// # Errors
    /// Names what was not captured.
    pub fn request(&self, captures: &Captures) -> Result<Request, String> {
        let fill = |text: &str| fill(text, captures).map_err(|what| self.at(&what));
        let headers = self.request.headers.iter().map(|(name, value)| Ok((name.clone(), fill(value)?)));
        Ok(Request {
            method: self.request.method.clone(),
            target: fill(&self.request.target)?,
            headers: headers.collect::<Result<_, String>>()?,
            body: fill(&self.request.body)?,
        })
    }

    /// Compares a response with what is expected, and captures.
    ///
    /// # Errors
    /// All differences, as text for people.
    pub fn check(&self, response: &Response, captures: &mut Captures) -> Result<(), String> {
        let mut wrong = Vec::new();
        if response.status != self.expected.status {
            wrong.push(differ("status", &self.expected.status.to_string(), &response.status.to_string()));
        }
        for (name, pattern) in &self.expected.headers {
            let values = response.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            let values: Vec<_> = values.map(|(_, value)| value.as_str()).collect();
            if !values.iter().any(|value| matches(pattern, value, captures)) {
                let found = if values.is_empty() { "(not there)".to_owned() } else { values.join(", ") };
                wrong.push(differ(&format!("header {name}"), &fill_known(pattern, captures), &found));
            }
        }
        if let Some(expected) = &self.expected.body {
            compare("the body", expected, &response.body, captures, &mut wrong);
        }
        if wrong.is_empty() {
            return Ok(());
        }
        if response.status != self.expected.status && self.expected.body.is_none() {
            wrong.push(format!("  the body was\n    {}", response.body.replace('\n', "\n    ")));
        }
        Err(self.at(&wrong.join("\n")))
    }

    fn at(&self, what: &str) -> String {
        format!("line {}: {} {}\n{what}", self.line, self.request.method, self.request.target)
    }
}

impl Command {
    /// The words of the command, with what was captured put in.
    ///
    /// # Errors
    /// Names what was not captured.
    pub fn words(&self, captures: &Captures) -> Result<Vec<String>, String> {
        let words = self.text.split_whitespace().map(|word| fill(word, captures));
        words.collect::<Result<_, _>>().map_err(|what| self.at(&what))
    }

    /// Compares what a command that succeeded has printed with what is expected, and captures.
    ///
    /// # Errors
    /// All differences, as text for people.
    pub fn check(&self, printed: &str, captures: &mut Captures) -> Result<(), String> {
        let mut wrong = Vec::new();
        if let Some(expected) = &self.expected {
            compare("the output", expected, printed, captures, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(self.at(&wrong.join("\n"))) }
    }

    fn at(&self, what: &str) -> String {
        format!("line {}: {}\n{what}", self.line, self.text)
    }
}

/// The text with what was captured put in.
fn fill(text: &str, captures: &Captures) -> Result<String, String> {
    let mut filled = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Any => return Err("`{{*}}` has no meaning in what is sent".into()),
            Piece::Name(name) => {
                filled.push_str(captures.get(name).ok_or_else(|| format!("nothing captured `{name}`"))?);
            }
        }
    }
    Ok(filled)
}

/// Compares line by line, and captures.
fn compare(what: &str, expected: &[String], found: &str, captures: &mut Captures, wrong: &mut Vec<String>) {
    let found: Vec<_> = found.trim_end_matches('\n').split('\n').collect();
    // An expected text without a line is an empty one.
    let empty = [String::new()];
    let expected = if expected.is_empty() { &empty } else { expected };
    for index in 0..expected.len().max(found.len()) {
        let (pattern, line) = (expected.get(index), found.get(index));
        let same = pattern.zip(line).is_some_and(|(pattern, line)| matches(pattern, line, captures));
        if !same {
            let pattern = pattern.map(|pattern| fill_known(pattern, captures));
            wrong.push(differ(
                &format!("line {} of {what}", index + 1),
                pattern.as_deref().unwrap_or("(no more lines)"),
                line.unwrap_or(&"(no more lines)"),
            ));
        }
    }
}

fn differ(what: &str, expected: &str, found: &str) -> String {
    format!("  {what}\n    - {expected}\n    + {found}")
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
    Any,
}

/// Splits at `{{name}}` and `{{*}}`. Braces that are neither are text: JSON is full of them.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut from) = (0, 0);
    while let Some(open) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| at + from) {
        let name = text.get(open + 2..).and_then(|rest| rest.split_once("}}")).map(|(name, _)| name);
        let is_name = |name: &&str| {
            *name == "*"
                || (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)))
        };
        match name.filter(is_name) {
            None => from = open + 1,
            Some(name) => {
                pieces.extend(text.get(begin..open).filter(|text| !text.is_empty()).map(Piece::Text));
                pieces.push(if name == "*" { Piece::Any } else { Piece::Name(name) });
                begin = open + name.len() + 4;
                from = begin;
            }
        }
    }
    pieces.extend(text.get(begin..).filter(|text| !text.is_empty()).map(Piece::Text));
    pieces
}

fn fill_known(pattern: &str, captures: &Captures) -> String {
    let piece = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Any => "{{*}}".to_owned(),
        Piece::Name(name) => captures.get(name).cloned().unwrap_or_else(|| format!("{{{{{name}}}}}")),
    };
    pieces(pattern).into_iter().map(piece).collect()
}

/// Whether a line is as the pattern says. Captures only if it is.
fn matches(pattern: &str, line: &str, captures: &mut Captures) -> bool {
    let mut found = captures.clone();
    let is = matches_from(&pieces(pattern), line, &mut found);
    if is {
        *captures = found;
    }
    is
}

fn matches_from(pieces: &[Piece<'_>], line: &str, captures: &mut Captures) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return line.is_empty() };
    let name = match first {
        Piece::Text(text) => {
            return line.strip_prefix(text).is_some_and(|line| matches_from(rest, line, captures));
        }
        Piece::Name(name) => {
            if let Some(known) = captures.get(*name) {
                let line = line.strip_prefix(known.as_str());
                return line.is_some_and(|line| matches_from(rest, line, captures));
            }
            Some(*name)
        }
        Piece::Any => None,
    };
    // As little as possible: the first end that lets the rest match.
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    for end in ends {
        let (taken, left) = line.split_at(end);
        let mut found = captures.clone();
        if let Some(name) = name {
            found.insert(name.to_owned(), taken.to_owned());
        }
        if matches_from(rest, left, &mut found) {
            *captures = found;
            return true;
        }
    }
    false
}

fn error(line: usize, message: impl Into<String>) -> Error {
    Error { line, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "\
# A session.
> POST /entries?x={{x}}
> Content-Type: application/json
>
> {\"a\": {\"b\": 1}}
> second line
< 201
< Location: /entries/{{id}}
<
< {\"id\":\"{{id}}\",{{*}}}

! restart
> GET /entries/{{id}}
< 200
";

    fn exchanges(text: &str) -> Vec<Exchange> {
        let only = |step| match step {
            Step::Exchange(exchange) => Some(exchange),
            Step::Command(_) | Step::Restart { .. } => None,
        };
        parse(text).unwrap().into_iter().filter_map(only).collect()
    }

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, headers, body: body.to_owned() }
    }

    #[test]
    fn a_session_is_read_in_order() {
        let steps = parse(SESSION).unwrap();
        assert_eq!(steps.len(), 3);
        assert_eq!(steps.get(1), Some(&Step::Restart { line: 12 }));
        let captures = Captures::from([("x".to_owned(), "1".to_owned())]);
        let request = exchanges(SESSION)[0].request(&captures).unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/entries?x=1"));
        assert_eq!(request.headers, [("Content-Type".to_owned(), "application/json".to_owned())]);
        assert_eq!(request.body, "{\"a\": {\"b\": 1}}\nsecond line");
    }

    #[test]
    fn what_a_response_shows_is_known_from_there_on() {
        let all = exchanges(SESSION);
        let mut captures = Captures::new();
        let created = response(201, &[("location", "/entries/7")], "{\"id\":\"7\",\"name\":\"Ada\"}\n");
        all[0].check(&created, &mut captures).unwrap();
        assert_eq!(captures.get("id").map(String::as_str), Some("7"));
        assert_eq!(all[1].request(&captures).unwrap().target, "/entries/7");
        let other = response(201, &[("location", "/entries/8")], "{\"id\":\"7\",}");
        let difference = all[0].check(&other, &mut captures).unwrap_err();
        assert!(difference.contains("- /entries/7\n    + /entries/8"), "{difference}");
    }

    #[test]
    fn all_differences_are_told_at_once() {
        let expected = exchanges("> GET /\n< 200\n< etag: \"1\"\n<\n< one\n< two\n");
        let difference =
            expected[0].check(&response(404, &[], "one\nzwei\nthree"), &mut Captures::new()).unwrap_err();
        assert_eq!(
            difference,
            "line 1: GET /\n  status\n    - 200\n    + 404\n  header etag\n    - \"1\"\n    + (not there)\n  \
             line 2 of the body\n    - two\n    + zwei\n  line 3 of the body\n    - (no more lines)\n    + three"
        );
    }

    #[test]
    fn a_body_that_is_not_stated_is_not_compared_and_an_empty_one_is() {
        let any = exchanges("> GET /\n< 200\n");
        any[0].check(&response(200, &[], "whatever"), &mut Captures::new()).unwrap();
        let none = exchanges("> GET /\n< 200\n<\n");
        none[0].check(&response(200, &[], ""), &mut Captures::new()).unwrap();
        none[0].check(&response(200, &[], "whatever"), &mut Captures::new()).unwrap_err();
    }

    #[test]
    fn a_command_has_words_and_prints_lines() {
        let text = "! eventually\n$ mecha-host dlq show {{id}}\n| {{*}} {{reason}}\n$ cat x\n";
        let steps = parse(text).unwrap();
        let [Step::Command(first), Step::Command(second)] = steps.as_slice() else { panic!("{steps:?}") };
        assert!(first.eventually && !second.eventually);
        let mut captures = Captures::from([("id".to_owned(), "a/1-0".to_owned())]);
        assert_eq!(first.words(&captures).unwrap(), ["mecha-host", "dlq", "show", "a/1-0"]);
        first.check("x no price\n", &mut captures).unwrap();
        assert_eq!(captures.get("reason").map(String::as_str), Some("no price"));
        let difference = first.check("x other\nand more\n", &mut captures).unwrap_err();
        assert!(difference.contains("line 2 of the output"), "{difference}");
        second.check("whatever", &mut captures).unwrap();
        assert!(first.words(&Captures::new()).unwrap_err().contains("`id`"));
    }

    #[test]
    fn lines_match_as_little_as_possible() {
        let cases = [
            ("a{{x}}c{{y}}", "abcbc", Some(("b", "bc"))),
            ("{{x}}-{{x}}{{y}}", "ab-ab-", Some(("ab", "-"))),
            ("{{x}}{{*}}\"{{y}}\"", "12\"z\"", Some(("", "z"))),
            ("{\"a\":{{{x}}},{{y}}", "{\"a\":{1},2", Some(("1", "2"))),
            ("a{{x}}c{{y}}", "ab", None),
            ("{{x}}{{y}}ä", "öüä", Some(("", "öü"))),
        ];
        for (pattern, line, expected) in cases {
            let mut captures = Captures::new();
            assert_eq!(matches(pattern, line, &mut captures), expected.is_some(), "{pattern}");
            let get = |name| captures.get(name).map(String::as_str);
            assert_eq!(get("x").zip(get("y")), expected, "{pattern}");
        }
    }

    #[test]
    fn errors_say_where() {
        let cases = [
            ("> GET /\n", 1, "has no response"),
            ("\n> GET /\n< ok\n", 3, "`< STATUS`"),
            ("> GET\n< 200\n", 1, "`> METHOD /path`"),
            ("> GET nowhere\n< 200\n", 1, "`> METHOD /path`"),
            ("> GET /\n> body\n< 200\n", 2, "an empty line before a body"),
            ("< 200\n", 1, "expected"),
            ("! stop\n", 1, "`stop` is no command"),
        ];
        for (text, line, message) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.message.contains(message), "{text:?}: {error}");
        }
        let unknown = exchanges("> GET /{{id}}\n< 200\n")[0].request(&Captures::new()).unwrap_err();
        assert!(unknown.contains("line 1") && unknown.contains("`id`"), "{unknown}");
    }
}
