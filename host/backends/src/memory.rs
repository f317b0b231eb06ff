//! What lies in memory: nothing of it survives the process.
//!
//! | file | idea |
//! |---|---|
//! | `engine.rs` | records of any primitive, committed in batches |
//! | `rows.rs` | what the engine keeps, and what it costs |

mod engine;
mod rows;

pub use engine::Engine;
#[cfg(test)]
pub(crate) use rows::Rows;
