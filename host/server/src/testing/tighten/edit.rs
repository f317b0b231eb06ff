//! Changes of a YAML text, in place: everything else stays as it is, comments too.

use super::layout::{Collection, Entry, collection, line_end, line_start};

/// One step of the way to a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The entry goes, and what would be empty without it.
    Remove,
    /// This is its value, whether or not it had one.
    Set(String),
}

/// The text, changed. `None`: it is written in a way that cannot be changed in place.
#[must_use]
pub fn apply(text: &str, path: &[Step], change: &Change) -> Option<String> {
    match change {
        Change::Remove => remove(text, path),
        Change::Set(value) => set(text, path, value),
    }
}

/// What is at each step of the way, as far as it is there.
fn walk(text: &str, path: &[Step]) -> Option<Vec<(Collection, usize)>> {
    let mut within = 0..text.len();
    let mut way = vec![];
    for step in path {
        let found = collection(text, &within)?;
        let at = match step {
            Step::Key(key) => found.entries.iter().position(|entry| entry.key.as_ref() == Some(key)),
            Step::Index(index) => Some(*index).filter(|index| *index < found.entries.len()),
        };
        let next = at.map(|at| found.entries[at].value.clone());
        way.push((found, at.unwrap_or(usize::MAX)));
        match next {
            Some(next) => within = next,
            None => break,
        }
    }
    Some(way)
}

fn remove(text: &str, path: &[Step]) -> Option<String> {
    let way = walk(text, path)?;
    if way.len() != path.len() {
        return None;
    }
    // The whole of what would be empty.
    let depth = way.iter().rposition(|(found, _)| found.entries.len() > 1)?;
    let (found, at) = &way[depth];
    let entry = found.entries.get(*at)?;
    let (start, end) = match found.is_flow {
        true => match (found.entries.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => (entry.whole.start, next.whole.start),
            (None, Some(before)) => (found.entries[before].whole.end, entry.whole.end),
            (None, None) => return None,
        },
        false => {
            let start = line_start(text, entry.whole.start);
            if !text[start..entry.whole.start].trim().is_empty() {
                return None;
            }
            (start, (line_end(text, entry.whole.end) + 1).min(text.len()))
        }
    };
    // A comment between entries may be about either.
    if found.is_flow && text[start..end].contains('#') {
        return None;
    }
    Some(format!("{}{}", &text[..start], &text[end..]))
}

fn set(text: &str, path: &[Step], value: &str) -> Option<String> {
    let way = walk(text, path)?;
    let (found, at) = way.last()?;
    if let Some(entry) = found.entries.get(*at) {
        return replace(text, entry, value, found.is_flow);
    }
    let (Step::Key(key), rest) = path[way.len() - 1..].split_first()? else { return None };
    let mut value = value.to_owned();
    for step in rest.iter().rev() {
        let Step::Key(key) = step else { return None };
        value = format!("{{ {key}: {value} }}");
    }
    let last = found.entries.last()?;
    let (at, new) = match found.is_flow {
        true => (last.whole.end, format!(", {key}: {value}")),
        false => {
            let first = &found.entries[0];
            let indent = text[line_start(text, first.whole.start)..first.whole.start].chars().count();
            (line_end(text, last.whole.end), format!("\n{}{key}: {value}", " ".repeat(indent)))
        }
    };
    Some(format!("{}{new}{}", &text[..at], &text[at..]))
}

fn replace(text: &str, entry: &Entry, value: &str, is_flow: bool) -> Option<String> {
    let is_item = entry.key.is_none() && is_flow;
    let (start, space) = if is_item { (entry.value.start, "") } else { (entry.after_key, " ") };
    let end = entry.value.end.max(start);
    if text[start..end].contains('#') {
        return None;
    }
    Some(format!("{}{space}{value}{}", &text[..start], &text[end..]))
}
