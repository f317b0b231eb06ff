//! What is in a store against what should be.

use std::collections::BTreeMap;

use bytes::Bytes;
use mecha_manifest::{
    Span,
    suite::{StorePattern, StoreRef},
};

use super::{
    differences::{Difference, EXTRAS, more, near},
    found::Found,
    judge::Judge,
    texts, words,
};

/// What differs in a store, and of which key.
#[derive(Debug)]
pub struct OfKey {
    pub at: Span,
    /// `None`: of several.
    pub key: Option<String>,
    pub difference: Difference,
}

impl Judge {
    #[must_use]
    pub fn in_store(&self, wanted: &StorePattern, state: &BTreeMap<(StoreRef, String), Bytes>) -> Vec<OfKey> {
        let what = texts::under("state", &name(&wanted.store));
        let from = (wanted.store.clone(), String::new());
        let entries = state.range(from..).take_while(|((store, _), _)| *store == wanted.store);
        let there: BTreeMap<&String, &Bytes> = entries.map(|((_, key), value)| (key, value)).collect();
        let is_wanted = |key: &str| wanted.keys.iter().any(|(name, _)| name.value == key);
        let mut all = Vec::new();
        for (key, pattern) in &wanted.keys {
            let found = there.get(&key.value).map_or(Found::Nothing, |value| Found::data(value));
            let mut differences = Vec::new();
            self.differences(pattern, &found, &texts::under(&what, &key.value), &mut differences);
            if let (Found::Nothing, Some(missing)) = (&found, differences.first_mut()) {
                let unknown = there.keys().copied().filter(|key| !is_wanted(key));
                missing.found.push_str(&near(&key.value, unknown));
            }
            let of_key = |difference| OfKey { at: key.at, key: Some(key.value.clone()), difference };
            all.extend(differences.into_iter().map(of_key));
        }
        if !wanted.exactly {
            return all;
        }
        let extra: Vec<(&String, &Bytes)> = there.into_iter().filter(|(key, _)| !is_wanted(key)).collect();
        for (key, value) in extra.iter().take(EXTRAS) {
            let difference = Difference {
                what: texts::under(&what, key),
                expected: "no such key".to_owned(),
                found: words::found(&Found::data(value)),
            };
            all.push(OfKey { at: wanted.at, key: Some((*key).clone()), difference });
        }
        let rest: Vec<&str> = extra.iter().skip(EXTRAS).map(|(key, _)| key.as_str()).collect();
        let mut differences = Vec::new();
        more(&rest, &what, &mut differences);
        all.extend(differences.into_iter().map(|difference| OfKey { at: wanted.at, key: None, difference }));
        all
    }
}

/// As test files name it.
fn name(store: &StoreRef) -> String {
    match &store.component {
        Some(component) => format!("{}@{component}", store.store),
        None => store.store.to_string(),
    }
}
