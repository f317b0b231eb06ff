//! What the keeper is told to do.

use std::collections::BTreeMap;

use mecha_guest::{
    http::Error,
    json::Value,
    state::raw::{transactions, types},
};
use serde::Deserialize;

/// One operation. What it does not need is ignored, but names that none needs are refused.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    #[serde(default = "main")]
    pub(crate) store: String,
    pub(crate) op: Op,
    #[serde(flatten)]
    pub(crate) target: Target,
    /// For `get-many`.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    /// For `set-many` and `delete-many`.
    #[serde(default)]
    pub(crate) requests: Vec<Target>,
    /// For `execute`.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// For `increment` and `add`.
    #[serde(default = "one")]
    pub(crate) delta: i64,
    // For `scan` and `scan-keys`.
    #[serde(default)]
    pub(crate) prefix: String,
    pub(crate) start: Option<String>,
    pub(crate) end: Option<String>,
    #[serde(default)]
    pub(crate) reverse: bool,
    #[serde(default = "hundred")]
    pub(crate) limit: u32,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Op {
    Name,
    Get,
    Peek,
    Exists,
    Set,
    Delete,
    Scan,
    ScanKeys,
    GetMany,
    SetMany,
    DeleteMany,
    Execute,
    Increment,
    Add,
}

/// A key, and what is to be done with it.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    #[serde(default)]
    pub(crate) key: String,
    value: Option<String>,
    value_hex: Option<String>,
    value_repeat: Option<usize>,
    /// The version that has to be there.
    etag: Option<String>,
    /// `absent` or `present`.
    when: Option<When>,
    pub(crate) ttl_ms: Option<u64>,
    content_type: Option<String>,
    /// What no field above has taken: a mistake in a story.
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    Absent,
    Present,
}

/// A step of a transaction.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    step: StepKind,
    #[serde(flatten)]
    target: Target,
    #[serde(default = "one")]
    delta: i64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StepKind {
    Set,
    Delete,
    Check,
    Add,
}

impl Call {
    /// Refuses names that mean nothing: a story with a slip of the pen must not pass.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let steps = self.steps.iter().map(|step| &step.target);
        let targets = std::iter::once(&self.target).chain(&self.requests).chain(steps);
        match targets.flat_map(|target| target.unknown.keys()).next() {
            None => Ok(()),
            Some(name) => Err(Error::status(422, format!("`{name}` means nothing here"))),
        }
    }

    pub(crate) fn range(&self) -> types::Range {
        types::Range {
            prefix: self.prefix.clone(),
            start: self.start.clone(),
            end: self.end.clone(),
            reverse: self.reverse,
        }
    }
}

impl Target {
    pub(crate) fn value(&self) -> Result<Vec<u8>, Error> {
        let value = match (&self.value, &self.value_hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => from_hex(hex)?,
            _ => return Err(Error::status(422, "one of `value` and `value_hex` is needed")),
        };
        Ok(value.repeat(self.value_repeat.unwrap_or(1)))
    }

    pub(crate) fn precondition(&self) -> Result<Option<types::Precondition>, Error> {
        Ok(match (self.when, &self.etag) {
            (None, None) => None,
            (Some(When::Absent), None) => Some(types::Precondition::Absent),
            (Some(When::Present), None) => Some(types::Precondition::Present),
            (None, Some(etag)) => Some(types::Precondition::Matches(etag.clone())),
            (Some(_), Some(_)) => return Err(Error::status(422, "`when` and `etag` exclude each other")),
        })
    }

    /// `None` if nothing is asked for, so that the WIT's `none` is used as well.
    pub(crate) fn options(&self) -> Result<Option<types::SetOptions>, Error> {
        let precondition = self.precondition()?;
        if precondition.is_none() && self.ttl_ms.is_none() && self.content_type.is_none() {
            return Ok(None);
        }
        let content_type = self.content_type.clone();
        Ok(Some(types::SetOptions { precondition, ttl_ms: self.ttl_ms, content_type }))
    }
}

impl Step {
    pub(crate) fn to_raw(&self) -> Result<transactions::Step, Error> {
        let key = self.target.key.clone();
        Ok(match self.step {
            StepKind::Set => {
                let (value, options) = (self.target.value()?, self.target.options()?);
                transactions::Step::Set(transactions::SetStep { key, value, options })
            }
            StepKind::Delete => {
                let precondition = self.target.precondition()?;
                transactions::Step::Delete(transactions::DeleteStep { key, precondition })
            }
            StepKind::Check => {
                let precondition = self
                    .target
                    .precondition()?
                    .ok_or_else(|| Error::status(422, "a check needs `when` or `etag`"))?;
                transactions::Step::Check(transactions::CheckStep { key, precondition })
            }
            StepKind::Add => transactions::Step::Add(transactions::AddStep { key, delta: self.delta }),
        })
    }
}

fn from_hex(hex: &str) -> Result<Vec<u8>, Error> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Error::status(422, "`value_hex` is not hexadecimal"))
}

fn main() -> String {
    "main".to_owned()
}

fn one() -> i64 {
    1
}

fn hundred() -> u32 {
    100
}
