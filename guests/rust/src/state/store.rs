//! One store, one key at a time.

use std::{thread, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Etag, Item, Options, Scan, Transaction, When, options::millis, raw};
use crate::wasi::random::random;

/// A store that the component's configuration grants.
///
/// Keys are 1 to 1,024 bytes of UTF-8, values up to 4 MiB unless it is configured otherwise. What a call wrote
/// is on disk when the method returns.
#[derive(Debug)]
pub struct Store {
    pub(super) raw: raw::types::Store,
}

/// How often [`Store::update_json`] tries.
const ATTEMPTS: usize = 16;

impl Store {
    /// Opens a store by the name that the configuration gives it.
    ///
    /// # Errors
    /// [`Error::NoSuchStore`] if it grants none of that name.
    pub fn open(name: &str) -> Result<Self, Error> {
        Ok(Self { raw: raw::stores::open(name)? })
    }

    /// The name that the configuration gives it.
    #[must_use]
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// The value of a key. `None` if there is none, or none any more.
    ///
    /// # Errors
    /// See [`Error`]: not that the key is absent.
    pub fn get(&self, key: &str) -> Result<Option<Item>, Error> {
        Ok(self.raw.get(key)?.map(Item::from))
    }

    /// The value of a key, read from JSON.
    ///
    /// # Errors
    /// [`Error::Json`] if it is not JSON of that shape.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.get(key)?.map(|item| item.json()).transpose()
    }

    /// As [`Store::get`], but an atomic call's commit does not depend on it. Elsewhere the same.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn peek(&self, key: &str) -> Result<Option<Item>, Error> {
        Ok(self.raw.peek(key)?.map(Item::from))
    }

    /// # Errors
    /// As [`Store::get`].
    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.raw.exists(key)?)
    }

    /// Writes a value, whatever was there: the last writer wins.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<Etag, Error> {
        self.set_with(key, value, Options::new())
    }

    /// Writes a value under conditions, for a time, with a media type: see [`Options`].
    ///
    /// # Errors
    /// [`Error::Conflict`] if the condition does not hold.
    pub fn set_with(&self, key: &str, value: impl AsRef<[u8]>, options: Options) -> Result<Etag, Error> {
        Ok(Etag::from(self.raw.set(key, value.as_ref(), options.into_raw().as_ref())?))
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// [`Error::Json`] if it cannot be written as JSON.
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Etag, Error> {
        self.set_json_with(key, value, Options::new())
    }

    /// Writes a value as JSON, with options. Its media type is `application/json` unless they say otherwise.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the condition does not hold.
    pub fn set_json_with<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        options: Options,
    ) -> Result<Etag, Error> {
        self.set_with(key, serde_json::to_vec(value)?, options.or_content_type("application/json"))
    }

    /// Reads a value, changes it and writes it back, unless somebody else wrote in between: then again, with
    /// what is there now, up to sixteen times, with pauses of up to 256 ms. So `change` may run several times.
    ///
    /// `change` is given `None` if the key is absent, and returns `None` to leave everything as it is. The
    /// value keeps its expiry and media type. Returns the value that is there now.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the others were always faster.
    pub fn update_json<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut conflict = Error::Conflict(None);
        for attempt in 0..ATTEMPTS {
            let (old, options) = match self.get(key)? {
                None => (None, Options::new().if_absent()),
                Some(item) => (Some(item.json()?), item.same().if_match(&item.etag)),
            };
            let Some(new) = change(old) else { return self.get_json(key) };
            match self.set_json_with(key, &new, options) {
                Ok(_) => return Ok(Some(new)),
                Err(error @ Error::Conflict(_)) => conflict = error,
                Err(error) => return Err(error),
            }
            // Those who met here must not meet again: each waits for another time, and longer each time.
            let most_ms = 8 << attempt.min(5);
            thread::sleep(Duration::from_millis(random::get_random_u64() % most_ms));
        }
        Err(conflict)
    }

    /// Removes a value. It is no error if there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        Ok(self.raw.delete(key, None)?)
    }

    /// Removes a value under a condition.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the condition does not hold.
    pub fn delete_if(&self, key: &str, when: When) -> Result<(), Error> {
        Ok(self.raw.delete(key, Some(&when.into_raw()))?)
    }

    /// The keys that begin with `prefix`, in the order of their bytes: see [`Scan`]. Empty for all.
    pub fn scan(&self, prefix: impl Into<String>) -> Scan<'_> {
        Scan::new(self, prefix.into())
    }

    /// Adds to a counter and returns what it is now. A counter that does not exist is 0.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the value is no number, or would leave the range of an `i64`.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        Ok(raw::counters::increment(&self.raw, key, delta, None)?)
    }

    /// As [`Store::increment`]; if this creates the counter, it vanishes after that time.
    ///
    /// # Errors
    /// As [`Store::increment`].
    pub fn increment_with_ttl(&self, key: &str, delta: i64, ttl: Duration) -> Result<i64, Error> {
        Ok(raw::counters::increment(&self.raw, key, delta, Some(millis(ttl)))?)
    }

    /// Adds to a counter without learning what it is now: in an atomic call this conflicts with no other `add`.
    ///
    /// # Errors
    /// As [`Store::increment`].
    pub fn add(&self, key: &str, delta: i64) -> Result<(), Error> {
        Ok(raw::counters::add(&self.raw, key, delta, None)?)
    }

    /// As [`Store::add`]; if this creates the counter, it vanishes after that time.
    ///
    /// # Errors
    /// As [`Store::increment`].
    pub fn add_with_ttl(&self, key: &str, delta: i64, ttl: Duration) -> Result<(), Error> {
        Ok(raw::counters::add(&self.raw, key, delta, Some(millis(ttl)))?)
    }

    /// Begins a list of changes that are made all or not at all: see [`Transaction`].
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction::new(self)
    }
}
