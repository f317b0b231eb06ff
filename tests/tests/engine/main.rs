//! The embedded engine and its judges: the laws, a crash at any moment, comparison with memory, and what
//! a group of commits costs.

mod crash;
mod groups;
mod laws;
mod model;
mod seeds;
