//! Finds what the author of a case did not think of: the case is run again and again, with something else going wrong
//! each time, and what it leaves is compared.
//!
//! | module | idea |
//! |---|---|
//! | [`picture`] | what a case left |
//! | [`masks`] | which of it is drawn, or a time |
//! | [`found`] | what was found |
//! | [`atomic`] | the same app with atomic calls |
//! | [`explore`] | every order in which processes can go on |
//! | [`race`] | calls at once, in every order |

pub mod atomic;
pub mod explore;
pub mod found;
pub mod masks;
pub mod picture;
pub mod race;
