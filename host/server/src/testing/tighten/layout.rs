//! Where the parts of a YAML text are, so that a part can be changed without touching the others.
//!
//! This is no parser: it understands what manifests look like, and gives up at anything else. Whoever edits by it reads the
//! result again and compares.

use std::ops::Range;

/// One entry of a map or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of a map's.
    pub key: Option<String>,
    /// All of it, without the comment behind it.
    pub whole: Range<usize>,
    /// Where its key ends, with the colon; of a list's item, where it begins.
    pub after_key: usize,
    pub value: Range<usize>,
}

/// A map or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// In brackets.
    pub is_flow: bool,
    pub entries: Vec<Entry>,
}

/// The map or list that is written at `within`. `None`: it is neither, or not understood.
#[must_use]
pub fn collection(text: &str, within: &Range<usize>) -> Option<Collection> {
    let start = content(text, within.start, within.end)?;
    match text.as_bytes().get(start)? {
        b'{' | b'[' => flow(text, start, within.end),
        b'&' | b'*' | b'!' | b'|' | b'>' | b'"' | b'\'' if !text[start..within.end].contains(": ") => None,
        _ => block(text, start, within.end),
    }
}

/// The first thing that is neither space nor a comment.
fn content(text: &str, mut at: usize, end: usize) -> Option<usize> {
    loop {
        let rest = text.get(at..end)?;
        at += rest.len() - rest.trim_start_matches([' ', '\n', '\r', '\u{feff}']).len();
        match text[at..end].chars().next()? {
            '#' => at = line_end(text, at),
            _ => return Some(at),
        }
    }
}

/// Where the line's text ends, without its line feed.
#[must_use]
pub fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |len| at + len)
}

#[must_use]
pub fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

/// In brackets: entries between commas.
fn flow(text: &str, open: usize, end: usize) -> Option<Collection> {
    let is_map = text.as_bytes()[open] == b'{';
    let mut entries = vec![];
    let mut start = open + 1;
    loop {
        let (stop, last) = item_end(text, start, end)?;
        let whole = trimmed(text, start..stop);
        if !whole.is_empty() {
            let mut entry = Entry { key: None, whole: whole.clone(), after_key: whole.start, value: whole };
            if is_map {
                let (key, after) = key(text, entry.whole.clone())?;
                entry.after_key = after;
                entry.value = trimmed(text, after..entry.whole.end);
                entry.key = Some(key);
            }
            entries.push(entry);
        }
        if last {
            return Some(Collection { is_flow: true, entries });
        }
        start = stop + 1;
    }
}

/// Where an entry in brackets ends, and whether it is the last.
fn item_end(text: &str, start: usize, end: usize) -> Option<(usize, bool)> {
    let mut depth = 0_usize;
    // Whether something can begin here: quotes within a word are none.
    let mut fresh = true;
    let mut at = start;
    while at < end {
        let char = text[at..].chars().next()?;
        match char {
            '"' | '\'' if fresh => {
                at = quoted_end(text, at, end)?;
                fresh = false;
                continue;
            }
            '#' if text[..at].ends_with([' ', '\n']) => {
                at = line_end(text, at);
                continue;
            }
            '{' | '[' => {
                depth += 1;
                fresh = true;
            }
            '}' | ']' if depth == 0 => return Some((at, true)),
            '}' | ']' => {
                depth -= 1;
                fresh = false;
            }
            ',' if depth == 0 => return Some((at, false)),
            ',' | ':' => fresh = true,
            _ if char.is_whitespace() => {}
            _ => fresh = false,
        }
        at += char.len_utf8();
    }
    None
}

/// Behind a text in quotes.
fn quoted_end(text: &str, start: usize, end: usize) -> Option<usize> {
    let quote = text.as_bytes()[start];
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while at < end {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// A key, and where what follows its colon begins.
fn key(text: &str, within: Range<usize>) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    if matches!(bytes.get(within.start)?, b'"' | b'\'') {
        let end = quoted_end(text, within.start, within.end)?;
        let inner = &text[within.start + 1..end - 1];
        let after = end + text[end..within.end].find(':')? + 1;
        // What is escaped is no name of a manifest.
        return (!inner.contains(['\\', '\''])).then(|| (inner.to_owned(), after));
    }
    let line = &text[within.start..within.end.min(line_end(text, within.start))];
    let colon = line
        .char_indices()
        .find(|(at, char)| *char == ':' && line[at + 1..].chars().next().is_none_or(char::is_whitespace))?;
    let key = line[..colon.0].trim_end();
    (!key.is_empty() && !key.starts_with(['&', '*', '!', '?', '<']))
        .then(|| (key.to_owned(), within.start + colon.0 + 1))
}

/// Entries below each other, alike indented.
fn block(text: &str, start: usize, end: usize) -> Option<Collection> {
    let indent = text[line_start(text, start)..start].chars().count();
    let is_item = |at: usize| matches!(text[at..end].as_bytes(), [b'-'] | [b'-', b' ' | b'\n' | b'\r', ..]);
    let is_list = is_item(start);
    let mut starts = vec![start];
    let mut line = line_end(text, behind(text, start, end, is_list)?) + 1;
    while line < end {
        let stop = line_end(text, line).min(end);
        let rest = text[line..stop].trim_start_matches(' ');
        let at = stop - rest.len();
        let is_empty = rest.trim().is_empty() || rest.starts_with('#');
        let deep = at - line;
        line = stop + 1;
        if !is_empty && deep == indent && is_item(at) == is_list {
            starts.push(at);
            line = line_end(text, behind(text, at, end, is_list)?) + 1;
        } else if !is_empty && (deep < indent || is_list && deep == indent) {
            return None;
        }
    }
    starts.push(end);
    let entries = starts.windows(2).map(|pair| {
        let whole = pair[0]..content_end(text, pair[0], pair[1], indent);
        let (key, after_key) = match is_list {
            true => (None, whole.start + 1),
            false => key(text, whole.clone()).map(|(key, after)| (Some(key), after))?,
        };
        let start = content(text, after_key, whole.end).unwrap_or(whole.end);
        Some(Entry { key, after_key, value: value(text, start..whole.end), whole })
    });
    Some(Collection { is_flow: false, entries: entries.collect::<Option<_>>()? })
}

/// What an entry begins with that may go on in any column: behind its brackets or quotes, if it has any.
fn behind(text: &str, start: usize, end: usize, is_list: bool) -> Option<usize> {
    let after = if is_list { start + 1 } else { key(text, start..end)?.1 };
    let value = after + text[after..end].len() - text[after..end].trim_start_matches(' ').len();
    match text[value..end].chars().next() {
        Some('{' | '[') => closing(text, value, end),
        Some('"' | '\'') => quoted_end(text, value, end),
        _ => Some(start),
    }
}

/// Where the last line of an entry ends that says something.
fn content_end(text: &str, start: usize, end: usize, indent: usize) -> usize {
    let mut last = line_end(text, start).min(end);
    let mut line = last + 1;
    while line < end {
        let stop = line_end(text, line).min(end);
        let rest = text[line..stop].trim();
        let deep = text[line..stop].len() - text[line..stop].trim_start_matches(' ').len();
        if !rest.is_empty() && (!rest.starts_with('#') || deep > indent) {
            last = stop;
        }
        line = stop + 1;
    }
    last
}

/// A value without the comment behind it.
fn value(text: &str, within: Range<usize>) -> Range<usize> {
    let Range { start, end } = within;
    let first = text[start..end].chars().next();
    let stop = match first {
        Some('{' | '[') => item_end(text, start + 1, end).and_then(|_| closing(text, start, end)),
        Some('"' | '\'') => quoted_end(text, start, end),
        // The comment of what is on several lines is that of a part of it.
        _ if text[start..end].contains('\n') => None,
        _ => text[start..end].find(" #").map(|at| start + at),
    };
    // Behind a key in quotes there is more.
    let stop = stop.filter(|stop| !text[*stop..end].trim_start().starts_with(':'));
    let stop =
        stop.filter(|stop| text[*stop..end].trim().is_empty() || text[*stop..end].trim().starts_with('#'));
    trimmed(text, start..stop.unwrap_or(end))
}

/// Behind the bracket that closes the one at `open`.
fn closing(text: &str, open: usize, end: usize) -> Option<usize> {
    let mut start = open + 1;
    loop {
        let (stop, last) = item_end(text, start, end)?;
        if last {
            return Some(stop + 1);
        }
        start = stop + 1;
    }
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}
