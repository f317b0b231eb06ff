//! What the host refuses, by the name that its case has in the WIT.

use mecha_guest::{
    bindings, events,
    http::{Error, Response},
    invoke, jobs,
    json::{Value, json},
};

/// The case's name, and details: a text or a number.
pub type Case = (&'static str, Value);

pub fn response((name, detail): Case) -> Result<Response, Error> {
    let status = match name {
        "invalid-argument" => 400,
        "access-denied" => 403,
        "no-such-topic" | "no-such-target" | "no-such-binding" | "no-such-job" | "no-such-operation" => 404,
        "already-exists" => 409,
        "too-large" => 413,
        "busy" => 429,
        "quota-exceeded" => 507,
        "fault" | "rejected" => 502,
        _ => 503,
    };
    Ok(Response::json(&value((name, detail)))?.status(status))
}

pub fn value((name, detail): Case) -> Value {
    json!({ "error": name, "detail": detail })
}

fn wait(after: Option<std::time::Duration>) -> Value {
    json!(after.map(|time| time.as_millis() as u64))
}

pub fn event(error: events::Error) -> Case {
    match error {
        events::Error::NoSuchTopic(name) => ("no-such-topic", name.into()),
        events::Error::AccessDenied(what) => ("access-denied", what.into()),
        events::Error::InvalidArgument(what) => ("invalid-argument", what.into()),
        events::Error::TooLarge(limit) => ("too-large", limit.into()),
        events::Error::Unsupported(what) => ("unsupported", what.into()),
        events::Error::QuotaExceeded(what) => ("quota-exceeded", what.into()),
        events::Error::Busy(after) => ("busy", wait(after)),
        events::Error::Timeout => ("timeout", Value::Null),
        events::Error::Unavailable(what) => ("unavailable", what.into()),
        other => ("other", other.to_string().into()),
    }
}

pub fn call(error: invoke::Error) -> Case {
    match error {
        invoke::Error::NoSuchTarget(name) => ("no-such-target", name.into()),
        invoke::Error::AccessDenied(what) => ("access-denied", what.into()),
        invoke::Error::InvalidArgument(what) => ("invalid-argument", what.into()),
        invoke::Error::TooLarge(limit) => ("too-large", limit.into()),
        invoke::Error::QuotaExceeded(what) => ("quota-exceeded", what.into()),
        invoke::Error::Busy(after) => ("busy", wait(after)),
        invoke::Error::Fault(fault) => {
            ("fault", json!({ "kind": crate::calls::kind_name(fault.kind), "message": fault.message }))
        }
        invoke::Error::Crashed(what) => ("crashed", what.into()),
        invoke::Error::Timeout => ("timeout", Value::Null),
        invoke::Error::Unavailable(what) => ("unavailable", what.into()),
        invoke::Error::DepthExceeded => ("depth-exceeded", Value::Null),
        other => ("other", other.to_string().into()),
    }
}

pub fn job(error: jobs::Error) -> Case {
    match error {
        jobs::Error::AlreadyExists(name) => ("already-exists", name.into()),
        jobs::Error::NoSuchJob(name) => ("no-such-job", name.into()),
        jobs::Error::AccessDenied(what) => ("access-denied", what.into()),
        jobs::Error::InvalidArgument(what) => ("invalid-argument", what.into()),
        jobs::Error::TooLarge(limit) => ("too-large", limit.into()),
        jobs::Error::QuotaExceeded(what) => ("quota-exceeded", what.into()),
        jobs::Error::Busy(after) => ("busy", wait(after)),
        jobs::Error::Unavailable(what) => ("unavailable", what.into()),
        other => ("other", other.to_string().into()),
    }
}

pub fn output(error: bindings::Error) -> Case {
    match error {
        bindings::Error::NoSuchBinding(name) => ("no-such-binding", name.into()),
        bindings::Error::AccessDenied(what) => ("access-denied", what.into()),
        bindings::Error::NoSuchOperation(name) => ("no-such-operation", name.into()),
        bindings::Error::InvalidArgument(what) => ("invalid-argument", what.into()),
        bindings::Error::TooLarge(limit) => ("too-large", limit.into()),
        bindings::Error::QuotaExceeded(what) => ("quota-exceeded", what.into()),
        bindings::Error::Busy(after) => ("busy", wait(after)),
        bindings::Error::Timeout => ("timeout", Value::Null),
        bindings::Error::Unavailable(what) => ("unavailable", what.into()),
        bindings::Error::Rejected { code, message } => {
            ("rejected", json!({ "code": code, "message": message }))
        }
        other => ("other", other.to_string().into()),
    }
}
