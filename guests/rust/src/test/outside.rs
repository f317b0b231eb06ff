//! What is outside of the app: it answers, notes what it was asked, and fails.

use std::time::Duration;

use serde::Serialize;

use super::{Answer, answer::ALWAYS, raw, request::to_json, told};
use crate::{class::millis, content, http::Method};

pub use raw::app::{CalleeCall, OutputCall, SentRequest};

/// The system behind an output.
#[derive(Debug, Clone)]
pub struct Output(pub(super) String);

impl Output {
    /// Answers whatever is asked.
    #[track_caller]
    pub fn answer(&self, answer: Answer) {
        told(raw::app::answer_output(&self.0, None, ref_of(&answer.answer), answer.timing));
    }

    /// Answers one operation.
    #[track_caller]
    pub fn answer_to(&self, operation: &str, answer: Answer) {
        told(raw::app::answer_output(&self.0, Some(operation), ref_of(&answer.answer), answer.timing));
    }

    /// What it was asked, in order.
    #[track_caller]
    #[must_use]
    pub fn calls(&self) -> Vec<OutputCall> {
        told(raw::app::output_calls(&self.0))
    }
}

/// A component that the test answers for.
#[derive(Debug, Clone)]
pub struct Callee(pub(super) String);

impl Callee {
    /// Answers whatever is asked.
    #[track_caller]
    pub fn answer(&self, answer: Answer) {
        told(raw::app::answer_calls(&self.0, None, ref_of(&answer.answer), answer.timing));
    }

    /// Answers one method.
    #[track_caller]
    pub fn answer_to(&self, method: &str, answer: Answer) {
        told(raw::app::answer_calls(&self.0, Some(method), ref_of(&answer.answer), answer.timing));
    }

    /// What it was asked, in order.
    #[track_caller]
    #[must_use]
    pub fn calls(&self) -> Vec<CalleeCall> {
        told(raw::app::callee_calls(&self.0))
    }
}

fn ref_of(
    answer: &Result<raw::app::Answer, raw::app::AnswerError>,
) -> Result<&raw::app::Answer, &raw::app::AnswerError> {
    answer.as_ref()
}

/// What hosts outside answer: made by [`app::upstream`](super::app::upstream), amended, then added.
#[derive(Debug, Clone)]
#[must_use = "an answer is given only if it is added"]
pub struct Upstream(raw::app::Upstream);

impl Upstream {
    pub(super) fn new(url: String) -> Self {
        let (headers, body) = (vec![], vec![]);
        let (method, error, timing) = (None, None, ALWAYS);
        Self(raw::app::Upstream { method, url, status: 200, headers, body, error, timing })
    }

    /// Only requests with this method.
    pub fn method(mut self, method: &Method) -> Self {
        self.0.method = Some(method.to_string());
        self
    }

    /// 200 unless said.
    pub fn status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    pub fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self.header("content-type", content_type)
    }

    pub fn text(self, body: impl Into<String>) -> Self {
        self.bytes(content::TEXT, body.into())
    }

    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.bytes(content::JSON, to_json(value))
    }

    /// An error of this class in place of a response.
    pub fn error(mut self, class: impl Into<String>) -> Self {
        self.0.error = Some(class.into());
        self
    }

    /// How often it is given. Always unless said.
    pub fn times(mut self, times: u32) -> Self {
        self.0.timing.times = Some(times);
        self
    }

    /// How long it takes.
    pub fn after(mut self, time: Duration) -> Self {
        self.0.timing.after_ms = millis(time);
        self
    }

    /// From now on this is what is answered.
    #[track_caller]
    pub fn add(self) {
        told(raw::app::answer_requests(&self.0));
    }
}

/// That operations go wrong: made by [`app::fail`](super::app::fail) and its like, amended, then begun.
#[derive(Debug, Clone)]
#[must_use = "nothing goes wrong unless it is begun"]
pub struct Disturbance(raw::app::Disturbance);

impl Disturbance {
    pub(super) fn new(operation: String, strike: raw::app::Strike) -> Self {
        Self(raw::app::Disturbance { operation, component: None, nth: None, strike })
    }

    /// Of this component only.
    pub fn of(mut self, component: impl Into<String>) -> Self {
        self.0.component = Some(component.into());
        self
    }

    /// Only this one of those that match, counted from now on and from 1 on.
    pub fn nth(mut self, nth: u32) -> Self {
        self.0.nth = Some(nth);
        self
    }

    #[track_caller]
    pub fn begin(self) {
        told(raw::app::disturb(&self.0));
    }
}
