//! What users would tell of mecha-host. Each test is one sentence of theirs: the real binary, real HTTP, real
//! guests.

#![allow(clippy::disallowed_methods, reason = "stories read and write files as users do")]

mod atomic;
mod bank;
mod bindings;
mod cache;
mod cli;
mod components;
mod docs;
mod events;
mod examples;
mod fuel;
mod hostile;
mod http;
mod idempotency;
mod invoke;
mod jobs;
mod kill;
mod lifecycle;
mod limits;
mod orders;
mod outbound;
mod polyglot;
mod state;
mod storage;
mod testing;
mod testing_components;
mod testing_examples;
mod tighten;
mod wasi;
