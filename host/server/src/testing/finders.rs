//! Finds what the author of a case did not think of: the case is run again and again, with something else going wrong
//! each time, and what it leaves is compared.
//!
//! | module | idea |
//! |---|---|
//! | [`picture`] | what a case left |
//! | [`masks`] | which of it is drawn, or a time |

pub mod masks;
pub mod picture;
