//! What a component may reach. Made when an app is loaded, and looked up in a call without a lock.

use std::{path::PathBuf, sync::Arc};

use mecha_primitives::{name, state};

use crate::outbound::Destination;

/// Everything that a component was granted. What is not here is denied.
#[derive(Debug, Default)]
pub struct Grants {
    pub stores: Vec<Store>,
    pub outbound: Vec<Destination>,
    pub env: Vec<(String, String)>,
    pub directories: Vec<Directory>,
}

impl Grants {
    pub(crate) fn store(&self, name: &str) -> Option<&Store> {
        // A handful at most: a search is faster than a map.
        self.stores.iter().find(|grant| grant.name.as_str() == name)
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
#[derive(Debug, Clone)]
pub struct Directory {
    pub host: PathBuf,
    pub guest: String,
    pub writable: bool,
}
