//! What causes calls: a file for each kind of trigger.

pub mod http;
