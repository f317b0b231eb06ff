//! Several keys, all or nothing.

use std::fmt;

use serde::Serialize;

use super::{
    Error, Etag, Options, Store, TransactionError, When,
    raw::transactions::{self, AddStep, CheckStep, DeleteStep, SetStep, Step},
};

/// Changes to several keys of one store that are made all or not at all.
///
/// ```no_run
/// # use mecha_guest::state::{Error, Options, Store, When};
/// # fn example(store: &Store) -> Result<(), mecha_guest::http::Error> {
/// let moved = store
///     .transaction()
///     .check("accounts/2", When::Present)
///     .delete_if("offers/9", When::Present)
///     .set_with("accounts/2/offers/9", "tea", Options::new().if_absent())
///     .add("accounts/2/count", 1)
///     .commit();
/// match moved {
///     Ok(_) => {}
///     Err(failed) if failed.error.is_conflict() => println!("step {:?} came too late", failed.step),
///     Err(failed) => return Err(failed.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is written before `commit`"]
pub struct Transaction<'a> {
    store: &'a Store,
    steps: Vec<Step>,
    /// What made a step impossible to write down; told by `commit`.
    broken: Option<TransactionError>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, steps: Vec::new(), broken: None }
    }

    /// Writes a value.
    pub fn set(self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.set_with(key, value, Options::new())
    }

    /// Writes a value with options. If its condition does not hold, nothing is written at all.
    pub fn set_with(self, key: impl Into<String>, value: impl Into<Vec<u8>>, options: Options) -> Self {
        self.step(Step::Set(SetStep { key: key.into(), value: value.into(), options: options.into_raw() }))
    }

    /// Writes a value as JSON with options.
    pub fn set_json<T: Serialize + ?Sized>(
        mut self,
        key: impl Into<String>,
        value: &T,
        options: Options,
    ) -> Self {
        match serde_json::to_vec(value) {
            Ok(value) => self.set_with(key, value, options.or_content_type("application/json")),
            Err(error) => {
                let step = Some(self.steps.len());
                self.broken.get_or_insert(TransactionError { step, error: Error::Json(error) });
                self
            }
        }
    }

    /// Removes a value.
    pub fn delete(self, key: impl Into<String>) -> Self {
        self.step(Step::Delete(DeleteStep { key: key.into(), precondition: None }))
    }

    /// Removes a value. If the condition does not hold, nothing is written at all.
    pub fn delete_if(self, key: impl Into<String>, when: When) -> Self {
        self.step(Step::Delete(DeleteStep { key: key.into(), precondition: Some(when.into_raw()) }))
    }

    /// Changes nothing, but if the condition does not hold, nothing is written at all.
    pub fn check(self, key: impl Into<String>, when: When) -> Self {
        self.step(Step::Check(CheckStep { key: key.into(), precondition: when.into_raw() }))
    }

    /// Adds to a counter.
    pub fn add(self, key: impl Into<String>, delta: i64) -> Self {
        self.step(Step::Add(AddStep { key: key.into(), delta }))
    }

    /// Makes all changes, in order; later steps see what earlier ones did. Returns one entry for each step: the
    /// new version for `set` and `add`, `None` for the others.
    ///
    /// # Errors
    /// [`TransactionError`]: then nothing was written, except perhaps after [`Error::Timeout`].
    pub fn commit(self) -> Result<Vec<Option<Etag>>, TransactionError> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let etags = transactions::execute(&self.store.raw, &self.steps)?;
        Ok(etags.into_iter().map(|etag| etag.map(Etag::from)).collect())
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("steps", &self.steps).finish_non_exhaustive()
    }
}
