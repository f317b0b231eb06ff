//! A test for each law of a unit.
