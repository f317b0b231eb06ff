//! What a component keeps in its stores, through every operation of `mecha:state`.
//!
//! [`single`], [`expiry`], [`scan`] and [`many`] are told of every kind of store; [`grants`] of who may do what;
//! [`lasting`] of what outlives a process.

mod expiry;
mod grants;
mod lasting;
mod many;
mod scan;
mod single;

use mecha_tests::host::{App, Host};
use serde_json::Value;

/// A keeper with one store, and a neighbour that has a store of the same name for itself.
const KEEPERS: &str = "
name: keeper
components:
  keeper:
    source: '{guests}/keeper.wasm'
    http: [/]
    stores: { main: read-write }
  neighbour:
    source: '{guests}/keeper.wasm'
    http: [{ path: /, host: neighbour }]
    stores: { main: read-write }
stores: { main: KIND }
";

/// A host with keepers, and the folder that its data lies in.
struct World {
    host: Host,
    app: App,
}

impl World {
    fn new(manifest: &str) -> Self {
        let app = App::new(manifest);
        Self { host: app.serve(), app }
    }

    /// [`KEEPERS`] with a store of this kind.
    fn with_store(kind: &str) -> Self {
        Self::new(&KEEPERS.replace("KIND", kind))
    }

    /// As [`with_store`](Self::with_store), where each call is a transaction.
    fn with_atomic_calls(kind: &str) -> Self {
        let limits = "limits: { held-body: 16MiB, transaction-entries: 100000, transaction-size: 256MiB }";
        let manifest = KEEPERS.replace("KIND", kind);
        Self::new(
            &manifest.replace("    stores: {", &format!("    atomic: true\n    {limits}\n    stores: {{")),
        )
    }

    /// What the keeper answers to one call, or to a list of them.
    fn ask(&self, call: &Value) -> Value {
        ask(&self.host, "keeper", call)
    }

    fn ask_neighbour(&self, call: &Value) -> Value {
        ask(&self.host, "neighbour", call)
    }

    /// How often the keeper asked for an operation with this outcome.
    fn operations(&self, operation: &str, outcome: &str) -> f64 {
        let operation = format!("operation=\"state.{operation}\"");
        let outcome = format!("outcome=\"{outcome}\"");
        self.host.metric("mecha_host_calls_total", &["component=\"keeper\"", &operation, &outcome])
    }

    /// The same app, in a process that begins after this one has ended.
    fn restarted(self) -> Self {
        assert_eq!(self.host.stop().code(), Some(0));
        Self { host: self.app.serve(), app: self.app }
    }
}

/// Asks the component that this host name leads to.
fn ask(host: &Host, name: &str, call: &Value) -> Value {
    let answer = host.client().send("POST", "/call", &[("host", name)], call.to_string());
    assert_eq!(answer.status, 200, "{call:.200}: {}", answer.text());
    answer.json()
}

/// The case of the WIT's error, or `ok`.
fn case(answer: &Value) -> &str {
    answer["error"]["case"].as_str().unwrap_or("ok")
}

fn etag(answer: &Value) -> String {
    answer["etag"].as_str().unwrap_or_else(|| panic!("no etag in {answer}")).to_owned()
}

/// Makes each story a test on every kind of store, and in atomic calls.
macro_rules! on_every_store {
    ($($story:ident)*) => {
        mod embedded {
            $(#[test] fn $story() { super::$story(&crate::state::World::with_store("embedded")); })*
        }
        mod memory {
            $(#[test] fn $story() { super::$story(&crate::state::World::with_store("memory")); })*
        }
        mod atomically {
            $(#[test] fn $story() { super::$story(&crate::state::World::with_atomic_calls("embedded")); })*
        }
    };
}
use on_every_store;
