//! What the keeper answers.

use mecha_guest::{
    json::{Value, json},
    state::raw::{transactions::TransactionError, types},
};

/// Something of the WIT that can be written as JSON.
pub(crate) trait Answer {
    fn answer(&self) -> Value;
}

/// What came of an operation.
pub(crate) fn outcome(outcome: Result<Value, types::Error>) -> Value {
    outcome.unwrap_or_else(|error| json!({ "error": error.answer() }))
}

/// What came of an operation on many keys.
pub(crate) fn results<T>(
    all: Result<Vec<Result<T, types::Error>>, types::Error>,
    answer: impl Fn(T) -> Value,
) -> Value {
    outcome(all.map(|all| {
        let all: Vec<_> = all.into_iter().map(|one| outcome(one.map(&answer))).collect();
        json!({ "results": all })
    }))
}

impl<T: Answer> Answer for Option<T> {
    fn answer(&self) -> Value {
        self.as_ref().map_or(Value::Null, Answer::answer)
    }
}

impl<T: Answer> Answer for Vec<T> {
    fn answer(&self) -> Value {
        self.iter().map(Answer::answer).collect()
    }
}

impl Answer for types::Item {
    fn answer(&self) -> Value {
        let (name, value) = match std::str::from_utf8(&self.value) {
            Ok(text) => ("value", text.to_owned()),
            Err(_) => ("value_hex", self.value.iter().map(|byte| format!("{byte:02x}")).collect()),
        };
        json!({
            name: value,
            "etag": self.etag,
            "content_type": self.content_type,
            "expires_at_ms": self.expires_at_ms,
        })
    }
}

impl Answer for types::Entry {
    fn answer(&self) -> Value {
        json!({ "key": self.key, "item": self.item.answer() })
    }
}

impl Answer for types::Error {
    fn answer(&self) -> Value {
        let (case, detail) = match self {
            Self::NoSuchStore(name) => ("no-such-store", json!(name)),
            Self::AccessDenied(what) => ("access-denied", json!(what)),
            Self::InvalidArgument(what) => ("invalid-argument", json!(what)),
            Self::TooLarge(limit) => ("too-large", json!(limit)),
            Self::Conflict(etag) => ("conflict", json!(etag)),
            Self::Unsupported(what) => ("unsupported", json!(what)),
            Self::QuotaExceeded(what) => ("quota-exceeded", json!(what)),
            Self::Busy(after_ms) => ("busy", json!(after_ms)),
            Self::Timeout => ("timeout", Value::Null),
            Self::Unavailable(what) => ("unavailable", json!(what)),
            Self::Other(what) => ("other", json!(what)),
        };
        json!({ "case": case, "detail": detail })
    }
}

impl Answer for TransactionError {
    fn answer(&self) -> Value {
        match self {
            Self::Failed(error) => json!({ "error": error.answer() }),
            Self::Step(failure) => {
                let mut error = failure.error.answer();
                if let Some(fields) = error.as_object_mut() {
                    fields.insert("step".to_owned(), failure.step.into());
                }
                json!({ "error": error })
            }
        }
    }
}
