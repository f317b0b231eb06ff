//! What a callee reports.

use std::error;

use serde::Serialize;

use super::raw::types as raw;
use crate::{
    class::{Class, chain, class_of, log},
    content,
};

/// What a callee reports in the place of a reply.
///
/// Every [`std::error::Error`] becomes one through `?`: [`FaultKind::Unavailable`] if a repetition may help,
/// [`FaultKind::Conflict`] for a conflict, else [`FaultKind::Internal`]. The caller then learns the kind and
/// nothing else; the error goes to stderr, which is the component's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// For people.
    pub message: String,
    /// For the caller's program, of that `content_type`.
    pub detail: Option<Vec<u8>>,
    pub content_type: Option<String>,
}

/// What the caller can do about a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The request is wrong: repeating it does not help.
    InvalidRequest,
    NotFound,
    /// The state of the callee is in the way; read it again first.
    Conflict,
    Denied,
    /// Repeating it later may help.
    Unavailable,
    UnknownMethod,
    Internal,
}

impl Fault {
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: None, content_type: None }
    }

    /// The request is wrong.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(FaultKind::InvalidRequest, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(FaultKind::NotFound, message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Conflict, message)
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Denied, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Unavailable, message)
    }

    /// There is no such method.
    #[must_use]
    pub fn unknown_method(method: &str) -> Self {
        Self::new(FaultKind::UnknownMethod, format!("there is no method `{method}`"))
    }

    /// Adds details as JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, detail: &T) -> Result<Self, serde_json::Error> {
        let detail = Some(content::to_json(detail)?);
        Ok(Self { detail, content_type: Some(content::JSON.to_owned()), ..self })
    }

    pub(super) fn into_raw(self) -> raw::Fault {
        let kind = match self.kind {
            FaultKind::InvalidRequest => raw::FaultKind::InvalidRequest,
            FaultKind::NotFound => raw::FaultKind::NotFound,
            FaultKind::Conflict => raw::FaultKind::Conflict,
            FaultKind::Denied => raw::FaultKind::Denied,
            FaultKind::Unavailable => raw::FaultKind::Unavailable,
            FaultKind::UnknownMethod => raw::FaultKind::UnknownMethod,
            FaultKind::Internal => raw::FaultKind::Internal,
        };
        raw::Fault { kind, message: self.message, detail: self.detail, content_type: self.content_type }
    }

    pub(super) fn from_raw(fault: raw::Fault) -> Self {
        let kind = match fault.kind {
            raw::FaultKind::InvalidRequest => FaultKind::InvalidRequest,
            raw::FaultKind::NotFound => FaultKind::NotFound,
            raw::FaultKind::Conflict => FaultKind::Conflict,
            raw::FaultKind::Denied => FaultKind::Denied,
            raw::FaultKind::Unavailable => FaultKind::Unavailable,
            raw::FaultKind::UnknownMethod => FaultKind::UnknownMethod,
            raw::FaultKind::Internal => FaultKind::Internal,
        };
        Self { kind, message: fault.message, detail: fault.detail, content_type: fault.content_type }
    }
}

impl<E: error::Error + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        log(&chain(&error));
        match class_of(&error) {
            Class::Busy(_) | Class::Unavailable => Self::unavailable("try again later"),
            Class::Conflict => Self::conflict("somebody else was faster"),
            Class::Wrong | Class::TooLarge | Class::Full | Class::Other => {
                Self::new(FaultKind::Internal, "the component failed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state;

    #[test]
    fn an_error_says_what_the_caller_can_do_and_no_more() {
        let cases = [
            (state::Error::Busy(None), FaultKind::Unavailable),
            (state::Error::Conflict(None), FaultKind::Conflict),
            (state::Error::NoSuchStore("secret".into()), FaultKind::Internal),
        ];
        for (error, kind) in cases {
            let fault = Fault::from(error);
            assert_eq!(fault.kind, kind);
            assert!(!fault.message.contains("secret"));
        }
    }

    #[test]
    fn a_fault_is_the_same_on_both_sides() {
        let fault = Fault::not_found("no such item").json(&["tea"]).unwrap();
        assert_eq!(Fault::from_raw(fault.clone().into_raw()), fault);
    }
}
