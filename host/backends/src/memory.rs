//! What lies in memory: nothing of it survives the process.
//!
//! | file | idea |
//! |---|---|
//! | `store.rs` | state in a map |
//! | `engine.rs` | records of any primitive, committed in batches |
//! | `rows.rs` | what the engine keeps, and what it costs |

mod engine;
mod rows;
mod store;

pub use engine::Engine;
pub use store::Store;
