//! The app under test: what comes in to it, what is there, what is outside of it, what goes wrong, what it took.

use std::time::Duration;

use super::{
    Callee, Disturbance, Invocation, NewEvent, Output, Request, Response, SentRequest, Store, Upstream, raw,
    told,
};
use crate::{class::millis, events::Event, http::Method};

pub use raw::app::{Failure, Job, Line, Usage};

/// How the world begins. It begins by itself when it is first needed; this is for a test that wants another one.
///
/// ```no_run
/// # use mecha_guest::test::app;
/// app::given().clock_ms(1_767_614_400_000).env("shop", "CURRENCY", "EUR").callee("pricing").begin();
/// ```
#[must_use]
pub fn given() -> Given {
    Given(raw::app::Given { clock_ms: None, seed: None, env: vec![], secrets: vec![], callees: vec![] })
}

/// A request with this method, such as [`Method::Put`].
pub fn request(method: &Method, target: impl Into<String>) -> Request {
    Request::new(method, target.into())
}

pub fn get(target: impl Into<String>) -> Request {
    request(&Method::Get, target)
}

pub fn post(target: impl Into<String>) -> Request {
    request(&Method::Post, target)
}

pub fn put(target: impl Into<String>) -> Request {
    request(&Method::Put, target)
}

pub fn delete(target: impl Into<String>) -> Request {
    request(&Method::Delete, target)
}

/// Sends requests that begin at the same time. The responses are in their order.
#[track_caller]
pub fn at_once(requests: impl IntoIterator<Item = Request>) -> Vec<Response> {
    let requests: Vec<_> = requests.into_iter().map(Request::into_raw).collect();
    told(raw::app::send_at_once(&requests)).into_iter().map(Response::from_raw).collect()
}

/// An event that comes in from outside, to be amended and published.
pub fn event(topic: impl Into<String>) -> NewEvent {
    NewEvent::new(topic.into())
}

/// A call of a component's method, as an operator would make it.
pub fn invoke(component: impl Into<String>, method: impl Into<String>) -> Invocation {
    Invocation::new(component.into(), method.into())
}

/// Lets time go on until a schedule of the manifest is due, and lets it run.
#[track_caller]
pub fn tick(schedule: &str) {
    told(raw::app::tick(schedule));
}

/// Puts a file into the folder of an input, and waits until it is taken from there.
#[track_caller]
pub fn put_file(input: &str, name: &str, content: impl AsRef<[u8]>) {
    told(raw::app::put_file(input, name, content.as_ref()));
}

/// Lets time go on, and with it happen what is due until then. It takes no real time.
#[track_caller]
pub fn wait(time: Duration) {
    told(raw::app::wait(millis(time)));
}

/// The app's time, in milliseconds of Unix time.
#[must_use]
pub fn now_ms() -> u64 {
    raw::app::now()
}

/// A store, by its name in the manifest; `STORE@COMPONENT` if several components have one of that name.
pub fn store(name: impl Into<String>) -> Store {
    Store(name.into())
}

/// What components published on a topic, in order. What the test published is not among it.
#[track_caller]
#[must_use]
pub fn events(topic: &str) -> Vec<Event> {
    told(raw::app::events(topic)).into_iter().map(Event::from).collect()
}

/// Jobs that a component has scheduled and that are still to run.
#[track_caller]
#[must_use]
pub fn jobs(component: &str) -> Vec<Job> {
    told(raw::app::jobs(component))
}

/// The system behind an output: what it answers, and what it was asked.
pub fn output(name: impl Into<String>) -> Output {
    Output(name.into())
}

/// A component that the test answers for, as [`Given::callee`] said.
pub fn callee(name: impl Into<String>) -> Callee {
    Callee(name.into())
}

/// Hosts outside that answer requests to this URL: scheme, host and path, in which `*` stands for any text.
pub fn upstream(url: impl Into<String>) -> Upstream {
    Upstream::new(url.into())
}

/// What was sent to hosts outside, in order.
#[must_use]
pub fn sent_requests() -> Vec<SentRequest> {
    raw::app::sent_requests()
}

/// An operation, such as `state.set`, does not happen, and the component is told an error of this class.
pub fn fail(operation: impl Into<String>, class: impl Into<String>) -> Disturbance {
    Disturbance::new(operation.into(), raw::app::Strike::Fail(class.into()))
}

/// An operation happens, and the component is told that it timed out.
pub fn lose(operation: impl Into<String>) -> Disturbance {
    Disturbance::new(operation.into(), raw::app::Strike::Lost)
}

/// An operation happens later.
pub fn delay(operation: impl Into<String>, time: Duration) -> Disturbance {
    Disturbance::new(operation.into(), raw::app::Strike::Slow(millis(time)))
}

/// What components printed, line by line.
#[must_use]
pub fn lines() -> Vec<Line> {
    raw::app::lines()
}

/// Calls of components that ended without an answer. A case fails if there is one that its test did not ask for.
#[must_use]
pub fn failures() -> Vec<Failure> {
    raw::app::failures()
}

/// What all calls of components used so far.
#[must_use]
pub fn used() -> Usage {
    raw::app::used()
}

/// How a world begins: made by [`given`], amended, then begun.
#[derive(Debug, Clone)]
#[must_use = "the world is only so if it is begun"]
pub struct Given(raw::app::Given);

impl Given {
    /// In milliseconds of Unix time. 2030-01-01T00:00:00Z unless said.
    pub fn clock_ms(mut self, ms: u64) -> Self {
        self.0.clock_ms = Some(ms);
        self
    }

    /// The seed of everything random that the app is given. 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = Some(seed);
        self
    }

    /// A variable of a component's environment, over what the manifest says.
    pub fn env(mut self, component: &str, name: &str, value: &str) -> Self {
        let (component, name, value) = (component.to_owned(), name.to_owned(), value.to_owned());
        self.0.env.push(raw::app::Variable { component, name, value });
        self
    }

    /// In place of the host's variable of that name, or file of that path, that a secret of the manifest comes from.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.0.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The test answers for this component: it is not called itself.
    pub fn callee(mut self, component: &str) -> Self {
        self.0.callees.push(component.to_owned());
        self
    }

    /// Begins the world, before anything else is asked.
    #[track_caller]
    pub fn begin(self) {
        told(raw::app::begin(&self.0));
    }
}
