//! A call is a transaction: what `atomic: true` promises, sentence by sentence.
//!
//! [`commit`] tells that everything happens at once, [`failure`] that nothing is left of a call that fails,
//! [`serial`] that calls do not disturb each other, [`contention`] what is seen if they try, [`fenced`] that who has lost its
//! lease commits nothing, [`response`] that the answer waits, [`nested`] and [`linked`] that calls nest, [`outside`],
//! [`outbox`] and [`outbound`] what cannot be undone, [`events`], [`batches`], [`ticks`] and [`inputs`] what triggers them,
//! and [`engines`] where it holds.

mod batches;
mod commit;
mod contention;
mod engines;
mod events;
mod failure;
mod fenced;
mod inputs;
mod linked;
mod nested;
mod outbound;
mod outbox;
mod outside;
mod response;
mod serial;
mod ticks;

use mecha_tests::{
    courier::World,
    gate::Gate,
    host::{App, Output, mecha, output},
};

/// A teller whose calls are atomic, but on the route `/plain`. It may wait at the gate.
pub(crate) fn teller(kind: &str, gate: &Gate, lines: &str, sections: &str) -> String {
    let gate = gate.host();
    format!(
        "
name: bank
components:
  teller:
    source: '{{guests}}/teller.wasm'
    atomic: true
    http: [/, {{ path: /plain, atomic: false }}]
    stores: {{ main: read-write }}
    outbound: [{{ host: '{gate}', outside: safe }}]
{lines}
stores: {{ main: {kind} }}
{sections}
"
    )
}

/// As [`teller`], running.
pub(crate) fn world(kind: &str, gate: &Gate, lines: &str, sections: &str) -> World {
    World::new(&teller(kind, gate, lines, sections))
}

/// What `mecha-host check` says.
fn checked(app: &App) -> Output {
    output(mecha(&["check"]).arg(app.path()))
}

/// The manifest is refused, and each of these texts says why.
pub(crate) fn assert_refused(manifest: &str, why: &[&str]) {
    assert_app_refused(&App::new(manifest), why);
}

/// As [`assert_refused`], of an app that consists of more than its manifest.
pub(crate) fn assert_app_refused(app: &App, why: &[&str]) {
    let Output { code, stderr, .. } = checked(app);
    assert_eq!(code, Some(1), "{stderr}");
    for text in why {
        assert!(stderr.contains(text), "it should say {text:?}:\n{stderr}");
    }
}

/// The manifest is in order, whatever it is warned of.
pub(crate) fn assert_accepted(manifest: &str) -> String {
    let Output { code, stderr, .. } = checked(&App::new(manifest));
    assert_eq!(code, Some(0), "{manifest}\n{stderr}");
    stderr
}

/// Makes each story a test on each engine.
macro_rules! on_every_engine {
    ($($story:ident)*) => {
        mod embedded {
            $(#[test] fn $story() { super::$story("embedded"); })*
        }
        mod memory {
            $(#[test] fn $story() { super::$story("memory"); })*
        }
    };
}
use on_every_engine;
