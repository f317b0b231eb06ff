//! Which component may call which.

use mecha_primitives::name;

use super::{Outside, Span, Spanned};

/// That a component may call another, which lets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeGrant {
    pub component: name::Component,
    pub methods: Allowed,
    /// Never `Safe`.
    pub outside: Outside,
    pub at: Span,
}

/// That a component lets somebody call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerGrant {
    pub caller: Caller,
    /// Methods, and interfaces that the caller is linked to.
    pub methods: Allowed,
    pub at: Span,
}

/// Who calls a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// People and scripts: the command line and the admin listener.
    Outside,
    /// A component of the app.
    Component(name::Component),
}

/// That an import of a component is an export of another, which lets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// A WIT interface, with or without its version: `acme:pricing/quotes@1.0.0`.
    pub interface: String,
    pub component: Spanned<name::Component>,
    /// Never `Safe`.
    pub outside: Outside,
    /// Of the interface.
    pub at: Span,
}

impl Link {
    /// The interface without its version.
    #[must_use]
    pub fn unversioned(&self) -> &str {
        self.interface.split('@').next().unwrap_or_default()
    }
}

/// All of something, or a few that have names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    All,
    /// At least one, each once.
    Only(Vec<Spanned<String>>),
}

impl Allowed {
    #[must_use]
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|allowed| allowed.value == name),
        }
    }
}
