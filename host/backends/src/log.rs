//! The output `log`: what a component says to the operator, as events of their own and not as its output.

use std::fmt;

use async_trait::async_trait;
use mecha_primitives::bindings::{self, Effect, Error, Key, Operation, Request, Response};

/// The most bytes of one event. The rest is cut off, and the event says so.
const MAX_TEXT: usize = 16 << 10;

/// What the output can be asked to do.
pub const OPERATIONS: &[Operation] = &[Operation {
    name: "write",
    summary: "Writes the data, a text, to the host's log. What is longer than 16 KiB is cut.",
    keys: &[Key { name: "*", summary: "Written as a field of the event.", required: false }],
    effect: Effect::Deferrable,
}];

/// How important an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

/// The output binding `log`.
#[derive(Debug)]
pub struct Output {
    name: String,
    level: Level,
}

impl Output {
    #[must_use]
    pub fn new(name: &str, level: Level) -> Self {
        Self { name: name.to_owned(), level }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log {}", self.name)
    }
}

#[async_trait]
impl bindings::Output for Output {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        bindings::select(OPERATIONS, &request)?;
        let message = text(&request.data);
        let metadata = fields(&request.metadata);
        // The level of an event is part of what the compiler makes of it.
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(target: "binding", tracing::Level::$level, binding = self.name, %metadata, "{message}")
            };
        }
        match self.level {
            Level::Error => event!(ERROR),
            Level::Warn => event!(WARN),
            Level::Info => event!(INFO),
            Level::Debug => event!(DEBUG),
        }
        Ok(Response::default())
    }
}

/// A line that cannot be taken for another's: control characters are escaped, wrong UTF-8 is replaced, the end is cut.
fn text(data: &[u8]) -> String {
    let (data, cut) = match data.get(..MAX_TEXT) {
        Some(beginning) if data.len() > MAX_TEXT => (beginning, true),
        _ => (data, false),
    };
    let mut line = String::with_capacity(data.len());
    escape(&String::from_utf8_lossy(data), &mut line);
    if cut {
        line.push_str("… (cut)");
    }
    line
}

/// `key=value` with spaces between them. Values are quoted where they could be taken for a further field.
fn fields(metadata: &[(String, String)]) -> String {
    let mut all = String::new();
    for (key, value) in metadata {
        if !all.is_empty() {
            all.push(' ');
        }
        for (part, separator) in [(key, "="), (value, "")] {
            if part.is_empty() || part.contains([' ', '=', '"']) {
                all.push_str(&format!("{part:?}"));
            } else {
                escape(part, &mut all);
            }
            all.push_str(separator);
        }
    }
    all
}

/// Beside controls also what turns the direction of text or breaks lines, which could make a line look like another.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || hidden {
            into.extend(c.escape_default());
        } else {
            into.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, Mutex},
    };

    use mecha_primitives::bindings::{Output as _, conformance::Fixture};
    use tracing::{
        Dispatch, Event, Metadata, Subscriber,
        dispatcher::with_default,
        field::Field,
        span::{Attributes, Id, Record},
    };

    use super::*;

    #[test]
    fn a_text_is_one_printable_line() {
        for (data, expected) in [
            (&b"hello"[..], "hello"),
            (b"", ""),
            ("grün ✓".as_bytes(), "grün ✓"),
            (b"a\r\nERROR b\t\x1b[2J\0", "a\\r\\nERROR b\\t\\u{1b}[2J\\u{0}"),
            (b"a\xff\xfeb", "a\u{fffd}\u{fffd}b"),
            ("a\u{202e}b\u{2028}".as_bytes(), "a\\u{202e}b\\u{2028}"),
        ] {
            assert_eq!(text(data), expected);
        }
        assert_eq!(text(&[b'x'; MAX_TEXT]).len(), MAX_TEXT);
        let long = text(&vec![b'x'; 4 << 20]);
        assert!(long.ends_with("x… (cut)") && long.len() < MAX_TEXT + 20);
    }

    #[test]
    fn a_value_is_not_taken_for_a_field() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(fields(&[]), "");
        assert_eq!(fields(&[pair("a", "1"), pair("b", "x y=2"), pair("c", "")]), r#"a=1 b="x y=2" c="""#);
        assert_eq!(fields(&[pair("a", "1\n\u{1b}"), pair("b c", "\"")]), r#"a=1\n\u{1b} "b c"="\"""#);
    }

    /// Keeps what is logged while an output works.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Kept {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut line = format!("{} {}", event.metadata().level(), event.metadata().target());
            event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
                line.push_str(&format!(" {field}={value:?}"));
            });
            self.0.lock().unwrap().push(line);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[derive(Debug)]
    struct World {
        output: Output,
        kept: Kept,
    }

    impl World {
        fn new(level: Level) -> Self {
            Self { output: Output::new("audit", level), kept: Kept::default() }
        }
    }

    impl fmt::Display for World {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.output.fmt(f)
        }
    }

    #[async_trait]
    impl bindings::Output for World {
        fn operations(&self) -> &'static [Operation] {
            self.output.operations()
        }

        async fn invoke(&self, request: Request) -> Result<Response, Error> {
            let dispatch = Dispatch::new(self.kept.clone());
            let mut answer = self.output.invoke(request);
            poll_fn(|cx| with_default(&dispatch, || answer.as_mut().poll(cx))).await
        }
    }

    impl Fixture for World {
        fn output(&self) -> Arc<dyn bindings::Output> {
            Arc::new(Self { output: Output::new("audit", self.output.level), kept: self.kept.clone() })
        }

        fn example(&self, operation: &str) -> Request {
            let metadata = vec![("order".into(), "7".into())];
            Request { operation: operation.into(), data: "paid".into(), metadata, ..Request::default() }
        }

        fn world(&self) -> String {
            self.kept.0.lock().unwrap().join("\n")
        }
    }

    mod laws {
        use super::{Level, World};

        mecha_primitives::bindings_conformance!(World::new(Level::Info));
    }

    #[tokio::test]
    async fn an_event_has_its_level_and_its_fields() {
        for (level, word) in
            [(Level::Error, "ERROR"), (Level::Warn, "WARN"), (Level::Info, "INFO"), (Level::Debug, "DEBUG")]
        {
            let world = World::new(level);
            world.invoke(world.example("write")).await.unwrap();
            let expected = format!("{word} binding message=paid binding=\"audit\" metadata=order=7");
            assert_eq!(world.world(), expected);
        }
    }
}
