//! What a component may reach. Made when an app is loaded, and looked up in a call without a lock.

use std::{fmt, fs::File, sync::Arc};

use mecha_primitives::{name, state};

use crate::outbound::Destination;

/// Everything that a component was granted. What is not here is denied.
#[derive(Debug, Default)]
pub struct Grants {
    pub stores: Vec<Store>,
    /// For a component that is served without a manifest: a store of its own under every name.
    pub private: Option<PrivateStores>,
    pub outbound: Vec<Destination>,
    pub env: Vec<(String, String)>,
    pub directories: Vec<Directory>,
}

impl Grants {
    pub(crate) fn store(&self, name: &str) -> Option<Store> {
        // A handful at most: a search is faster than a map.
        let granted = self.stores.iter().find(|grant| grant.name.as_str() == name);
        granted.cloned().or_else(|| {
            let private = self.private.as_ref()?;
            Some((private.0)(name::Store::new(name).ok()?))
        })
    }
}

/// Makes a component's private stores as it opens them.
#[derive(Clone)]
pub struct PrivateStores(Arc<dyn Fn(name::Store) -> Store + Send + Sync>);

impl PrivateStores {
    pub fn new(make: impl Fn(name::Store) -> Store + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for PrivateStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateStores")
    }
}

/// A store, and what may be done with it.
#[derive(Debug, Clone)]
pub struct Store {
    pub name: name::Store,
    pub access: Access,
    /// Only keys that begin with this.
    pub prefix: Option<Arc<str>>,
    pub store: Arc<dyn state::Store>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

impl Access {
    #[must_use]
    pub fn allows(self, need: Self) -> bool {
        self == Self::ReadWrite || self == need
    }
}

/// A directory of the host that the guest sees under a path of its own.
///
/// The folder itself is held, not its path: what a guest renames or links can never make it another one.
#[derive(Debug, Clone)]
pub struct Directory {
    pub host: Arc<File>,
    pub guest: String,
    pub writable: bool,
}
