//! Where the fuel goes: what each case used is recorded, compared, and shown by function.
//!
//! The same component on the same engine uses the same fuel to the unit, so a recording is exact: it is kept in git, as
//! `tests/fuel.json`, and a change of it is read like any other.
//!
//! | module | idea |
//! |---|---|
//! | [`frame`] | a function of a guest, by the name that people know it by |
//! | [`profile`] | where a case's fuel goes, found by running it again |
//! | [`recording`] | `tests/fuel.json`: what each case used |
//! | [`growth`] | which functions use more than they did |
//! | [`judge`] | whether a case uses more than it may |
//! | [`difference`] | two recordings, side by side |
//! | [`report`] | recordings and differences for people and programs |
//! | [`table`] | rows as text, and as Markdown |
//! | [`files`] | recordings on the disk and in git |
//! | [`written`] | profiles for the Firefox profiler and for flame graphs |
//! | [`words`] | numbers and names as people read them |

pub mod difference;
pub mod files;
pub mod frame;
pub mod growth;
pub mod judge;
pub mod profile;
pub mod recording;
pub mod report;
pub mod table;
pub mod words;
pub mod written;

/// How a recording names a case: the file's stem and the case's name.
#[must_use]
pub fn key(file: &str, case: &str) -> String {
    let stem = std::path::Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file);
    format!("{stem} / {case}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_case_is_named_by_its_file_and_itself() {
        assert_eq!(super::key("examples/shop/tests/orders.yaml", "a/b is taken"), "orders / a/b is taken");
        assert_eq!(super::key("orders.test.yml", "x"), "orders.test / x");
    }
}
