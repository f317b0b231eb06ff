//! What users would tell of mecha-host. Each test is one sentence of theirs: the real binary, real HTTP, real
//! guests.

#![allow(clippy::disallowed_methods, reason = "stories read and write files as users do")]

mod cache;
mod cli;
mod docs;
mod examples;
mod hostile;
mod http;
mod kill;
mod lifecycle;
mod limits;
mod outbound;
mod state;
mod storage;
mod wasi;
