//! Where a key means something: the same key on another route, or of another caller, is another key.

use bytes::Bytes;

use super::{Key, hash};
use crate::name;

#[derive(Debug, Clone, Copy)]
pub struct Scope<'s> {
    pub app: &'s name::App,
    pub component: &'s name::Component,
    /// The route as the manifest has it.
    pub route: &'s str,
    /// What the route says that tells callers apart, such as a header's value. Without it, whoever guesses a key is given
    /// the answer to who used it.
    pub caller: Option<&'s [u8]>,
}

impl Scope<'_> {
    /// The account that the bytes of a component's answers are counted by.
    #[must_use]
    pub fn account(&self) -> Bytes {
        self.prefix().into()
    }

    /// The engine's key for the record of a key: the account, and a hash of the rest, so that it is as short for any
    /// route and caller, and holds nothing that a client chose.
    #[must_use]
    pub fn record(&self, key: &Key) -> Bytes {
        let Self { route, caller, .. } = self;
        let is_known = [u8::from(caller.is_some())];
        let parts = [route.as_bytes(), &is_known, caller.unwrap_or_default(), key.as_str().as_bytes()];
        [self.prefix().as_bytes(), &hash(&parts)].concat().into()
    }

    fn prefix(&self) -> String {
        format!("{}/idempotency/{}/", self.app, self.component)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::commit;

    fn record(names: [&str; 2], route: &str, caller: Option<&[u8]>, key: &str) -> Bytes {
        let (app, component) = (names[0].parse().unwrap(), names[1].parse().unwrap());
        let scope = Scope { app: &app, component: &component, route, caller };
        let record = scope.record(&Key::parse(key.as_bytes()).unwrap());
        assert_eq!(commit::account(&record), scope.account());
        record
    }

    #[test]
    fn no_two_scopes_share_a_record() {
        let cases = [
            (["a", "b"], "/r", None, "k"),
            (["a2", "b"], "/r", None, "k"),
            (["a", "b2"], "/r", None, "k"),
            (["b", "a"], "/r", None, "k"),
            (["a", "b"], "/r2", None, "k"),
            (["a", "b"], "", None, "k"),
            (["a", "b"], "/r", Some(&b""[..]), "k"),
            (["a", "b"], "/r", Some(b"c"), "k"),
            (["a", "b"], "/r", Some(b"ck"), "k"),
            (["a", "b"], "/r", Some(b"c"), "kk"),
            (["a", "b"], "/rc", None, "k"),
            (["a", "b"], "/r", None, "ck"),
            (["a", "b"], "/r", None, "K"),
        ];
        let records: HashSet<_> =
            cases.iter().map(|(names, route, caller, key)| record(*names, route, *caller, key)).collect();
        assert_eq!(records.len(), cases.len());
    }

    #[test]
    fn a_record_is_found_again_with_the_same_scope() {
        let first = record(["shop", "cart"], "/orders", Some(b"ada"), "k");
        assert_eq!(first, record(["shop", "cart"], "/orders", Some(b"ada"), "\"k\""));
        assert!(first.starts_with(b"shop/idempotency/cart/"));
        assert_eq!(first.len(), "shop/idempotency/cart/".len() + 32);
    }
}
