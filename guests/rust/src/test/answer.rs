//! What systems outside, and components that the test answers for, answer.

use std::time::Duration;

use serde::Serialize;

use super::{raw, request::to_json};
use crate::{class::millis, content};

/// An answer. Answers that are given a number of times come first, in the order in which they were added; of those that
/// are given always, it is the last that fits.
#[derive(Debug, Clone)]
#[must_use = "an answer is given only if it is added"]
pub struct Answer {
    pub(super) answer: Result<raw::app::Answer, raw::app::AnswerError>,
    pub(super) timing: raw::app::Timing,
}

pub(super) const ALWAYS: raw::app::Timing = raw::app::Timing { times: None, after_ms: 0 };

impl Answer {
    /// Nothing but that it is done.
    pub fn empty() -> Self {
        Self::of(Ok(raw::app::Answer { data: vec![], content_type: None, metadata: vec![] }))
    }

    /// Bytes of that media type.
    pub fn bytes(content_type: &str, data: impl Into<Vec<u8>>) -> Self {
        let (data, content_type) = (data.into(), Some(content_type.to_owned()));
        Self::of(Ok(raw::app::Answer { data, content_type, metadata: vec![] }))
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(content::TEXT, text.into())
    }

    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::bytes(content::JSON, to_json(value))
    }

    /// An error of this class: `busy`, `timeout`, `denied`, `unavailable`, …
    pub fn error(class: impl Into<String>) -> Self {
        Self::of(Err(raw::app::AnswerError::Class(class.into())))
    }

    /// Of an output: the other system's refusal, with its own code. Of a component: its own fault, whose kind the code is.
    pub fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(Err(raw::app::AnswerError::Refused((code.into(), message.into()))))
    }

    /// Adds to the metadata. An error has none.
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Ok(answer) = &mut self.answer {
            answer.metadata.push((name.into(), value.into()));
        }
        self
    }

    /// How often it is given. Always unless said.
    pub fn times(mut self, times: u32) -> Self {
        self.timing.times = Some(times);
        self
    }

    /// How long it takes.
    pub fn after(mut self, time: Duration) -> Self {
        self.timing.after_ms = millis(time);
        self
    }

    fn of(answer: Result<raw::app::Answer, raw::app::AnswerError>) -> Self {
        Self { answer, timing: ALWAYS }
    }
}
