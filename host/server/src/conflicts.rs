//! Which keys atomic calls race for: those that made runs vain, the hottest first.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mecha_primitives::{commit::account, name, unit};

use crate::metrics::Metrics;

/// Keys that are counted one by one. A new one takes the place, and the count, of the least: what is hot is never
/// missed, and its count is at the most too high. (Metwally et al., "Efficient Computation of Frequent and Top-k
/// Elements in Data Streams", 2005: Space-Saving)
const KEYS: usize = 1000;
/// Characters of a key that are shown.
const SHOWN: usize = 200;
/// Beginnings of keys that one component is counted by in the metrics; others are counted together.
const PREFIXES: usize = 50;

/// The conflicts of one app, while it is served.
#[derive(Default)]
pub struct Conflicts(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    keys: HashMap<(name::Component, String), u64>,
    prefixes: HashMap<name::Component, Vec<Arc<str>>>,
}

/// A key, and how many runs were in vain for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hot {
    pub component: name::Component,
    pub key: String,
    pub runs: u64,
}

impl Conflicts {
    /// The hottest keys, the first the most.
    #[must_use]
    pub fn hottest(&self, most: usize) -> Vec<Hot> {
        let counted = self.lock();
        let hot = |((component, key), runs): (&(name::Component, String), &u64)| Hot {
            component: component.clone(),
            key: key.clone(),
            runs: *runs,
        };
        let mut all: Vec<_> = counted.keys.iter().map(hot).collect();
        drop(counted);
        all.sort_by(|one, other| {
            other
                .runs
                .cmp(&one.runs)
                .then_with(|| (one.component.as_str(), &one.key).cmp(&(other.component.as_str(), &other.key)))
        });
        all.truncate(most);
        all
    }

    /// Counts a run. Gives the beginning of the key by which metrics count it.
    fn count(&self, component: &name::Component, key: &[u8]) -> Arc<str> {
        let mut counted = self.lock();
        let shown: String = String::from_utf8_lossy(key).chars().take(SHOWN).collect();
        counted.add((component.clone(), shown));
        counted.prefix(component, &prefix(key))
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn add(&mut self, key: (name::Component, String)) {
        if let Some(runs) = self.keys.get_mut(&key) {
            *runs += 1;
            return;
        }
        let mut before = 0;
        if self.keys.len() >= KEYS {
            let least =
                self.keys.iter().min_by_key(|(_, runs)| **runs).map(|(key, runs)| (key.clone(), *runs));
            if let Some((key, runs)) = least {
                self.keys.remove(&key);
                before = runs;
            }
        }
        self.keys.insert(key, before + 1);
    }

    fn prefix(&mut self, component: &name::Component, prefix: &str) -> Arc<str> {
        let known = self.prefixes.entry(component.clone()).or_default();
        if let Some(known) = known.iter().find(|known| ***known == *prefix) {
            return known.clone();
        }
        if known.len() >= PREFIXES {
            return "others".into();
        }
        known.push(prefix.into());
        known[known.len() - 1].clone()
    }
}

/// The beginning of a key that it shares with others of its kind: its account, and what comes before the first `/`, `:`
/// or `.` behind that.
fn prefix(key: &[u8]) -> String {
    let account = account(key);
    let rest = &key[account.len()..];
    let kind = rest.iter().position(|byte| matches!(byte, b'/' | b':' | b'.')).map_or(0, |at| at + 1);
    String::from_utf8_lossy(&key[..account.len() + kind]).chars().take(SHOWN).collect()
}

impl fmt::Debug for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conflicts")
    }
}

/// Hears of the conflicts of one component.
#[derive(Debug)]
pub struct Racing {
    pub conflicts: Arc<Conflicts>,
    pub metrics: Arc<Metrics>,
    pub tenant: name::Tenant,
    pub app: name::App,
    pub component: name::Component,
}

impl unit::Observer for Racing {
    fn conflicted(&self, key: &[u8]) {
        let prefix = self.conflicts.count(&self.component, key);
        let Self { tenant, app, component, .. } = self;
        self.metrics.conflicted(tenant, app, component, &prefix);
        let key = String::from_utf8_lossy(key);
        tracing::debug!(%app, %component, %key, "an atomic call runs again: what it read has changed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str) -> name::Component {
        name.parse().unwrap()
    }

    #[test]
    fn the_hottest_keys_come_first_and_their_number_is_bounded() {
        let conflicts = Conflicts::default();
        let bank = component("bank");
        for round in 0..3 * KEYS {
            conflicts.count(&bank, format!("app/state/bank/rare/{round}").as_bytes());
            conflicts.count(&bank, b"app/state/bank/hot/1");
        }
        let hottest = conflicts.hottest(2);
        assert_eq!(hottest[0].key, "app/state/bank/hot/1");
        assert!(hottest[0].runs >= 3 * KEYS as u64, "{hottest:?}");
        assert_eq!(conflicts.hottest(usize::MAX).len(), KEYS);
    }

    #[test]
    fn a_prefix_is_the_account_and_the_kind_of_key() {
        let cases = [
            ("bank/state/accounts/account/17", "bank/state/accounts/account/"),
            ("bank/state/accounts/user:17:x", "bank/state/accounts/user:"),
            ("bank/state/accounts/total", "bank/state/accounts/"),
            ("short", "short"),
        ];
        for (key, expected) in cases {
            assert_eq!(prefix(key.as_bytes()), expected);
        }
    }

    #[test]
    fn metrics_count_by_a_bounded_number_of_prefixes() {
        let conflicts = Conflicts::default();
        let bank = component("bank");
        for kind in 0..2 * PREFIXES {
            conflicts.count(&bank, format!("a/b/c/{kind}/x").as_bytes());
        }
        assert_eq!(&*conflicts.count(&bank, b"a/b/c/new/x"), "others");
        assert_eq!(&*conflicts.count(&bank, b"a/b/c/0/y"), "a/b/c/0/");
        assert_eq!(&*conflicts.count(&component("other"), b"a/b/c/new/x"), "a/b/c/new/");
    }
}
