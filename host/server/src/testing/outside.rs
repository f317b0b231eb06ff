//! Everything outside of the app, as a case has it: it answers what the case says, and notes what it was asked.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use mecha_manifest::{
    self as manifest, App, OutputKind,
    suite::{Answer, CalleeAnswer, Data, Failure, Given, HttpAnswer, OutputAnswer, UpstreamAnswer},
};
use mecha_primitives::{
    bindings::{self, Effect, Operation, Output},
    class::Class,
    identity::Identity,
    invoke::{self, FaultKind, Invoker},
    name,
};
use mecha_runtime::outbound::Upstream;
use wasmtime_wasi_http::Error as HttpError;

use super::seen::{CalleeCall, HttpCall, OutputCall};
use crate::load::outside::operations;

/// What was asked of the outside, in all lives of a case's host.
#[derive(Debug, Default)]
pub struct Outside {
    asked: Mutex<Asked>,
    /// Answers that were added while the case ran. They come before those that it began with.
    pub added: Added,
}

#[derive(Debug, Default)]
pub struct Added {
    pub outputs: Answers<(name::Binding, OutputAnswer)>,
    pub upstream: Answers<UpstreamAnswer>,
    pub callees: Answers<(name::Component, CalleeAnswer)>,
}

#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub outputs: Vec<OutputCall>,
    pub requests: Vec<HttpCall>,
    pub callees: Vec<CalleeCall>,
    /// What the case has no answer for, as messages.
    pub unanswered: Vec<String>,
    /// Events that the case itself published: topic, source and id.
    pub given: HashSet<(name::Topic, String, String)>,
}

impl Outside {
    #[must_use]
    pub fn asked(&self) -> Asked {
        self.lock().clone()
    }

    /// Notes that the case itself publishes an event.
    pub fn publishes(&self, topic: &name::Topic, source: &str, id: &str) {
        self.lock().given.insert((topic.clone(), source.to_owned(), id.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who answers as the app's outputs.
    #[must_use]
    pub fn outputs(self: &Arc<Self>, app: &App, given: &Given) -> BTreeMap<name::Binding, Arc<dyn Output>> {
        let double = |meta: &manifest::Output| {
            let answers = given.outputs.iter().filter(|(name, _)| *name == meta.name);
            let double = DoubledOutput {
                name: meta.name.clone(),
                operations: operations(&meta.kind),
                needs_answers: matches!(meta.kind, OutputKind::Http(_)),
                answers: Answers::new(answers.flat_map(|(_, answers)| answers.clone())),
                outside: self.clone(),
            };
            (meta.name.clone(), Arc::new(double) as Arc<dyn Output>)
        };
        app.outputs.iter().map(double).collect()
    }

    /// Who answers as the components that the case answers for.
    #[must_use]
    pub fn callees(self: &Arc<Self>, given: &Given) -> BTreeMap<name::Component, Arc<dyn Invoker>> {
        let double = |(name, answers): &(name::Component, Vec<CalleeAnswer>)| {
            let double =
                DoubledCallee { answers: Answers::new(answers.iter().cloned()), outside: self.clone() };
            (name.clone(), Arc::new(double) as Arc<dyn Invoker>)
        };
        given.callees.iter().map(double).collect()
    }

    #[must_use]
    pub fn upstream(self: &Arc<Self>, given: &Given) -> Arc<dyn Upstream> {
        Arc::new(DoubledNetwork {
            answers: Answers::new(given.upstream.iter().cloned()),
            outside: self.clone(),
        })
    }
}

/// Answers in the order in which they are tried, and how often each is still to be given.
#[derive(Debug)]
pub struct Answers<T>(Mutex<Vec<(T, Option<u32>)>>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

pub trait Timed: Clone {
    fn times(&self) -> Option<u32>;
}

impl<T: Timed> Answers<T> {
    /// Adds one: after those that are given a number of times, before those that always are.
    pub fn add(&self, answer: T) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = answers.iter().position(|(_, left)| left.is_none()).unwrap_or(answers.len());
        let times = answer.times();
        answers.insert(at, (answer, times));
    }

    fn new(answers: impl Iterator<Item = T>) -> Self {
        Self(Mutex::new(answers.map(|answer| (answer.clone(), answer.times())).collect()))
    }

    /// The first that fits and is not used up.
    fn next(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, left) = answers.iter_mut().find(|(answer, left)| *left != Some(0) && fits(answer))?;
        if let Some(left) = left {
            *left -= 1;
        }
        Some(answer.clone())
    }
}

macro_rules! timed {
    ($($kind:ty),*) => { $(impl Timed for $kind { fn times(&self) -> Option<u32> { self.times } })* };
}
timed!(OutputAnswer, UpstreamAnswer, CalleeAnswer);

impl<N: Clone, T: Timed> Timed for (N, T) {
    fn times(&self) -> Option<u32> {
        self.1.times()
    }
}

async fn after(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// The bytes that data stands for.
#[must_use]
pub fn bytes(data: &Data) -> Bytes {
    data.to_bytes().into()
}

struct DoubledOutput {
    name: name::Binding,
    operations: &'static [Operation],
    /// Whether an answer of its own would mean nothing: it is another system's.
    needs_answers: bool,
    answers: Answers<OutputAnswer>,
    outside: Arc<Outside>,
}

#[async_trait]
impl Output for DoubledOutput {
    fn operations(&self) -> &'static [Operation] {
        self.operations
    }

    async fn invoke(&self, request: bindings::Request) -> Result<bindings::Response, bindings::Error> {
        let operation = bindings::select(self.operations, &request)?;
        let fits = |answer: &OutputAnswer| {
            answer.operation.as_ref().is_none_or(|operation| *operation == request.operation)
        };
        let added = self.outside.added.outputs.next(|(of, answer)| *of == self.name && fits(answer));
        let found = added.map(|(_, answer)| answer).or_else(|| self.answers.next(fits));
        let answer = match &found {
            Some(found) => {
                after(found.after).await;
                found.answer.as_ref().map(output_answer).map_err(output_error)
            }
            None if self.needs_answers || operation.effect == Effect::Safe => {
                let what = format!("the output `{}` was asked to {}", self.name, request.operation);
                self.outside.lock().unanswered.push(format!(
                    "{what}, and the case has no answer: add one under `given.outputs.{}`",
                    self.name
                ));
                Err(bindings::Error::Unavailable("the case has no answer".into()))
            }
            None => Ok(bindings::Response::default()),
        };
        self.outside.lock().outputs.push(OutputCall {
            output: self.name.clone(),
            operation: request.operation,
            data: request.data,
            metadata: request.metadata,
            effect: operation.effect,
            answered: answer.is_ok(),
        });
        answer
    }
}

fn output_answer(answer: &Answer) -> bindings::Response {
    bindings::Response {
        data: answer.data.as_ref().map(bytes),
        content_type: answer.content_type.as_deref().map(Arc::from),
        metadata: answer.metadata.clone(),
        deferred: false,
    }
}

fn output_error(failure: &Failure) -> bindings::Error {
    let text = failure.message.clone();
    if let Some(code) = &failure.code {
        return bindings::Error::rejected(code, text);
    }
    match Class::named(&failure.class.value) {
        Some(Class::Busy(after)) => bindings::Error::Busy(after),
        Some(Class::Timeout) => bindings::Error::Timeout,
        Some(Class::Denied) => bindings::Error::AccessDenied(text),
        Some(Class::Invalid) => bindings::Error::InvalidArgument(text),
        Some(Class::Quota) => bindings::Error::QuotaExceeded(text),
        Some(Class::TooLarge) => bindings::Error::TooLarge(0),
        Some(Class::Unavailable) => bindings::Error::Unavailable(text),
        _ => bindings::Error::Other(text),
    }
}

impl fmt::Debug for DoubledOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "double of output {}", self.name)
    }
}

impl fmt::Display for DoubledOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

#[derive(Debug)]
struct DoubledCallee {
    answers: Answers<CalleeAnswer>,
    outside: Arc<Outside>,
}

#[async_trait]
impl Invoker for DoubledCallee {
    async fn call(
        &self,
        _: &Arc<Identity>,
        target: &name::Component,
        request: invoke::Request,
        options: invoke::Options,
    ) -> Result<invoke::Response, invoke::Error> {
        let fits =
            |answer: &CalleeAnswer| answer.method.as_ref().is_none_or(|method| *method == request.method);
        let added = self.outside.added.callees.next(|(of, answer)| of == target && fits(answer));
        let found = added.map(|(_, answer)| answer).or_else(|| self.answers.next(fits));
        let answer = match &found {
            Some(found) => {
                after(found.after).await;
                found.answer.as_ref().map(callee_answer).map_err(callee_error)
            }
            None => {
                let what = format!("`{target}.{}` was called", request.method);
                let text =
                    format!("{what}, and the case has no answer: add one under `given.callees.{target}`");
                self.outside.lock().unanswered.push(text);
                Err(invoke::Error::Unavailable("the case has no answer".into()))
            }
        };
        self.outside.lock().callees.push(CalleeCall {
            component: target.clone(),
            method: request.method,
            data: request.data,
            idempotency_key: options.idempotency_key,
            answered: answer.is_ok(),
        });
        answer
    }
}

fn callee_answer(answer: &Answer) -> invoke::Response {
    invoke::Response {
        data: answer.data.as_ref().map(bytes).unwrap_or_default(),
        content_type: answer.content_type.clone(),
        metadata: answer.metadata.clone(),
    }
}

fn callee_error(failure: &Failure) -> invoke::Error {
    let text = failure.message.clone();
    let fault = |kind| {
        invoke::Error::Fault(invoke::Fault { kind, message: text.clone(), detail: None, content_type: None })
    };
    if failure.code.is_some() {
        let kind = FaultKind::named(&failure.class.value);
        return fault(kind.unwrap_or(FaultKind::Internal));
    }
    match Class::named(&failure.class.value) {
        Some(Class::Busy(after)) => invoke::Error::Busy(after),
        Some(Class::Timeout) => invoke::Error::Timeout,
        Some(Class::Denied) => invoke::Error::Denied(text),
        Some(Class::Unavailable) => invoke::Error::Unavailable(text),
        Some(Class::Internal) => invoke::Error::Crashed(text),
        _ => fault(FaultKind::Internal),
    }
}

#[derive(Debug)]
struct DoubledNetwork {
    answers: Answers<UpstreamAnswer>,
    outside: Arc<Outside>,
}

#[async_trait]
impl Upstream for DoubledNetwork {
    async fn answer(&self, _: &Identity, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (method, url) = (request.method().clone(), request.uri().to_string());
        let fits = |answer: &UpstreamAnswer| {
            answer.method.as_ref().is_none_or(|wanted| *wanted == method.as_str())
                && is_like(&url, &answer.url)
        };
        let found = self.outside.added.upstream.next(fits).or_else(|| self.answers.next(fits));
        let answer = match &found {
            Some(found) => {
                after(found.after).await;
                found.answer.as_ref().map_err(http_error).and_then(http_answer)
            }
            None => {
                self.outside.lock().unanswered.push(format!(
                    "a component sent {method} {url}, and the case has no answer: add one under `given.upstream`"
                ));
                Err(HttpError::DestinationUnavailable)
            }
        };
        let (parts, body) = request.into_parts();
        self.outside.lock().requests.push(HttpCall {
            method,
            url,
            headers: parts.headers,
            body,
            answered: answer.as_ref().ok().map(Response::status),
        });
        answer
    }
}

fn http_answer(answer: &HttpAnswer) -> Result<Response<Bytes>, HttpError> {
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap_or_default());
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    if matches!(answer.body, Some(Data::Json(_)))
        && !answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        response = response.header("content-type", "application/json");
    }
    let body = answer.body.as_ref().map(bytes).unwrap_or_default();
    response.body(body).map_err(|_| HttpError::HttpProtocolError)
}

fn http_error(failure: &Failure) -> HttpError {
    match Class::named(&failure.class.value) {
        Some(Class::Timeout) => HttpError::ConnectionReadTimeout,
        Some(Class::Busy(_)) => HttpError::ConnectionLimitReached,
        Some(Class::Denied) => HttpError::HttpRequestDenied,
        _ => HttpError::ConnectionRefused,
    }
}

/// Whether a text is what a pattern says, in which `*` stands for any text.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("http://a/b", "http://a/b", true),
            ("http://a/b", "http://a/", false),
            ("http://a/b", "http://a/*", true),
            ("http://a/", "http://a/*", true),
            ("http://a/b/c", "http://*/c", true),
            ("http://a/b/c", "*b*", true),
            ("http://a/b/c", "*x*", false),
            ("aba", "ab*ba", false),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(is_like(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn added_answers_that_end_come_in_order_and_then_the_last_that_does_not() {
        let answers = Answers::default();
        for (method, times) in [("a", None), ("b", Some(1)), ("c", None), ("d", Some(2))] {
            let (method, after, answer) = (Some(method.to_owned()), Duration::ZERO, Ok(Answer::default()));
            answers.add(CalleeAnswer { method, times, after, answer });
        }
        let given: Vec<_> = (0..5).filter_map(|_| answers.next(|_| true)?.method).collect();
        assert_eq!(given, ["b", "d", "d", "c", "c"]);
        assert_eq!(answers.next(|answer| answer.method.as_deref() == Some("b")).map(|_| ()), None);
    }
}
