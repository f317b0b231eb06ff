//! How the host calls a component: a file for each handler that components export.

pub mod http;
