//! What primitives run on. A folder a technology, a file a primitive that it serves.
//!
//! Backends know no tenant, no component and no WIT: they can be used and tested by a program that
//! has never heard of WebAssembly.

pub mod embedded;
pub mod file;
pub mod http;
mod judge;
pub mod log;
pub mod memory;
