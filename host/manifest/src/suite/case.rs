//! A file of tests as a whole: its defaults, its cases, and what each may use.

use std::time::Duration;

use crate::{
    app::{App, Spanned},
    limits::size,
    read::{Fields, Item, Reader},
    suite::{Bounds, Case, Expected, expected, given, names, sense, steps, words},
    tree::{Node, Value},
    units,
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["defaults", "cases"];
pub(crate) const DEFAULTS_KEYS: &[&str] = &["given", "within"];
pub(crate) const CASE_KEYS: &[&str] = &["given", "when", "then", "within"];
pub(crate) const WITHIN_KEYS: &[&str] = &["fuel", "memory", "host-calls", "output", "wall-time"];

/// Cases of a file.
const MAX_CASES: usize = 1_000;
/// The longest name of a case, in characters.
const MAX_NAME: usize = 200;
/// What all cases together may have of the defaults, about, in bytes: each has a copy.
const MAX_DEFAULTS: usize = 64 << 20;

pub(super) fn read(reader: &mut Reader<'_>, root: &Item<'_>, app: &App) -> Option<Vec<Case>> {
    const CASES: &str = "write at least one, as in `cases: { it answers: { when: { request: GET / } } }`";
    if root.is_null() {
        reader.error(None, "", Wrong::new("the test file is empty").help(CASES));
        return None;
    }
    let fields = reader.fields(root, KEYS)?;
    let defaults = fields.get("defaults");
    let (base, bounds) = match &defaults {
        Some(item) => self::defaults(reader, item, app).unwrap_or_default(),
        None => Default::default(),
    };
    let cases = reader.require(&fields, root.at(), "cases", CASES)?;
    if let Value::Map(map) = &cases.node.value {
        if map.is_empty() {
            reader.error(cases.at(), cases.key.as_str(), Wrong::new("the file has no case").help(CASES));
            return None;
        }
        if map.len() > MAX_CASES {
            let wrong = Wrong::new(format!("{} cases in one file", map.len()));
            let help = format!("at most {MAX_CASES}: spread them over several files");
            reader.error(cases.at(), cases.key.as_str(), wrong.help(help));
            return None;
        }
        if let Some(defaults) = defaults.filter(|item| map.len() * weight(item.node) > MAX_DEFAULTS) {
            let wrong = Wrong::new(format!("too large defaults for {} cases", map.len()));
            let help = "each case has a copy of them: spread the cases over several files";
            reader.error(defaults.at(), defaults.key.as_str(), wrong.help(help));
            return None;
        }
    }
    let mut all = Vec::new();
    for (name, item) in reader.entries(&cases)? {
        all.extend(case(reader, name, &item, app, &base, &bounds));
    }
    Some(all)
}

fn defaults(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<(given::Part, Bounds)> {
    let fields = reader.fields(item, DEFAULTS_KEYS)?;
    let part = fields.or("given", given::Part::default(), |item| given::read(reader, item, app));
    let bounds = fields.or("within", Bounds::default(), |item| within(reader, item));
    Some((part?, bounds?))
}

fn case(
    reader: &mut Reader<'_>,
    name: &Spanned<String>,
    item: &Item<'_>,
    app: &App,
    base: &given::Part,
    bounds: &Bounds,
) -> Option<Case> {
    const WHEN: &str = "write what happens, as in `when: { request: GET / }`";
    let named = names::at_key(reader, name.at, &item.key, self::name(&name.value));
    let fields = reader.fields(item, CASE_KEYS)?;
    let part = fields.or("given", given::Part::default(), |item| given::read(reader, item, app));
    let when = reader.require(&fields, name.at, "when", WHEN);
    let steps = when.as_ref().and_then(|item| steps::read(reader, item, app));
    let then = fields.or("then", Expected::default(), |item| expected::read(reader, item, app));
    let own = fields.or("within", Bounds::default(), |item| within(reader, item));
    let case = Case {
        name: named?,
        at: name.at,
        given: part?.over(base),
        when: steps?,
        then: then?,
        within: own?.or(bounds),
    };
    sense::check(reader, &case, item);
    Some(case)
}

/// A name that can be shown, and asked for on a command line.
fn name(text: &str) -> Result<String, Wrong> {
    const HELP: &str = "a name is a line of text, as in `an order is taken`";
    if text.trim().is_empty() {
        return Err(Wrong::new("a case without a name").help(HELP));
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        let wrong = Wrong::new(format!("{} is no name of a case", shown(text)));
        return Err(wrong.help("a name is one line, without spaces at its ends"));
    }
    if text.chars().count() > MAX_NAME {
        let wrong = Wrong::new(format!("the name {} is too long", shown(text)));
        return Err(wrong.help(format!("at most {MAX_NAME} characters")));
    }
    Ok(text.to_owned())
}

fn within(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Bounds> {
    let fields = reader.fields(item, WITHIN_KEYS)?;
    let fuel = bound(&fields, "fuel", |item| reader.count(item, u64::MAX));
    let memory = bound(&fields, "memory", |item| size(reader, item));
    let host_calls = bound(&fields, "host-calls", |item| words::from_zero(reader, item));
    let output = bound(&fields, "output", |item| reader.parse(item, units::size));
    let wall_time: Option<Option<Spanned<Duration>>> =
        bound(&fields, "wall-time", |item| reader.duration(item));
    Some(Bounds {
        fuel: fuel?,
        memory: memory?,
        host_calls: host_calls?,
        output: output?,
        wall_time: wall_time?,
    })
}

fn bound<T>(
    fields: &Fields<'_>,
    name: &str,
    read: impl FnOnce(&Item<'_>) -> Option<T>,
) -> Option<Option<Spanned<T>>> {
    fields.or(name, None, |item| read(item).map(|value| Some(Spanned { value, at: item.at() })))
}

impl Bounds {
    /// Those of `base` where this has none.
    fn or(self, base: &Self) -> Self {
        let base = base.clone();
        Self {
            fuel: self.fuel.or(base.fuel),
            memory: self.memory.or(base.memory),
            host_calls: self.host_calls.or(base.host_calls),
            output: self.output.or(base.output),
            wall_time: self.wall_time.or(base.wall_time),
        }
    }
}

/// About the memory that the types need which a part of the tree is read into.
fn weight(node: &Node) -> usize {
    const EACH: usize = 128;
    EACH + match &node.value {
        Value::Null => 0,
        Value::Scalar(_, text) => text.len(),
        Value::List(list) => list.iter().map(weight).sum(),
        Value::Map(map) => map.iter().map(|(name, node)| name.value.len() + weight(node)).sum(),
    }
}
