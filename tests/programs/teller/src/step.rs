//! What a script is made of: a JSON list of steps, each `{"do": NAME, …}`.
//!
//! In the script's text, `$id` stands for the id of what triggered the call (of an event, of a file; of a run it is the
//! time at which it was due), and `$attempt` for the number of the attempt.

use std::collections::BTreeMap;

use mecha_guest::json::{self, Value};
use serde::Deserialize;

/// A step. Keys are those of the store `main`, unless it names another.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Step {
    Get {
        #[serde(default = "main")]
        store: String,
        key: String,
    },
    Peek {
        key: String,
    },
    Exists {
        key: String,
    },
    Etag {
        key: String,
    },
    /// Keys and values, in order.
    List {
        prefix: String,
        limit: Option<u32>,
    },
    Set {
        #[serde(default = "main")]
        store: String,
        key: String,
        value: String,
        if_match: Option<String>,
    },
    /// Only if there is nothing.
    Create {
        key: String,
        value: String,
    },
    /// A value of so many bytes.
    SetLarge {
        key: String,
        size: usize,
    },
    /// As many keys as that, below a prefix.
    SetMany {
        prefix: String,
        count: usize,
    },
    Delete {
        key: String,
    },
    Add {
        key: String,
        by: i64,
    },
    Increment {
        key: String,
        by: i64,
    },
    /// Reads a number and writes it, larger by one, as plain code does.
    Increase {
        key: String,
    },
    /// The same, and begins again if somebody else was first.
    IncreaseGuarded {
        key: String,
    },
    /// Takes an amount from one number and adds it to another.
    Move {
        from: String,
        to: String,
        amount: i64,
    },
    /// If all these keys have these values.
    IfEqual {
        keys: BTreeMap<String, String>,
        then: Vec<Step>,
    },
    /// If there are so many keys below the prefix.
    IfCount {
        prefix: String,
        count: usize,
        then: Vec<Step>,
    },
    IfAttemptBelow {
        attempt: u32,
        then: Vec<Step>,
    },
    /// Goes on if the step is refused, and gives why.
    Try {
        step: Box<Step>,
    },
    Publish {
        topic: String,
        data: Value,
        id: Option<String>,
        key: Option<String>,
        ttl_ms: Option<u64>,
        delay_ms: Option<u64>,
    },
    Schedule {
        name: String,
        after_ms: u64,
        script: Value,
        #[serde(default)]
        replace: bool,
    },
    Cancel {
        name: String,
    },
    Jobs {},
    Invoke {
        target: String,
        method: String,
        script: Value,
        timeout_ms: Option<u64>,
    },
    Output {
        name: String,
        operation: String,
        #[serde(default)]
        meta: BTreeMap<String, String>,
        #[serde(default)]
        data: String,
    },
    Fetch {
        method: String,
        url: String,
    },
    WriteFile {
        path: String,
        text: String,
    },
    Context {},
    /// Other bytes each time, in hexadecimal.
    Random {},
    Log {
        text: String,
    },
    Wait {
        ms: u64,
    },
    /// Ends a request, or an invocation, with this.
    Answer {
        #[serde(default = "ok")]
        status: u16,
        /// So many bytes in the place of the results.
        size: Option<usize>,
        /// Carried out while the body is made, after its bytes.
        #[serde(default)]
        then: Vec<Step>,
        /// Carried out after the answer is whole.
        #[serde(default)]
        after: Vec<Step>,
    },
    Nack {},
    Reject {},
    Fault {},
    Trap {},
    Loop {},
    Exit {},
}

fn main() -> String {
    "main".to_owned()
}

fn ok() -> u16 {
    200
}

/// Reads a script; one that was triggered by something that has an id, with that and the number of the attempt put in.
pub fn parse(data: &[u8], trigger: Option<(&str, u32)>) -> Result<Vec<Step>, json::Error> {
    let Some((id, attempt)) = trigger else { return json::from_slice(data) };
    let id = json::to_string(id)?;
    let script = String::from_utf8_lossy(data);
    let script = script.replace("$id", id.trim_matches('"')).replace("$attempt", &attempt.to_string());
    json::from_str(&script)
}
