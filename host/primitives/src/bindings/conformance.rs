//! One test for each law of [`Output`], which every binding runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::bindings_conformance!(MyFixture::new().await);
//! }
//! ```
//!
//! makes each law a `#[test]` of its own, on a fixture of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{collections::BTreeSet, sync::Arc};

use super::{Effect, Error, Operation, Output, Request};

/// An output, and the world behind it.
pub trait Fixture: Sync {
    fn output(&self) -> Arc<dyn Output>;

    /// A request of this operation that succeeds.
    fn example(&self, operation: &str) -> Request;

    /// What the world behind the output is like: it differs after every change.
    fn world(&self) -> String;
}

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! bindings_conformance {
    ($fixture:expr) => { $crate::bindings_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::bindings_conformance! { @$then [$($with)*]
            operations_are_documented,
            an_unknown_operation_is_refused_with_the_list,
            a_missing_key_is_named,
            an_unknown_key_is_named,
            a_key_given_twice_is_named,
            what_is_refused_changes_nothing,
            a_safe_operation_changes_nothing,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::bindings::conformance::$law(&fixture).await;
            });
        }
    )*};
}

#[allow(clippy::unused_async, reason = "all laws are called alike")]
pub async fn operations_are_documented(fixture: &impl Fixture) {
    let output = fixture.output();
    let mut names = BTreeSet::new();
    for operation in output.operations() {
        assert!(names.insert(operation.name), "`{}` is there twice", operation.name);
        assert!(operation.summary.ends_with('.'), "`{}` has no summary", operation.name);
        let mut keys = BTreeSet::new();
        for key in operation.keys {
            assert!(keys.insert(key.name), "`{}` has the key `{}` twice", operation.name, key.name);
            assert!(key.summary.ends_with('.'), "`{}` of `{}` has no summary", key.name, operation.name);
        }
    }
    assert!(!names.is_empty(), "an output that can do nothing");
}

pub async fn an_unknown_operation_is_refused_with_the_list(fixture: &impl Fixture) {
    let output = fixture.output();
    for name in ["", "exec", "\u{1b}[2J"] {
        let request = Request { operation: name.into(), ..Request::default() };
        let Err(Error::NoSuchOperation(message)) = output.invoke(request).await else {
            panic!("`{name}` is not refused");
        };
        assert!(!message.contains('\u{1b}'), "the message is fit for a terminal");
        for operation in output.operations() {
            assert!(message.contains(operation.name), "{message} lacks {}", operation.name);
        }
    }
}

pub async fn a_missing_key_is_named(fixture: &impl Fixture) {
    for operation in fixture.output().operations() {
        for key in operation.keys.iter().filter(|key| key.required) {
            let mut request = fixture.example(operation.name);
            request.metadata.retain(|(name, _)| name != key.name);
            assert_names(fixture, request, key.name).await;
        }
    }
}

pub async fn an_unknown_key_is_named(fixture: &impl Fixture) {
    for request in with_key(fixture, "no-such-key") {
        assert_names(fixture, request, "no-such-key").await;
    }
}

pub async fn a_key_given_twice_is_named(fixture: &impl Fixture) {
    for operation in fixture.output().operations() {
        let mut request = fixture.example(operation.name);
        if let Some((name, value)) = request.metadata.first().cloned() {
            request.metadata.push((name.clone(), value));
            assert_names(fixture, request, &name).await;
        }
    }
}

pub async fn what_is_refused_changes_nothing(fixture: &impl Fixture) {
    let before = fixture.world();
    for request in with_key(fixture, "no-such-key") {
        fixture.output().invoke(request).await.unwrap_err();
    }
    assert_eq!(fixture.world(), before);
}

pub async fn a_safe_operation_changes_nothing(fixture: &impl Fixture) {
    let output = fixture.output();
    let before = fixture.world();
    for Operation { name, effect, .. } in output.operations() {
        if *effect == Effect::Safe {
            output.invoke(fixture.example(name)).await.expect(name);
            assert_eq!(fixture.world(), before, "`{name}` is no safe operation");
        }
    }
    // Otherwise a world that never changes would prove nothing.
    if let Some(Operation { name, .. }) = output.operations().iter().find(|o| o.effect != Effect::Safe) {
        output.invoke(fixture.example(name)).await.expect(name);
        assert_ne!(fixture.world(), before, "`{name}` changes nothing, or the fixture does not see it");
    }
}

/// An example of every operation, with a further key.
fn with_key(fixture: &impl Fixture, key: &str) -> Vec<Request> {
    let example = |operation: &Operation| {
        let mut request = fixture.example(operation.name);
        request.metadata.push((key.into(), "x".into()));
        request
    };
    // An operation that takes any key has none that is unknown.
    let names = |operation: &&Operation| !operation.keys.iter().any(|known| known.covers(key));
    fixture.output().operations().iter().filter(names).map(example).collect()
}

async fn assert_names(fixture: &impl Fixture, request: Request, key: &str) {
    let operation = request.operation.clone();
    match fixture.output().invoke(request).await {
        Err(Error::InvalidArgument(message)) if message.contains(&format!("`{key}`")) => {}
        other => panic!("`{operation}` does not name the key `{key}`, but gives {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let table = include_str!("../bindings.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(table.collect::<Vec<_>>(), bindings_conformance! { @laws names });
    }
}
