//! The app that a component is by itself, without a manifest.

use std::path::Path;

use mecha_manifest::{self as manifest, App, PathPattern, Route, Span, Spanned, Tail};
use mecha_primitives::name;

/// It gets every path.
pub(super) fn app(path: &Path) -> App {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let text = &name_of(stem);
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let at = Span { line: 1, column: 1 };
    // The text was made to follow the rules for names.
    let name = name::App::new(text).unwrap_or_else(|_| name::App::fallback());
    let everything = PathPattern { segments: vec![], tail: Tail::Prefix };
    let source = Spanned { value: file.to_owned(), at };
    let component = name::Component::new(text).unwrap_or_else(|_| name::Component::fallback());
    let routes =
        vec![Route { host: None, path: everything, atomic: false, idempotency: None, fuel: None, at }];
    App::new(name, vec![manifest::Component { routes, ..manifest::Component::new(component, source, at) }])
}

/// A name for what a file holds: the file's own, if it is one. What is no name as it stands is told apart by its
/// hash: `a_b` is not `a-b`, and their data must not meet.
#[must_use]
pub fn name_of(stem: &str) -> String {
    const HASH: usize = 8;
    if name::App::new(stem).is_ok() {
        return stem.to_owned();
    }
    let valid = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = stem.chars().map(valid).take(name::MAX_LEN - HASH - 1).collect();
    let text = match text.trim_matches('-') {
        "" => "app",
        text => text,
    };
    format!("{text}-{}", &blake3::hash(stem.as_bytes()).to_hex()[..HASH])
}
