//! What makes a component run: a file for each kind of trigger. Each receives, dispatches and settles.

pub mod events;
pub mod files;
pub mod http;
pub mod ingress;
pub mod jobs;
pub mod outbox;
pub mod reply;
pub mod sink;
pub mod webhook;
