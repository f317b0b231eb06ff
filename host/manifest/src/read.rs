//! Typed readers of nodes, which collect problems instead of stopping at the first.
//!
//! A reader that returns `None` has reported why.

use std::{collections::HashMap, str::FromStr, time::Duration};

use mecha_primitives::name;

use crate::{
    app::{EnvValue, Span, Spanned},
    problem::{Problem, Severity},
    secrets::{Secrets, interpolate},
    tree::{Kind, Node, Value},
    units,
    wrong::{Wrong, choose, escaped, nearest, shown, sorted},
};

/// More problems than anybody reads: what a large file has beyond them is not kept.
const MAX_PROBLEMS: usize = 1_000;

/// Collects the problems of one text.
pub(crate) struct Reader<'a> {
    file: &'a str,
    secrets: &'a dyn Secrets,
    problems: Vec<Problem>,
}

/// A node, and the path of keys that leads to it.
pub(crate) struct Item<'n> {
    pub(crate) key: String,
    pub(crate) node: &'n Node,
}

/// A map of which the keys are known beforehand.
pub(crate) struct Fields<'n> {
    key: String,
    found: HashMap<&'n str, (Span, &'n Node)>,
    /// Some key is none of the known ones, which has been reported.
    pub(crate) unknown: bool,
}

/// A map's keys and values.
type Entries<'n> = Vec<(&'n Spanned<String>, Item<'n>)>;

impl<'n> Item<'n> {
    pub(crate) fn root(node: &'n Node) -> Self {
        Self { key: String::new(), node }
    }

    /// What a map has at a key.
    pub(crate) fn child<'m>(&self, name: &str, node: &'m Node) -> Item<'m> {
        Item { key: join(&self.key, name), node }
    }

    /// What a list has at a place.
    pub(crate) fn nth<'m>(&self, i: usize, node: &'m Node) -> Item<'m> {
        Item { key: format!("{}[{i}]", self.key), node }
    }

    pub(crate) fn at(&self) -> Span {
        self.node.at
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// A scalar that YAML takes neither for a number nor for a boolean.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.node.value, Value::Scalar(Kind::Text, _))
    }

    pub(crate) fn scalar(&self) -> Option<&'n str> {
        match &self.node.value {
            Value::Scalar(_, text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_empty_map(&self) -> bool {
        matches!(&self.node.value, Value::Map(map) if map.is_empty())
    }

    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(list) if list.is_empty())
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar(..))
    }
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<Item<'n>> {
        self.found.get(name).map(|(_, node)| Item { key: join(&self.key, name), node })
    }

    /// Where the field's key is.
    pub(crate) fn key_at(&self, name: &str) -> Option<Span> {
        self.found.get(name).map(|(at, _)| *at)
    }

    /// What `read` makes of the field, or `default` if it is not given.
    pub(crate) fn or<T>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(&Item<'n>) -> Option<T>,
    ) -> Option<T> {
        self.get(name).map_or(Some(default), |item| read(&item))
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a str, secrets: &'a dyn Secrets) -> Self {
        Self { file, secrets, problems: Vec::new() }
    }

    /// Whether something is wrong so far.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All problems, in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.at);
        self.problems
    }

    pub(crate) fn error(&mut self, at: impl Into<Option<Span>>, key: impl Into<String>, wrong: Wrong) {
        if self.problems.len() < MAX_PROBLEMS || !self.has_errors() {
            let problem = Problem::error(self.file, at, key, wrong.message);
            self.problems.push(Problem { help: wrong.help, ..problem });
        }
    }

    pub(crate) fn warn(&mut self, at: Span, key: impl Into<String>, wrong: Wrong) {
        if self.problems.len() < MAX_PROBLEMS {
            let problem = Problem::warning(self.file, at, key, wrong.message);
            self.problems.push(Problem { help: wrong.help, ..problem });
        }
    }

    /// Reports what is wrong with the item, if anything is.
    pub(crate) fn accept<T>(&mut self, item: &Item<'_>, result: Result<T, Wrong>) -> Option<T> {
        result.map_err(|wrong| self.error(item.at(), item.key.as_str(), wrong)).ok()
    }

    /// A map with any keys, none of them twice.
    pub(crate) fn entries<'n>(&mut self, item: &Item<'n>) -> Option<Entries<'n>> {
        self.entries_or(item, "a map")
    }

    /// `what` is expected, and a map is the form of it that is read here.
    pub(crate) fn entries_or<'n>(&mut self, item: &Item<'n>, what: &str) -> Option<Entries<'n>> {
        let Value::Map(map) = &item.node.value else {
            self.expected(item, what);
            return None;
        };
        let mut first = HashMap::new();
        let mut entries = Vec::with_capacity(map.len());
        for (name, node) in map {
            let key = join(&item.key, &name.value);
            if let Some(before) = first.get(name.value.as_str()) {
                let wrong = Wrong::new(format!("{} is given twice", shown(&name.value)));
                self.error(name.at, key, wrong.help(format!("the first is at {}:{before}", self.file)));
                continue;
            }
            first.insert(name.value.as_str(), name.at);
            entries.push((name, Item { key, node }));
        }
        Some(entries)
    }

    /// A map that has no keys but those in `known`.
    pub(crate) fn fields<'n>(&mut self, item: &Item<'n>, known: &[&str]) -> Option<Fields<'n>> {
        self.fields_or(item, "a map", known)
    }

    /// As `fields`, where a map is one form of `what` is expected.
    pub(crate) fn fields_or<'n>(
        &mut self,
        item: &Item<'n>,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let (mut found, mut unknown) = (HashMap::new(), false);
        for (name, field) in self.entries_or(item, what)? {
            if known.contains(&name.value.as_str()) {
                found.insert(name.value.as_str(), (name.at, field.node));
            } else {
                unknown = true;
                let valid = format!("valid keys here: {}", sorted(known));
                let help = match nearest(&name.value, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`? {valid}"),
                    None => valid,
                };
                self.error(
                    name.at,
                    field.key,
                    Wrong::new(format!("unknown key {}", shown(&name.value))).help(help),
                );
            }
        }
        Some(Fields { key: item.key.clone(), found, unknown })
    }

    /// A field that must be there; `at` is what lacks it.
    pub(crate) fn require<'n>(
        &mut self,
        fields: &Fields<'n>,
        at: Span,
        name: &str,
        help: &str,
    ) -> Option<Item<'n>> {
        let item = fields.get(name);
        if item.is_none() {
            self.error(at, join(&fields.key, name), Wrong::new(format!("`{name}` is missing")).help(help));
        }
        item
    }

    pub(crate) fn list<'n>(&mut self, item: &Item<'n>) -> Option<Vec<Item<'n>>> {
        let Value::List(list) = &item.node.value else {
            let wrong = expected(item, "a list");
            let wrong = if item.is_scalar() { wrong.help("a list of one is `[…]`") } else { wrong };
            return self.accept(item, Err(wrong));
        };
        let items = list.iter().enumerate();
        Some(items.map(|(i, node)| item.nth(i, node)).collect())
    }

    /// A scalar, as it is written: `1.10` and `true` are texts too.
    pub(crate) fn text<'n>(&mut self, item: &Item<'n>) -> Option<&'n str> {
        match &item.node.value {
            Value::Scalar(_, text) => Some(text),
            _ => {
                self.expected(item, "a text");
                None
            }
        }
    }

    /// A text of which something is left when it is trimmed, and that holds no NUL.
    pub(crate) fn words<'n>(&mut self, item: &Item<'n>, help: &str) -> Option<&'n str> {
        let text = self.text(item)?;
        let wrong = if text.trim().is_empty() {
            Err(Wrong::new("an empty text").help(help))
        } else if text.contains('\0') {
            Err(Wrong::new("a text with a NUL character").help(help))
        } else {
            Ok(text)
        };
        self.accept(item, wrong)
    }

    pub(crate) fn parse<T>(
        &mut self,
        item: &Item<'_>,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = self.text(item)?;
        self.accept(item, parse(text))
    }

    pub(crate) fn flag(&mut self, item: &Item<'_>) -> Option<bool> {
        match &item.node.value {
            Value::Scalar(Kind::Bool, text) => Some(text.eq_ignore_ascii_case("true")),
            _ => {
                self.expected(item, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number from 1 to `max`.
    pub(crate) fn count(&mut self, item: &Item<'_>, max: u64) -> Option<u64> {
        let Value::Scalar(Kind::Number, text) = &item.node.value else {
            self.expected(item, "a whole number");
            return None;
        };
        let number = if text.bytes().all(|b| b.is_ascii_digit()) {
            match text.parse::<u64>() {
                Ok(0) => Err(Wrong::new("a limit of zero").help("the least is 1")),
                Ok(number) if number <= max => Ok(number),
                _ => Err(Wrong::new(format!("{} is too large", shown(text))).help(format!("at most {max}"))),
            }
        } else {
            Err(Wrong::new(format!("{} is no whole number", shown(text)))
                .help("write digits only, as in `1000`"))
        };
        self.accept(item, number)
    }

    /// As `count`, for what has 32 bits.
    pub(crate) fn count32(&mut self, item: &Item<'_>) -> Option<u32> {
        self.count_up_to(item, u32::MAX)
    }

    /// As `count32`, up to `max`.
    pub(crate) fn count_up_to(&mut self, item: &Item<'_>, max: u32) -> Option<u32> {
        self.count(item, max.into()).and_then(|number| u32::try_from(number).ok())
    }

    pub(crate) fn duration(&mut self, item: &Item<'_>) -> Option<Duration> {
        self.parse(item, units::duration)
    }

    /// A duration that is not above `max`, which people write as `name`.
    pub(crate) fn duration_up_to(&mut self, item: &Item<'_>, max: Duration, name: &str) -> Option<Duration> {
        self.parse(item, |text| match units::duration(text)? {
            found if found > max => {
                Err(Wrong::new(format!("{} is too long", shown(text))).help(format!("at most `{name}`")))
            }
            found => Ok(found),
        })
    }

    /// As `words`, with its place.
    pub(crate) fn words_at(&mut self, item: &Item<'_>, help: &str) -> Option<Spanned<String>> {
        self.words(item, help).map(|text| Spanned { value: text.to_owned(), at: item.at() })
    }

    /// A text with its secrets put in.
    pub(crate) fn interpolated(&mut self, item: &Item<'_>) -> Option<EnvValue> {
        if item.is_null() {
            return self.accept(item, Err(expected(item, "a text").help("for an empty value, write `\"\"`")));
        }
        let text = self.text(item)?;
        match interpolate(text, self.secrets) {
            Ok(value) => Some(value),
            Err(wrongs) => {
                for wrong in wrongs {
                    self.error(item.at(), item.key.as_str(), wrong);
                }
                None
            }
        }
    }

    /// A name that is a value; `what` is what has it, with its article.
    pub(crate) fn name<T: FromStr<Err = name::Invalid>>(&mut self, item: &Item<'_>, what: &str) -> Option<T> {
        let text = self.text(item)?;
        self.accept(item, named(text, what))
    }

    /// A name that is the key of the item.
    pub(crate) fn key_name<T: FromStr<Err = name::Invalid>>(
        &mut self,
        key: &Spanned<String>,
        item: &Item<'_>,
        what: &str,
    ) -> Option<T> {
        named(&key.value, what).map_err(|wrong| self.error(key.at, item.key.as_str(), wrong)).ok()
    }

    /// Which one of the keys that name a kind is given, and what it has; `noun` is what has a kind.
    pub(crate) fn kind<'n, T: Copy>(
        &mut self,
        fields: &Fields<'n>,
        at: Span,
        noun: &str,
        kinds: &[(&str, T)],
    ) -> Option<(T, Item<'n>)> {
        let mut given = kinds.iter().filter_map(|(name, kind)| Some((*name, *kind, fields.get(name)?)));
        match (given.next(), given.next()) {
            (Some((_, kind, item)), None) => Some((kind, item)),
            (Some((first, ..)), Some((second, ..))) => {
                let wrong = Wrong::new(format!("the {noun} is both `{first}` and `{second}`"));
                let at = fields.key_at(second).unwrap_or(at);
                self.error(at, fields.key.as_str(), wrong.help("it has one kind"));
                None
            }
            // It has probably been reported already, as an unknown key.
            (None, _) if fields.unknown => None,
            (None, _) => {
                let kinds: Vec<_> = kinds.iter().map(|(name, _)| format!("`{name}: {{}}`")).collect();
                let wrong = Wrong::new(format!("the {noun} has no kind"));
                self.error(at, fields.key.as_str(), wrong.help(format!("add {}", kinds.join(" or "))));
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        item: &Item<'_>,
        what: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.parse(item, |text| choose(text, what, choices))
    }

    pub(crate) fn expected(&mut self, item: &Item<'_>, what: &str) {
        self.error(item.at(), item.key.as_str(), expected(item, what));
    }
}

fn expected(item: &Item<'_>, what: &str) -> Wrong {
    let found = match &item.node.value {
        Value::Null => "nothing".to_owned(),
        Value::Scalar(Kind::Text, text) => format!("the text {}", shown(text)),
        Value::Scalar(_, text) => shown(text),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    };
    Wrong::new(format!("expected {what}, found {found}"))
}

pub(crate) fn named<T: FromStr<Err = name::Invalid>>(text: &str, what: &str) -> Result<T, Wrong> {
    text.parse().map_err(|invalid: name::Invalid| {
        Wrong::new(format!("{} is no name of {what}", shown(text))).help(invalid.to_string())
    })
}

/// What could be read of some items. The rest has been reported, and nobody gets an app then.
pub(crate) fn each<I, T>(items: &[I], read: impl FnMut(&I) -> Option<T>) -> Vec<T> {
    items.iter().filter_map(read).collect()
}

pub(crate) fn join(path: &str, name: &str) -> String {
    let name: String = name.chars().take(64).flat_map(escaped).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
