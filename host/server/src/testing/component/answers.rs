//! What a test component gives, as the rest of the host has it; and back.

use std::time::Duration;

use http::HeaderMap;
use mecha_manifest::{
    Span, Spanned,
    suite::{self, CalleeAnswer, Data, Failure, HttpAnswer, OutputAnswer, UpstreamAnswer},
};
use mecha_primitives::{class::Class, invoke::FaultKind, pubsub};
use mecha_runtime::imports::test::{
    Answer, AnswerError, Disturbance, Event, Given, Message, Request, Response, Strike, Timing, Told,
    Upstream,
};

use super::{names, time};
use crate::testing::seen::Reply;

/// No place in a file: a component's cases are on no line of it.
pub const NOWHERE: Span = Span { line: 0, column: 0 };

/// How a world begins of which nothing is said.
pub fn defaults() -> suite::Given {
    suite::Given {
        clock: time::BEGIN,
        seed: 0,
        state: vec![],
        env: vec![],
        secrets: vec![],
        outputs: vec![],
        upstream: vec![],
        callees: vec![],
        faults: vec![],
    }
}

pub fn given(app: &mecha_manifest::App, meant: Given) -> Told<suite::Given> {
    let mut env: Vec<(_, Vec<_>)> = vec![];
    for variable in meant.env {
        let component = names::component(app, &variable.component)?;
        env.push((component, vec![(variable.name, variable.value)]));
    }
    let callees = meant.callees.iter().map(|name| Ok((names::component(app, name)?, vec![])));
    Ok(suite::Given {
        clock: meant.clock_ms.map_or(time::BEGIN, mecha_primitives::clock::Timestamp),
        seed: meant.seed.unwrap_or_default(),
        env,
        secrets: meant.secrets,
        callees: callees.collect::<Told<_>>()?,
        ..defaults()
    })
}

pub fn request(meant: Request) -> suite::Request {
    let body = meant.body.map(Data::Bytes);
    suite::Request { method: meant.method, target: meant.target, headers: meant.headers, body }
}

pub fn response(reply: Reply) -> Told<Response> {
    match reply {
        Reply::Http { status, headers, body } => {
            let whole = body.is_ok();
            let body = body.unwrap_or_else(|broken| broken).into();
            Ok(Response { status: status.as_u16(), headers: fields(&headers), body, whole })
        }
        _ => Err("there is no response".to_owned()),
    }
}

/// Headers as text; what is not UTF-8 in them is replaced.
pub fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// Bytes of headers or metadata.
pub fn size(fields: &[(String, String)]) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.len()).sum()
}

pub fn message(app: &mecha_manifest::App, meant: Message) -> Told<suite::Event> {
    Ok(suite::Event {
        topic: names::topic(app, &meant.topic)?,
        kind: meant.event_type,
        id: meant.id,
        source: meant.source,
        subject: meant.subject,
        content_type: meant.content_type,
        data: (!meant.data.is_empty()).then_some(Data::Bytes(meant.data)),
        extensions: meant.extensions,
    })
}

pub fn event(found: &pubsub::Event) -> Event {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let extensions = found.extensions().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Event {
        id: found.id().to_owned(),
        source: found.source().to_owned(),
        event_type: found.kind().to_owned(),
        subject: owned(found.subject()),
        time: owned(found.time()),
        content_type: owned(found.content_type()),
        extensions: extensions.collect(),
        data: found.data().map(|data| data.to_vec()).unwrap_or_default(),
    }
}

pub fn output(
    operation: Option<String>,
    answer: Result<Answer, AnswerError>,
    timing: Timing,
) -> Told<OutputAnswer> {
    let answer = match answer {
        Ok(answer) => Ok(answered(answer)),
        Err(AnswerError::Class(name)) => Err(failure(&name)?),
        Err(AnswerError::Refused((code, message))) => Err(own("rejected", code, message)),
    };
    Ok(OutputAnswer { operation, times: timing.times, after: after(timing), answer })
}

pub fn callee(
    method: Option<String>,
    answer: Result<Answer, AnswerError>,
    timing: Timing,
) -> Told<CalleeAnswer> {
    let answer = match answer {
        Ok(answer) => Ok(answered(answer)),
        Err(AnswerError::Class(name)) => Err(failure(&name)?),
        Err(AnswerError::Refused((kind, message))) => {
            let kinds = FaultKind::ALL.map(FaultKind::as_str);
            if !kinds.contains(&kind.as_str()) {
                return Err(format!("a fault is not of the kind `{kind}`, but one of {}", kinds.join(", ")));
            }
            Err(own(&kind, kind.clone(), message))
        }
    };
    Ok(CalleeAnswer { method, times: timing.times, after: after(timing), answer })
}

pub fn upstream(meant: Upstream) -> Told<UpstreamAnswer> {
    let answer = match &meant.error {
        Some(name) => Err(failure(name)?),
        None => {
            http::StatusCode::from_u16(meant.status).map_err(|_| format!("{} is no status", meant.status))?;
            let body = Some(Data::Bytes(meant.body));
            Ok(HttpAnswer { status: meant.status, headers: meant.headers, body })
        }
    };
    let (times, after) = (meant.timing.times, after(meant.timing));
    Ok(UpstreamAnswer { method: meant.method, url: meant.url, times, after, answer })
}

fn answered(answer: Answer) -> suite::Answer {
    let Answer { data, content_type, metadata } = answer;
    suite::Answer { data: Some(Data::Bytes(data)), content_type, metadata }
}

fn after(timing: Timing) -> Duration {
    Duration::from_millis(timing.after_ms)
}

/// An error of this class.
fn failure(name: &str) -> Told<Failure> {
    is_class(name)?;
    Ok(Failure { class: spanned(name), code: None, message: "the test wants it so".to_owned() })
}

fn own(class: &str, code: String, message: String) -> Failure {
    Failure { class: spanned(class), code: Some(code), message }
}

fn spanned(text: &str) -> Spanned<String> {
    Spanned { value: text.to_owned(), at: NOWHERE }
}

fn is_class(name: &str) -> Told<()> {
    let known = Class::named(name).map(|_| ());
    known.ok_or_else(|| {
        format!("`{name}` is no class of errors; such are unavailable, busy, timeout, denied, quota, invalid, conflict")
    })
}

pub fn fault(app: &mecha_manifest::App, meant: Disturbance) -> Told<suite::Fault> {
    let primitive = meant.operation.split_once('.').map(|(primitive, _)| primitive);
    if !primitive.is_some_and(|primitive| PRIMITIVES.contains(&primitive)) {
        let (found, known) = (&meant.operation, PRIMITIVES.join(", "));
        return Err(format!("`{found}` is no operation: it is PRIMITIVE.VERB, of {known}"));
    }
    if meant.nth == Some(0) {
        return Err("operations are counted from 1 on".to_owned());
    }
    let component = meant.component.map(|name| names::component(app, &name)).transpose()?;
    let strike = match meant.strike {
        Strike::Fail(name) => {
            is_class(&name)?;
            suite::Strike::Fail(name)
        }
        Strike::Lost => suite::Strike::Lost,
        Strike::Slow(ms) => suite::Strike::Slow(Duration::from_millis(ms)),
    };
    Ok(suite::Fault { at: NOWHERE, operation: meant.operation, component, nth: meant.nth, strike })
}

/// What passes the gate.
const PRIMITIVES: &[&str] = &["state", "pubsub", "bindings", "invoke", "jobs", "http"];

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: Timing = Timing { times: None, after_ms: 0 };

    #[test]
    fn an_error_is_of_a_class_and_a_fault_of_a_kind() {
        let refused = |kind: &str| Err(AnswerError::Refused((kind.to_owned(), "no".to_owned())));
        let class = |name: &str| Err(AnswerError::Class(name.to_owned()));
        assert!(output(None, class("unavailable"), ALWAYS).is_ok());
        assert!(output(None, refused("E-17"), ALWAYS).is_ok());
        assert!(callee(None, refused("not-found"), ALWAYS).is_ok());
        let wrong = output(None, class("unavailble"), ALWAYS).unwrap_err();
        assert!(wrong.starts_with("`unavailble` is no class of errors"), "{wrong}");
        let wrong = callee(None, refused("E-17"), ALWAYS).unwrap_err();
        assert!(wrong.starts_with("a fault is not of the kind `E-17`, but one of "), "{wrong}");
    }

    #[test]
    fn what_goes_wrong_is_an_operation_of_a_primitive() {
        let app = mecha_manifest::App::new(mecha_primitives::name::App::fallback(), vec![]);
        let operation_of = |operation: &str, nth, class: &str| {
            let (operation, strike) = (operation.to_owned(), Strike::Fail(class.to_owned()));
            fault(&app, Disturbance { operation, component: None, nth, strike }).map(|fault| fault.operation)
        };
        assert_eq!(operation_of("state.*", Some(1), "busy").as_deref(), Ok("state.*"));
        for (operation, nth, class) in
            [("state", None, "busy"), ("stat.set", None, "busy"), ("state.set", Some(0), "busy")]
        {
            assert!(operation_of(operation, nth, class).is_err(), "{operation} {nth:?}");
        }
        assert!(operation_of("state.set", None, "nonsense").is_err());
    }
}
