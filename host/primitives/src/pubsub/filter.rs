//! Filters: which events a subscription wants, as an expression of CEL.
//!
//! An expression knows `event` (its attributes by their names in CloudEvents), `data` (the JSON data) and `topic`. What
//! cannot work is refused when it is read: see `check.rs`. [`Facts`] is what filters see of one event; [`FilterIndex`]
//! passes over those that cannot match.

use std::{
    fmt::{self, Write},
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, IdedExpr, Value};

mod check;
mod facts;
mod index;
mod printed;
mod requires;
#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use index::FilterIndex;
pub use requires::Requirement;

/// The longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 4 << 10;
/// The deepest that the parts of an expression are nested.
const MAX_DEPTH: usize = 64;
/// Reading recurses by the expression's length before its depth is known.
const PARSER_STACK: usize = 64 << 20;

/// The language: its functions and operators, the same for all.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// An expression that was read and found to make sense. Cheap to clone.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    text: String,
    expression: IdedExpr,
    reads_data: bool,
    requires: Vec<Requirement>,
}

/// What a filter says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    /// It could not be decided: the event lacks what the filter asks for, or has another type there.
    Failed(String),
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Wrong {
    pub message: String,
    /// Where in the text, in characters from 0, if it is known.
    pub at: Option<usize>,
    pub help: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl Filter {
    /// # Errors
    /// [`Wrong`] if it is no expression, or one that cannot tell events apart.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if text.trim().is_empty() {
            return Err(
                Wrong::new("the expression is empty").help("leave the filter out to have every event")
            );
        }
        if text.len() > MAX_EXPRESSION {
            let message = format!("the expression has {} bytes; it has at most {MAX_EXPRESSION}", text.len());
            return Err(Wrong::new(message));
        }
        let parse = std::thread::Builder::new().stack_size(PARSER_STACK);
        std::thread::scope(|scope| {
            let parsed = parse
                .spawn_scoped(scope, || read(text))
                .map_err(|_| Wrong::new("no thread could be started"))?;
            parsed.join().unwrap_or_else(|_| Err(Wrong::new("the parser failed on this expression")))
        })
    }

    /// Whether it looks into the data, and not only at attributes.
    #[must_use]
    pub fn reads_data(&self) -> bool {
        self.0.reads_data
    }

    /// What has to hold of an event that matches: all of it. Not everything that has to hold is found.
    #[must_use]
    pub fn requires(&self) -> &[Requirement] {
        &self.0.requires
    }

    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> Verdict {
        let mut context = Context::with_env(ENV.clone());
        context.set_variable_resolver(facts);
        match context.resolve(&self.0.expression) {
            Ok(Value::Bool(true)) => Verdict::Yes,
            Ok(Value::Bool(false)) => Verdict::No,
            Ok(other) => Verdict::Failed(shortly(&format_args!(
                "it is neither true nor false but {:?}",
                other.type_of()
            ))),
            Err(_) if self.reads_data() && facts.lacks_data() => {
                Verdict::Failed("the event has no JSON data".into())
            }
            Err(error) => Verdict::Failed(shortly(&error)),
        }
    }
}

fn read(text: &str) -> Result<Filter, Wrong> {
    let (expression, source) = cel::parser::Parser::new()
        .max_recursion_depth(32)
        .parse_with_source_info(text)
        .map_err(|errors| syntax(text, &errors))?;
    let checked = check::check(&expression);
    let reads_data = checked.map_err(|(id, wrong)| {
        let at = source.offset_for(id).map(|(start, _)| start as usize);
        Wrong { at, ..wrong }
    })?;
    let requires = requires::requires(&expression);
    Ok(Filter(Arc::new(Inner { text: text.to_owned(), expression, reads_data, requires })))
}

fn syntax(text: &str, errors: &cel::ParseErrors) -> Wrong {
    let Some(error) = errors.errors.first() else { return Wrong::new("it is no expression") };
    // Lines and columns, from 1; where there is none, it says 0.
    let (line, column) = error.pos;
    let before = usize::try_from(line - 1)
        .ok()
        .map(|lines| text.split_inclusive('\n').take(lines).map(|line| line.chars().count()).sum::<usize>());
    let at = before.zip(usize::try_from(column - 1).ok()).map(|(before, column)| before + column);
    let help = "an expression is like `event.type == \"order.placed\" && data.total > 100`";
    Wrong { at, ..Wrong::new(format!("it is no expression of CEL: {}", shortly(&error.msg))).help(help) }
}

/// An error's words: those of the evaluation may quote all of the data.
fn shortly(words: &dyn fmt::Display) -> String {
    struct Short(String);

    impl Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            const MOST: usize = 200;
            let room = MOST.saturating_sub(self.0.len());
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            if text.len() > room { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut short = Short(String::new());
    if write!(short, "{words}").is_err() {
        short.0.push('…');
    }
    short.0
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({:?})", self.0.text)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Filter {}
