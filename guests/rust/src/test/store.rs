//! Stores of the app, looked at and changed from outside.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    raw,
    request::{from_json, to_json},
    told,
};

/// A store of the app. What is done here passes no limit, and no fault strikes it.
#[derive(Debug, Clone)]
pub struct Store(pub(super) String);

impl Store {
    #[track_caller]
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        told(raw::app::read_state(&self.0, key))
    }

    /// The value as text. One that is not UTF-8 fails the case.
    #[track_caller]
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let text = self.get(key).map(String::from_utf8).transpose();
        told(text.map_err(|_| format!("the value of `{key}` is not UTF-8")))
    }

    /// The value, read from JSON. One that is not JSON of that shape fails the case.
    #[track_caller]
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.get(key)?;
        Some(from_json(&value, &format!("the value of `{key}`")))
    }

    #[track_caller]
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) {
        told(raw::app::write_state(&self.0, key, value.as_ref()));
    }

    #[track_caller]
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) {
        self.set(key, to_json(value));
    }

    /// It does not matter if there is no such key.
    #[track_caller]
    pub fn delete(&self, key: &str) {
        told(raw::app::delete_state(&self.0, key));
    }

    /// The keys that begin with `prefix` and their values, in the order of the keys.
    #[track_caller]
    #[must_use]
    pub fn list(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        told(raw::app::list_state(&self.0, prefix))
    }
}
