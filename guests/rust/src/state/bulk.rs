//! Many keys in one call. Not atomic: each key has an outcome of its own. For all or nothing there is
//! [`Transaction`](super::Transaction).

use super::{Error, Etag, Item, Options, Store, When, raw};

impl Store {
    /// The values of many keys (at most 1,000), in the order of the keys.
    ///
    /// # Errors
    /// If the request as a whole fails.
    pub fn get_many<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Result<Option<Item>, Error>>, Error> {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        let outcomes = raw::bulk::get_many(&self.raw, &keys)?;
        Ok(outcomes.into_iter().map(|outcome| Ok(outcome?.map(Item::from))).collect())
    }

    /// Writes many values (at most 1,000). Faster than as many calls of [`Store::set`], because all of them
    /// share one sync of the disk.
    ///
    /// # Errors
    /// If the request as a whole fails.
    pub fn set_many<K: Into<String>, V: Into<Vec<u8>>>(
        &self,
        values: impl IntoIterator<Item = (K, V, Options)>,
    ) -> Result<Vec<Result<Etag, Error>>, Error> {
        let requests: Vec<_> = values
            .into_iter()
            .map(|(key, value, options)| raw::bulk::SetRequest {
                key: key.into(),
                value: value.into(),
                options: options.into_raw(),
            })
            .collect();
        let outcomes = raw::bulk::set_many(&self.raw, &requests)?;
        Ok(outcomes.into_iter().map(|outcome| Ok(Etag::from(outcome?))).collect())
    }

    /// Removes many values (at most 1,000).
    ///
    /// # Errors
    /// If the request as a whole fails.
    pub fn delete_many<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = (K, Option<When>)>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let requests: Vec<_> = keys
            .into_iter()
            .map(|(key, when)| raw::bulk::DeleteRequest {
                key: key.into(),
                precondition: when.map(When::into_raw),
            })
            .collect();
        let outcomes = raw::bulk::delete_many(&self.raw, &requests)?;
        Ok(outcomes.into_iter().map(|outcome| Ok(outcome?)).collect())
    }
}
